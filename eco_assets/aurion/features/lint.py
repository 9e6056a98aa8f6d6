"""Holds feature views against the columns that tables are declared with: dbt's models and the contracts of raw tables.

It needs no lake, so a wrong view is found when the graph is built and in tests, not when it is first read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from eco_assets.aurion.features.views import View
from eco_assets.contracts.contract import load_contracts
from eco_assets.errors import ConfigError
from eco_assets.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models"
_SCHEMAS = {"feat": "features", "mart": "marts"}
_ORIGIN = {"_eco_file": "varchar", "_eco_row": "bigint", "_eco_batch": "varchar", "_eco_loaded_at": "timestamp"}
Tables = Mapping[str, Mapping[str, str]]


@cache
def declared_tables(models: Path = MODELS) -> Tables:
    """Columns and types of every table that a view may read, by `schema.table` or `raw.domain.entity`."""
    import yaml

    found: dict[str, dict[str, str]] = {}
    for path in sorted(models.glob("*/*/*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            schema = _SCHEMAS.get(model["name"].split("_")[0])
            if schema:
                found[f"{schema}.{model['name']}"] = {column["name"]: column["data_type"].lower() for column in model["columns"]}
    for contract in load_contracts():
        found[f"raw.{contract.table}"] = {**{column.name: column.sql_type.lower() for column in contract.columns}, **_ORIGIN}
    return found


def lint(views: Iterable[View], tables: Tables | None = None) -> None:
    """Refuse the first view that names what does not exist.

    Raises:
        ConfigError: an unknown table or column, another type, another agent's table, a key of two types, or personal data that is not
            marked as such; names file and field.
    """
    known = declared_tables() if tables is None else tables
    personal, key_types = _personal(), dict[str, tuple[str, str]]()
    for view in views:
        where = f"{view.agent}/{view.name}.yaml"
        table = view.source.table
        if table not in known:
            raise ConfigError(f"{where}: source.table: no declared table {table!r}; there are {', '.join(sorted(known))}")
        if _agent(table) != view.agent:
            raise ConfigError(f"{where}: source.table: {table} belongs to {_agent(table)}: a view reads its own agent's tables")
        for field, column, type_ in view.columns:
            if column not in known[table]:
                raise ConfigError(f"{where}: {field}: {table} has no column {column!r}; it has {', '.join(known[table])}")
            if known[table][column] != type_:
                raise ConfigError(f"{where}: {field}: {column} is {type_} here and {known[table][column]} in {table}")
        for key in view.keys:
            type_, first = key_types.setdefault(key.name, (key.type, view.name))
            if type_ != key.type:
                raise ConfigError(f"{where}: keys: {key.name} is {key.type} here and {type_} in view {first}; a key has one type")
        for part in view.parts:
            if (table, part.name) in personal and not part.is_personal:
                raise ConfigError(f"{where}: {part.name}: its contract says personal data: add `is_personal: true`")


def _agent(table: str) -> str:
    """`raw.varejo.orders` and `marts.mart_varejo__replenishment` belong to varejo."""
    last = table.split(".")[1]
    return last if table.startswith("raw.") else last.split("_", 1)[1].split("__")[0]


@cache
def _personal() -> frozenset[tuple[str, str]]:
    columns = ((f"raw.{contract.table}", column) for contract in load_contracts() for column in contract.columns)
    return frozenset((table, column.name) for table, column in columns if column.is_personal)
