"""The environments of foreign runtimes that the tests of this folder run in: made once a session from the registry's locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from eco_assets.aurion.connectors.environments import Environments, read_lock
from eco_assets.errors import SourceUnavailable


@pytest.fixture(scope="session")
def runtimes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the shared Airbyte environment and one tap's; skips without a package index."""
    root = tmp_path_factory.mktemp("runtimes")
    try:
        for name in ("airbyte-cdk", "tap-rest-api-msdk"):
            Environments(root).python(name, read_lock(name))
    except SourceUnavailable as error:
        pytest.skip(f"no package index: {error}")
    return root
