"""Replays corrected batches: holds them against their contract again, and loads what passes so that a later delivery replaces it.

Rows that were set aside join their file's other rows, under the file's name and their row numbers; a file that was refused whole is
loaded as if it had come corrected. What still breaks the contract changes nothing. Killed at any moment, or run twice, the result is the
same: a row is in the lake once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eco_assets.aurion import incoming as arrivals
from eco_assets.aurion.batches import Batch
from eco_assets.aurion.edits import Outcome, standing
from eco_assets.aurion.incoming import Incoming
from eco_assets.aurion.load import Load, commit
from eco_assets.aurion.loads import record_load
from eco_assets.aurion.quarantine import REASONS, ROW, Held, Quarantine
from eco_assets.aurion.upserts import newest_by_key
from eco_assets.contracts.check import Violation, find_violations, literal, quoted, typed, typed_select, unique_sets
from eco_assets.contracts.contract import Contract
from eco_assets.errors import DataRejected

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Cells = Mapping[int, Mapping[str, str | None]]


@dataclass(frozen=True)
class Replayed:
    """What a replay did: rows that joined now, rows that still wait, and the batch that holds what joined."""

    rows: int
    waiting: int
    batch_id: str


def replay(quarantine: Quarantine, held: Held, *, by: str, why: str = "") -> Replayed:
    """Load a batch as it was corrected.

    Raises:
        DataRejected: it still breaks the contract, says where; or a newer delivery is served, so there is nothing to load.
    """
    with quarantine.lake.writing():  # so that no newer delivery is loaded in between
        held = quarantine.get(held.batch.batch_id)
        if held.status in ("dropped", "superseded"):
            raise DataRejected(f"batch {held.batch.batch_id} is {held.status}: there is nothing to replay")
        return (_whole if held.is_whole else _rows)(quarantine, held, by, why)


def texts_of(quarantine: Quarantine, held: Held, rows: Sequence[int]) -> dict[int, dict[str, str | None]]:
    """Some rows of a batch as text with their corrections, by number and by column of the file."""
    import duckdb

    contract = quarantine.contract(held.batch)
    cells, _, copy = standing(quarantine.edits.of(held.batch))
    with duckdb.connect() as db:
        if held.is_whole:
            quarantine.landing.read(db, contract, _arrival(db, quarantine, held.batch, contract, copy))
        else:
            _read_rows(db, quarantine, held.batch)
        found = db.execute(f"SELECT * FROM incoming WHERE {_in(rows)}")
        names = [item[0] for item in found.description or []]
        texts = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    return {int(row[ROW]): {name: text for name, text in row.items() if name != ROW} | dict(cells.get(int(row[ROW]), {})) for row in texts}


def _rows(quarantine: Quarantine, held: Held, by: str, why: str) -> Replayed:
    import duckdb

    batch, contract = held.batch, quarantine.contract(held.batch)
    if batch.status != "loaded":
        raise DataRejected(f"the other rows of {batch.file} are not in the lake yet: ingest first, then replay")
    cells, out, _ = standing(quarantine.edits.of(batch))
    with duckdb.connect() as db:
        _read_rows(db, quarantine, batch)
        _correct(db, cells, out)
        violations = find_violations(db, contract, batch.file)
        broken = {int(row) for (row,) in db.execute(f"SELECT DISTINCT {ROW} FROM broken").fetchall()}
        present = {int(row) for (row,) in db.execute(f"SELECT {ROW} FROM incoming").fetchall()}
        clean = present - broken
        if broken & set(cells) or (not clean and broken):
            raise DataRejected("still broken: " + "; ".join(map(str, violations)))
        extras = [name for name, *_ in db.execute("DESCRIBE incoming").fetchall() if name != ROW]
        joining = _typed(db, contract, batch, extras, clean)
    joined, served = (
        quarantine.lake.commit(lambda lake: _join(lake, contract, batch, joining), catalogue="raw") if clean else (0, batch.rows)
    )
    left = tuple(str(violation) for violation in violations)
    rows = served if contract.load_mode == "replace_file" else batch.rows + joined
    quarantine.landing.batches.save(replace(batch, rows=rows, rejected=len(broken), reasons=left))
    identity = _identity(batch, clean)
    quarantine.edits.conclude(Outcome(batch.batch_id, "replayed", len(clean), identity, by, why, _now()))
    return Replayed(joined, len(broken), identity)


def _whole(quarantine: Quarantine, held: Held, by: str, why: str) -> Replayed:
    batch, contract = held.batch, quarantine.contract(held.batch)
    landed = quarantine.landing.batches.get(batch.replayed_as) if batch.replayed_as else None
    if landed is not None and landed.status not in ("validated", "loaded"):
        raise DataRejected(f"a newer delivery of {batch.file} is served: there is nothing to replay")
    is_done = landed is not None and landed.status == "loaded"
    if landed is None:
        landed = _landed(quarantine, contract, batch)
        # From here on an ingestion takes the corrected batch for the file, so a kill before the commit below leaves it to that.
        quarantine.landing.batches.save(replace(batch, status="replayed", replayed_as=landed.batch_id))
    if landed.status != "loaded":
        commit(quarantine.lake, quarantine.landing, [Load(contract, [landed])])
    quarantine.edits.conclude(Outcome(batch.batch_id, "replayed", landed.rows, landed.batch_id, by, why, _now()))
    return Replayed(0 if is_done else landed.rows, landed.rejected, landed.batch_id)


def _landed(quarantine: Quarantine, contract: Contract, batch: Batch) -> Batch:
    """A refused batch as it was corrected, held against its contract and not loaded yet."""
    edits = quarantine.edits.of(batch)
    cells, out, copy = standing(edits)
    if not edits:
        raise DataRejected(f"still broken, for nothing of it was corrected: {'; '.join(batch.reasons)}")
    said = json.dumps([sorted(cells.items()), sorted(out), copy], default=str)
    fingerprint = hashlib.sha256(f"{batch.fingerprint}|{said}".encode()).hexdigest()
    newer = _newer_keys(quarantine, contract, batch)

    def correct(db: duckdb.DuckDBPyConnection) -> None:
        _correct(db, cells, out)
        if newer is not None:
            db.register("newer", newer)
            keys = ", ".join(f"{typed(column)} AS {quoted(column.name)}" for column in contract.columns if column.name in contract.key)
            names = ", ".join(quoted(name) for name in contract.key)
            stale = f"SELECT {ROW} FROM (SELECT {ROW}, {keys} FROM incoming) JOIN newer USING ({names})"
            db.execute(f"DELETE FROM incoming WHERE {ROW} IN ({stale})")

    landed = quarantine.landing.land_corrected(
        contract, batch, fingerprint, lambda db: _arrival(db, quarantine, batch, contract, copy), correct
    )
    _keep_deletes(quarantine, contract, batch, landed)
    return landed


def _read_rows(db: duckdb.DuckDBPyConnection, quarantine: Quarantine, batch: Batch) -> None:
    """Make the table `incoming` of the rows that were set aside."""
    path = quarantine.broken(batch)
    if not path.exists():
        raise DataRejected(f"the rows of batch {batch.batch_id} are not in quarantine any more")
    db.execute(f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT * EXCLUDE ({REASONS}) FROM read_parquet({literal(str(path))})")


def _arrival(db: duckdb.DuckDBPyConnection, quarantine: Quarantine, batch: Batch, contract: Contract, copy: str | None) -> Incoming:
    path = quarantine.corrected(batch, copy) if copy else quarantine.copy(batch)
    if path is None or not path.exists():
        raise DataRejected(f"the copy of {batch.file} is not in quarantine any more: send it again")
    if batch.source in ("files", "inbox"):
        return arrivals.of_file(db, contract, path)
    import pyarrow.parquet as pq

    upserts, _ = newest_by_key(contract, pq.read_table(path))
    return arrivals.of_rows(db, contract, upserts)


def _correct(db: duckdb.DuckDBPyConnection, cells: Cells, out: Iterable[int]) -> None:
    """Make the corrections in the table `incoming`."""
    for row, values in cells.items():
        sets = ", ".join(f"{quoted(name)} = ?" for name in values)
        db.execute(f"UPDATE incoming SET {sets} WHERE {ROW} = ?", [*values.values(), row])
    db.execute(f"DELETE FROM incoming WHERE {_in(out)}")


def _typed(db: duckdb.DuckDBPyConnection, contract: Contract, batch: Batch, names: Sequence[str], rows: Iterable[int]) -> pa.Table:
    """The clean rows as the lake has them, marks included."""
    known = {column.physical_name for column in contract.columns}
    extras = "".join(f", CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in names if name not in known)
    numbers = sorted(rows)
    marks = f"{literal(batch.file)} AS _eco_file, {ROW} AS _eco_row, {literal(_identity(batch, numbers))} AS _eco_batch"
    moment = f"TIMESTAMP '{_now()}' AS _eco_loaded_at"
    query = f"SELECT {typed_select(contract)}{extras}, {marks}, {moment} FROM incoming WHERE {_in(numbers)} ORDER BY {ROW}"
    return db.execute(query).to_arrow_table()


def _join(db: duckdb.DuckDBPyConnection, contract: Contract, batch: Batch, rows: pa.Table) -> tuple[int, int]:
    """Add rows to their file's others in one transaction; those that joined before are replaced.

    Returns how many are new, and how many rows of the file are served then.
    """
    newest = "SELECT load_id FROM aurion.loads WHERE tbl = ? AND origin = ? ORDER BY loaded_at DESC LIMIT 1"
    served = db.execute(newest, [batch.table, batch.file]).fetchone()
    if contract.load_mode == "replace_file" and served != (batch.batch_id,):
        raise DataRejected(f"a newer delivery of {batch.file} is served: there is nothing to replay")
    db.register("joining", rows)
    same = "t._eco_file = j._eco_file AND t._eco_row = j._eco_row"
    before = _count(db, f"SELECT count(*) FROM {contract.table} t WHERE EXISTS (SELECT 1 FROM joining j WHERE {same})")
    db.execute(f"DELETE FROM {contract.table} t WHERE EXISTS (SELECT 1 FROM joining j WHERE {same})")
    source, later = "joining j", ""
    if contract.load_mode == "replace_file":
        _refuse_repeats(db, contract, batch)
    else:
        by_key = " AND ".join(f"t.{quoted(name)} = j.{quoted(name)}" for name in contract.key)
        later = f"t._eco_loaded_at > TIMESTAMP '{batch.at}'" if contract.load_mode == "upsert" else "true"
        source = f"joining j WHERE NOT EXISTS (SELECT 1 FROM {contract.table} t WHERE {by_key} AND {later})"
        if contract.load_mode == "upsert":
            db.execute(f"DELETE FROM {contract.table} t WHERE NOT ({later}) AND EXISTS (SELECT 1 FROM joining j WHERE {by_key})")
    added = _count(db, f"SELECT count(*) FROM {source}")
    db.execute(f"INSERT INTO {contract.table} BY NAME SELECT j.* FROM {source}")
    if added > before:
        identity = str(rows.column("_eco_batch")[0].as_py())
        origin = f"{batch.file} (replay of {batch.batch_id})"  # not the file itself, whose last load is still the one that is served
        record_load(db, replace(batch, batch_id=identity, file=origin, rows=added - before, bytes=0, rejected=0))
    return added - before, _count(db, f"SELECT count(*) FROM {contract.table} WHERE _eco_file = {literal(batch.file)}")


def _refuse_repeats(db: duckdb.DuckDBPyConnection, contract: Contract, batch: Batch) -> None:
    """A corrected row may not take the place of one that its file has already."""
    for names in unique_sets(contract):
        same = " AND ".join(f"t.{quoted(name)} = j.{quoted(name)}" for name in names)
        found = db.execute(
            f"SELECT j._eco_row FROM {contract.table} t JOIN joining j ON {same} WHERE t._eco_file = ? ORDER BY 1 LIMIT 5", [batch.file]
        ).fetchall()
        if found:
            rows = tuple(int(row) for (row,) in found)
            violation = Violation(
                batch.file, "occurs already in a row that is served", "+".join(names), len(rows), rows, "after correction"
            )
            raise DataRejected(f"still broken: {violation}")


def _newer_keys(quarantine: Quarantine, contract: Contract, batch: Batch) -> pa.Table | None:
    """Keys that were loaded after a refused batch came; what it says of them is out of date."""
    if contract.load_mode != "upsert":
        return None
    keys = ", ".join(quoted(name) for name in contract.key)
    with quarantine.lake.raw() as db:
        return db.execute(f"SELECT {keys} FROM {contract.table} WHERE _eco_loaded_at > TIMESTAMP '{batch.at}'").to_arrow_table()


def _keep_deletes(quarantine: Quarantine, contract: Contract, batch: Batch, landed: Batch) -> None:
    """Removed keys of a refused batch are removed by its replay, unless they came again since."""
    import duckdb
    import pyarrow.parquet as pq

    source, newer = quarantine.landing.deletes(batch), _newer_keys(quarantine, contract, batch)
    if newer is None or not source.exists():
        return
    with duckdb.connect() as db:
        db.register("newer", newer)
        same = " AND ".join(f"n.{quoted(name)} = d.{quoted(name)}" for name in contract.key)
        still = f"SELECT * FROM read_parquet({literal(str(source))}) d WHERE NOT EXISTS (SELECT 1 FROM newer n WHERE {same})"
        pq.write_table(db.execute(still).to_arrow_table(), quarantine.landing.deletes(landed))


def _identity(batch: Batch, rows: Iterable[int]) -> str:
    """The batch id of rows that join a file: the same rows of the same batch have the same."""
    return hashlib.sha256(f"{batch.batch_id}|{sorted(rows)}".encode()).hexdigest()[:16]


def _in(rows: Iterable[int]) -> str:
    return f"{ROW} IN ({', '.join(str(int(row)) for row in rows) or 'NULL'})"


def _count(db: duckdb.DuckDBPyConnection, query: str) -> int:
    found: Any = db.execute(query).fetchone()
    return int(found[0]) if found else 0


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
