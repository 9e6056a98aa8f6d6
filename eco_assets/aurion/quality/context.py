"""What several rules of an examination ask about, read once: which tables there are, how many rows they hold, what was loaded when.

A query to the lake costs 10 to 40 ms however small it is, so 24 tables are counted by one and not by 24.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from eco_assets.contracts.check import literal

if TYPE_CHECKING:
    import duckdb

LOADS_KEPT = 60  # of one origin


@dataclass(frozen=True)
class Loaded:
    """One load, as `aurion.loads` has it."""

    source: str
    origin: str
    rows: int
    loaded_at: datetime


@dataclass(frozen=True)
class Context:
    """The state of the lake when its rules are judged, and the business day that they are judged for."""

    day: date
    tables: frozenset[str]
    served: dict[str, int]
    loads: dict[str, list[Loaded]]
    newest_load: datetime | None


def read(db: duckdb.DuckDBPyConnection, tables: Iterable[str], day: date) -> Context:
    """Read it for some tables; those that were never loaded are left out."""
    present = present_tables(db)
    wanted = sorted(set(tables) & present)
    counts = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in wanted)
    served = {str(table): int(count) for table, count in db.execute(counts).fetchall()} if wanted else {}
    if "aurion.loads" not in present:
        return Context(day, present, served, {}, None)
    kept = f"row_number() OVER (PARTITION BY tbl, origin ORDER BY loaded_at DESC) <= {LOADS_KEPT}"
    kept += f" AND row_number() OVER (PARTITION BY tbl ORDER BY loaded_at DESC) <= {100 * LOADS_KEPT}"  # a stream has an origin a load
    query = f"SELECT tbl, source, origin, rows, loaded_at FROM aurion.loads WHERE tbl {one_of(wanted)} QUALIFY {kept}"
    loads: dict[str, list[Loaded]] = {}
    for table, *values in db.execute(query).fetchall():
        loads.setdefault(str(table), []).append(Loaded(*values))
    return Context(day, present, served, loads, _one(db, "SELECT max(loaded_at) FROM aurion.loads"))


def one_of(values: Iterable[str]) -> str:
    """SQL that is true of one of some texts."""
    return f"IN ({', '.join(map(literal, values)) or 'NULL'})"


def present_tables(db: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Every table of the catalogue, as `schema.table`."""
    query = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_catalog = 'raw'"
    return frozenset(str(row[0]) for row in db.execute(query).fetchall())


def _one(db: duckdb.DuckDBPyConnection, query: str) -> Any:
    found = db.execute(query).fetchone()
    return found[0] if found else None
