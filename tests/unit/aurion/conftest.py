"""A loaded house, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from served_house import SERVED, House

from eco_assets.contracts.contract import load_contracts


@pytest.fixture(scope="session")
def loaded_once(twin_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(twin_files, root / "data")
    house = House(root)
    chosen = [contract for contract in load_contracts() if contract.table in SERVED]
    for domain in sorted({contract.domain for contract in chosen}):
        assert all(landed.is_accepted for landed in house.platform.ingest(domain, chosen))
    return root


@pytest.fixture
def house(loaded_once: Path, tmp_path: Path) -> House:
    """A copy of the loaded house that the test may damage."""
    shutil.copytree(loaded_once, tmp_path, dirs_exist_ok=True)
    (tmp_path / "home" / "source.json").unlink()  # it names the folder that was copied from
    return House(tmp_path)
