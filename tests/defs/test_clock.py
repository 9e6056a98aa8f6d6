"""A contract that says its source is recorded, and the staging model that replays it, must agree."""

from __future__ import annotations

import re

import pytest

from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.settings import PROJECT_ROOT

REPLAYED = re.compile(r"replayed\([^,]+, source\('(\w+)', '(\w+)'\)\)")


@pytest.mark.parametrize("contract", load_contracts(), ids=lambda contract: contract.table)
def test_a_recorded_source_is_replayed_and_a_live_one_is_not(contract: Contract) -> None:
    models = (PROJECT_ROOT / "dbt_project" / "models" / "staging").rglob("*.sql")
    replayed = {".".join(found) for path in models for found in REPLAYED.findall(path.read_text(encoding="utf-8"))}
    assert (contract.table in replayed) == (contract.clock == "recorded")
