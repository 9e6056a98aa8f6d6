"""Fixtures that every test may use: the generated business (made once a session) and a platform on a copy of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from eco_assets.platform import Platform
from eco_assets.settings import Settings


@pytest.fixture(scope="session")
def twin_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated business at a fifth of its size. Shared: read it, copy it, never change it."""
    from eco_assets.twin.generate import generate

    root = tmp_path_factory.mktemp("twin") / "data"
    generate(root, scale=0.2)
    return root


@pytest.fixture
def data_root(twin_files: Path, tmp_path: Path) -> Path:
    """A copy of the generated business that the test may damage."""
    return Path(shutil.copytree(twin_files, tmp_path / "data"))


@pytest.fixture
def platform(data_root: Path, tmp_path: Path) -> Platform:
    """All engines on an empty home, over `data_root`."""
    return Platform(Settings(home=tmp_path / "home", data=data_root, lake_wait_s=30))
