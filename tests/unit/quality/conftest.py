"""The generated business, ingested and examined once for the tests that read it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from eco_assets.aurion.quality.examine import examine
from eco_assets.aurion.quality.findings import Finding
from eco_assets.contracts.contract import load_contracts
from eco_assets.platform import Platform
from eco_assets.settings import Settings

TWIN_DAY = date(2026, 10, 31)


@pytest.fixture(scope="session")
def twin_served(twin_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """All sources of the twin, loaded. Shared: read it, never change it."""
    platform = Platform(Settings(home=tmp_path_factory.mktemp("quality") / "home", data=twin_files, lake_wait_s=30))
    for domain in sorted({contract.domain for contract in load_contracts()}):
        assert all(landed.is_accepted for landed in platform.ingest(domain))
    return platform


@pytest.fixture(scope="session")
def twin_findings(twin_served: Platform) -> list[Finding]:
    """What the rules of all contracts find in the twin."""
    return examine(twin_served.lake, load_contracts(), TWIN_DAY)
