"""Which columns a policy's query gives: from the lake where there is one, else from the SQL itself and the marts' dbt documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from eco_assets.lake import Lake
from eco_assets.mcp.policies import Policy
from eco_assets.settings import PROJECT_ROOT

_MARTS = PROJECT_ROOT / "dbt_project" / "models" / "marts"


@dataclass(frozen=True)
class Columns:
    """Columns that a query gives, None where that cannot be told; `missing` says which columns it reads that its marts do not have."""

    names: frozenset[str] | None
    missing: tuple[str, ...] = ()


def static_columns(policy: Policy) -> Columns:
    """From the SQL and the marts' documents."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(policy.query, read="duckdb")
    except SqlglotError as error:
        return Columns(None, (f"the query cannot be read: {str(error).splitlines()[0]}",))
    names = [expression.alias_or_name for expression in tree.selects]  # type: ignore[attr-defined]
    return Columns(None if "*" in names else frozenset(names), tuple(_undocumented(tree)))


def lake_columns(lake: Lake, policy: Policy) -> Columns:
    """From the lake, with the query itself; from the SQL where the lake cannot answer it."""
    import duckdb

    try:
        with lake.connect() as db:
            found = db.execute(f"SELECT * FROM ({policy.query}) LIMIT 0", {"as_of": date(2000, 1, 1)}).description
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        known = static_columns(policy)
        return Columns(known.names, (*known.missing, f"the lake refuses the query: {str(error).splitlines()[0]}"))
    return Columns(frozenset(str(column[0]) for column in found or ()))


def _undocumented(tree: Any) -> Iterator[str]:
    """Columns of marts that the query reads and the marts' documents do not name."""
    from sqlglot import exp

    tables = {table.alias_or_name: (table.db, table.name) for table in tree.find_all(exp.Table)}
    documented = _documented(_MARTS)
    for column in tree.find_all(exp.Column):
        schema, mart = tables.get(column.table, ("", ""))
        if schema == "marts" and mart not in documented:
            yield f"there is no mart {mart}"
        elif schema == "marts" and column.name not in documented[mart]:
            yield f"{mart} has no column {column.name!r}"


@cache
def _documented(root: Path) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for path in sorted(root.glob("*/*.yml")):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            found[model["name"]] = frozenset(column["name"] for column in model.get("columns", []))
    return found
