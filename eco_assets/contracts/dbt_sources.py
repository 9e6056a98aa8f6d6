"""Writes the dbt sources from the data contracts, so that a table's shape is stated once. `eco contracts dbt` runs it.

A compatibility view is a source of its own: a model that has not moved to the new version reads it by name.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import yaml

from eco_assets.contracts.compat import OldView, old_views
from eco_assets.contracts.contract import Contract, load_contracts

HEADER = "# Written from eco_assets/contracts/sources by `eco contracts dbt`. Change the contract, not this file.\n"


def render() -> str:
    """The content of `dbt_project/models/sources.yml`."""
    domains = [
        {"name": domain, "database": "raw", "schema": domain, "tables": [table for contract in contracts for table in tables(contract)]}
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


def tables(contract: Contract, views: list[OldView] | None = None) -> list[dict[str, object]]:
    """The source of a contract's table, and one for each old version that it still serves."""
    return [_table(contract), *(_view(view) for view in (old_views(contract) if views is None else views))]


def _table(contract: Contract) -> dict[str, object]:
    columns = [_column(column.name, column.description, column.sql_type, column.classification) for column in contract.columns]
    return {"name": contract.entity, "description": contract.description, "columns": columns}


def _view(view: OldView) -> dict[str, object]:
    old = view.terms.columns
    columns = [_column(name, old[name].description, sql_type, old[name].classification) for name, sql_type, _ in view.columns]
    description = f"Version {view.entry.version}, until {view.entry.until}: move to {view.terms.contract.entity}."
    name = view.name.split(".")[1]
    return {"name": name, "description": description, "config": {"meta": {"until": str(view.entry.until)}}, "columns": columns}


def _column(name: str, description: str, sql_type: str, classification: str) -> dict[str, object]:
    return {"name": name, "description": description, "data_type": sql_type, "config": {"meta": {"classification": classification}}}
