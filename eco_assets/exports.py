"""Writes a table of the lake as a CSV or Parquet file for people and programs outside: stable columns and order, protected values masked.

The same rows give the same bytes. Beside each file lies `<file>.schema.json`: columns with type and protection, rows, digest. A file
appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from eco_assets.catalog.samples import MASK, Protections
from eco_assets.contracts.check import literal, quoted
from eco_assets.contracts.contract import load_contracts
from eco_assets.errors import NotFound
from eco_assets.lineage.project import load_lineage

if TYPE_CHECKING:
    import duckdb

    from eco_assets.lake import Lake

Form = Literal["csv", "parquet"]
LAYERS = ("features", "marts", "predictions")
DAY = "as_of"
_OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}


@dataclass(frozen=True)
class Field:
    """A column of the file. `is_masked`: text became `•••`, any other type NULL."""

    name: str
    type: str
    classification: str
    is_personal: bool
    is_masked: bool


@dataclass(frozen=True)
class Export:
    """A file that was written, and what is in it."""

    path: str
    table: str
    day: str
    rows: int
    sha256: str
    columns: tuple[Field, ...]


def tables(lake: Lake) -> list[str]:
    """What may be exported, as `marts.mart_varejo__replenishment`."""
    query = (
        f"SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = 'eco' AND schema_name IN {LAYERS} ORDER BY 1"
    )
    with lake.connect() as db:
        return [name for (name,) in db.execute(query).fetchall()]


def export(lake: Lake, table: str, target: Path, *, day: date | None = None, form: Form = "csv", reveal: bool = False) -> Export:
    """Write one table, or one business day of it.

    Args:
        lake: where the table is.
        table: `schema.table` of the features, marts or predictions.
        target: the file; an older one is replaced.
        day: only rows of this day, in a table that keeps a snapshot a day.
        form: `csv` (UTF-8, ISO dates, `.` as decimal point) or `parquet`.
        reveal: leave protected columns readable, for whoever may see them.

    Raises:
        NotFound: there is no such table, or it keeps no days.
    """
    known = tables(lake)
    if table not in known:
        raise NotFound(f"no table {table!r} to export; there are: {', '.join(known) or 'none yet, run `make run`'}")
    with lake.connect() as db:
        columns = _fields(db, table, reveal)
        if day is not None and DAY not in {column.name for column in columns}:
            raise NotFound(f"{table} keeps no days: leave out the day")
        select = ", ".join(_shown(column) for column in columns)
        where = f"WHERE {DAY} = DATE '{day.isoformat()}'" if day else ""
        target.parent.mkdir(parents=True, exist_ok=True)
        making = target.with_name(f".{target.name}.making")
        # The order is of the values before masking, so that a masked file is stable too.
        db.execute(f"COPY (SELECT {select} FROM (FROM {table} {where} ORDER BY ALL)) TO {literal(str(making))} ({_OPTIONS[form]})")
        rows = _count(db, f"SELECT count(*) FROM {table} {where}")
    with making.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    done = Export(str(target), table, day.isoformat() if day else "", rows, digest, tuple(columns))
    schema = target.with_name(f"{target.name}.schema.json")
    schema.write_text(json.dumps(asdict(done) | {"path": target.name}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    making.replace(target)
    return done


def _fields(db: duckdb.DuckDBPyConnection, table: str, reveal: bool) -> list[Field]:
    protections = Protections(load_contracts(), load_lineage())
    found = []
    for name, type_, *_ in db.execute(f"DESCRIBE {table}").fetchall():
        is_predicted = table.startswith("predictions.")  # made by a model, not of lineage; their keys are of the marts'
        each = protections.of(table, name)
        is_masked = not reveal and not each.is_shown and (each.is_announced or not is_predicted)
        found.append(Field(name, type_, each.classification, each.is_personal, is_masked))
    return found


def _shown(column: Field) -> str:
    if not column.is_masked:
        return quoted(column.name)
    hidden = literal(MASK) if column.type == "VARCHAR" else f"CAST(NULL AS {column.type})"
    return f"{hidden} AS {quoted(column.name)}"


def _count(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0
