"""Writes the dbt sources from the data contracts, so that a table's shape is stated once. `eco contracts dbt` runs it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import yaml

from eco_assets.contracts.contract import Contract, load_contracts

HEADER = "# Written from eco_assets/contracts/sources by `eco contracts dbt`. Change the contract, not this file.\n"


def render() -> str:
    """The content of `dbt_project/models/sources.yml`."""
    domains = [
        {"name": domain, "database": "raw", "schema": domain, "tables": [_table(contract) for contract in contracts]}
        for domain, contracts in groupby(load_contracts(), key=lambda contract: contract.domain)
    ]
    return HEADER + yaml.safe_dump({"version": 2, "sources": domains}, sort_keys=False, allow_unicode=True, width=140)


def write(project: Path) -> bool:
    """Write the file into a dbt project; returns whether it changed."""
    target, content = project / "models" / "sources.yml", render()
    if target.exists() and target.read_text(encoding="utf-8") == content:
        return False
    target.write_text(content, encoding="utf-8")
    return True


def _table(contract: Contract) -> dict[str, object]:
    columns = [
        {
            "name": column.name,
            "description": column.description,
            "data_type": column.sql_type,
            "config": {"meta": {"classification": column.classification}},
        }
        for column in contract.columns
    ]
    return {"name": contract.entity, "description": contract.description, "columns": columns}
