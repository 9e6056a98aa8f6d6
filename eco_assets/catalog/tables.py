"""Small questions to the lake that the catalogue asks of every table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from eco_assets.contracts.check import quoted

if TYPE_CHECKING:
    import duckdb

    from eco_assets.lake import Lake


@contextmanager
def reading(lake: Lake, catalogue: str) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """A connection, or None while nothing was built in the catalogue."""
    if not lake.exists(catalogue):
        yield None
        return
    with lake.connect(catalogue=catalogue) as db:
        yield db


def types_of(db: duckdb.DuckDBPyConnection | None, name: str) -> dict[str, str]:
    """The columns that a table has now, with their types; none while it is not built."""
    if db is None:
        return {}
    catalogue, schema, table = parts_of(name)
    query = """SELECT column_name, data_type FROM information_schema.columns
               WHERE table_catalog = $catalogue AND table_schema = $schema AND table_name = $table ORDER BY ordinal_position"""
    return dict(db.execute(query, {"catalogue": catalogue, "schema": schema, "table": table}).fetchall())


def parts_of(name: str) -> tuple[str, str, str]:
    """Catalogue, schema and table of a dataset's name."""
    parts = name.split(".")
    catalogue, schema, table = parts if len(parts) == 3 else ("eco", *parts)
    return catalogue, schema, table


def relation(name: str) -> str:
    """A dataset as SQL names it from any catalogue."""
    return ".".join(quoted(part) for part in parts_of(name))


def value(db: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, str] | None = None) -> object:
    """The one value of a query; None where there is none."""
    row = db.execute(query, parameters or {}).fetchone()
    return row[0] if row else None
