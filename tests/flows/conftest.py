"""One good run of the main job, made once; tests that change something work on a copy of its home."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import Home


@pytest.fixture(scope="session")
def good_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("eco") / "home")
    outcome = home.run()
    assert outcome.is_success, outcome.problems
    return home


@pytest.fixture
def copied_home(good_home: Home, tmp_path: Path) -> Callable[[], Home]:
    def copy() -> Home:
        return Home(Path(shutil.copytree(good_home.path, tmp_path / "home")))

    return copy
