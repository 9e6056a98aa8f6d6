"""Holds one arrival against its contract and writes what passes as one typed Parquet file: all at once, else row by row.

The quick way says only that something is wrong; the slow way then names file, row and column. Which batch that is, what is remembered of
it and where a copy goes is `landing.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.aurion import incoming as arrivals
from eco_assets.aurion.batches import Batch
from eco_assets.aurion.drift import announced, fits_when_widened
from eco_assets.aurion.incoming import Incoming
from eco_assets.contracts.check import find_violations, literal, pattern_rules, quoted, typed_rules, typed_select, unique_sets
from eco_assets.contracts.contract import Contract
from eco_assets.errors import DataRejected

if TYPE_CHECKING:
    import duckdb

Correct = Callable[["duckdb.DuckDBPyConnection"], None]


def at_once(db: duckdb.DuckDBPyConnection, contract: Contract, came: Incoming, blank: Batch, target: Path) -> Batch | None:
    """Read, check and write in one pass; None as soon as anything is not as promised, which says nothing of what or where."""
    import duckdb

    if came.typed is None:
        return None
    rules = typed_rules(contract, lambda column: quoted(column.physical_name))
    fine = f"CASE WHEN {' OR '.join(f'coalesce({rule}, false)' for rule in rules)} THEN error('broken') ELSE true END" if rules else "true"
    rows = f"(SELECT *, row_number() OVER () AS _eco_row FROM {came.typed}) WHERE {fine}"
    try:
        _copy(db, f"{typed_select(contract, arrivals.whole)}{_extras(came)}", rows, blank, target)
        written = f"read_parquet({literal(str(target))})"
        count = _count(db, f"SELECT count(*) FROM {written}")
        if any(db.execute(f"SELECT 1 FROM {written} WHERE {rule} LIMIT 1").fetchone() for rule in pattern_rules(contract)):
            return None
        for columns in unique_sets(contract):
            names = ", ".join(quoted(name) for name in columns)
            present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
            marks = f"(SELECT hash({names}) AS mark FROM {written} WHERE {present})"  # two keys with one hash are told apart row by row
            if db.execute(f"SELECT 1 FROM {marks} GROUP BY mark HAVING count(*) > 1 LIMIT 1").fetchone():
                return None
    except duckdb.Error:
        return None
    if count == 0:
        return None
    return replace(blank, rows=count, changes=announced(contract, came), bytes=target.stat().st_size)


def row_by_row(
    db: duckdb.DuckDBPyConnection,
    contract: Contract,
    came: Incoming,
    blank: Batch,
    target: Path,
    broken: Path,
    correct: Correct = lambda _: None,
) -> Batch:
    """Find every row that breaks the contract and keep those in the Parquet file `broken`. Slow, and says file, row and column.

    `correct` may change the table `incoming` before. Raises `DataRejected` where nothing can be read.
    """
    load_texts(db, contract, came)
    correct(db)
    rows = _count(db, "SELECT count(*) FROM incoming")
    if rows == 0:
        raise DataRejected("the file has a header but no row; send it again with its content")
    violations = find_violations(db, contract, blank.file)
    wider = fits_when_widened(db, contract, violations)
    if wider is not contract:
        violations = find_violations(db, wider, blank.file)
    rejected = _count(db, "SELECT count(DISTINCT _eco_row) FROM broken")
    reasons = tuple(str(violation) for violation in violations)
    changes = announced(contract, came, wider)
    if rejected:
        _keep_rows(db, broken)
    if rejected and not (contract.keeps_good_rows and rejected <= contract.max_invalid_share * rows):
        return replace(blank, status="quarantined", rows=rows, rejected=rejected, reasons=reasons, changes=changes)
    good = "(SELECT * FROM incoming WHERE _eco_row NOT IN (SELECT _eco_row FROM broken) ORDER BY _eco_row)"
    _copy(db, f"{typed_select(wider)}{_extras(came)}", good, blank, target)
    return replace(blank, rows=rows - rejected, rejected=rejected, reasons=reasons, changes=changes, bytes=target.stat().st_size)


def load_texts(db: duckdb.DuckDBPyConnection, contract: Contract, came: Incoming) -> None:
    """Make the table `incoming`: every column as text, and `_eco_row`."""
    import duckdb

    names = [*(column.physical_name for column in contract.columns), *came.extra]
    columns = ", ".join(quoted(name) for name in names)
    try:
        db.execute(f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT row_number() OVER () AS _eco_row, {columns} FROM {came.texts}")
    except duckdb.Error as error:
        raise DataRejected(f"the file cannot be read as {contract.file_format}: {str(error).splitlines()[0]}") from error


def _copy(db: duckdb.DuckDBPyConnection, select: str, rows: str, batch: Batch, target: Path) -> None:
    temporary = target.with_suffix(".tmp")
    db.execute(
        f"""COPY (SELECT {select}, {literal(batch.file)} AS _eco_file, _eco_row, '{batch.batch_id}' AS _eco_batch,
              TIMESTAMP '{batch.at}' AS _eco_loaded_at FROM {rows}) TO {literal(str(temporary))} (FORMAT parquet, COMPRESSION zstd)"""
    )
    temporary.replace(target)


def _keep_rows(db: duckdb.DuckDBPyConnection, target: Path) -> None:
    """The broken rows as they came, each with every reason."""
    db.execute(
        f"""COPY (SELECT i.*, b.reasons AS _eco_reasons FROM incoming i JOIN (
              SELECT _eco_row, list(column_name || ': ' || rule ORDER BY column_name, rule) AS reasons FROM broken GROUP BY 1) b
            USING (_eco_row) ORDER BY _eco_row) TO {literal(str(target))} (FORMAT parquet)"""
    )


def _extras(came: Incoming) -> str:
    """Unannounced columns, kept as the text that they came as."""
    return "".join(f", CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in came.extra)


def _count(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0
