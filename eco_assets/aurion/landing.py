"""Landing: takes what arrived, holds it against its contract, and keeps or quarantines it.

A file, or what a connector read in one go, is a batch. What passes becomes one typed Parquet file in the raw catalogue's folder, not yet
part of the catalogue; what fails is copied with its reasons under `lake/quarantine`, whole or row by row as the contract says, and the
batch that was served before stays served. Making it part of the catalogue is `load.py`'s.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.aurion import incoming as arrivals
from eco_assets.aurion.batches import Batch, Batches
from eco_assets.aurion.drift import refusal_of_missing
from eco_assets.aurion.incoming import Incoming
from eco_assets.aurion.judge import Correct, at_once, load_texts, row_by_row
from eco_assets.aurion.loads import served_batches
from eco_assets.aurion.upserts import newest_by_key
from eco_assets.contracts.check import quoted
from eco_assets.contracts.contract import Column, Contract
from eco_assets.errors import DataRejected, NotFound
from eco_assets.lake import Lake

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class Landed:
    """What became of a source's files: one batch a file, as they are now. `gone` names files whose rows are served, but that left."""

    contract: Contract
    batches: tuple[Batch, ...]
    missing: str = ""
    gone: tuple[str, ...] = ()

    @property
    def quarantined(self) -> tuple[Batch, ...]:
        """Batches that were refused whole."""
        return tuple(batch for batch in self.batches if batch.status == "quarantined")

    @property
    def is_accepted(self) -> bool:
        """True when every file may be served."""
        return not self.missing and not self.quarantined

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why anything was refused, in words: file, row, column."""
        found = tuple(reason for batch in self.batches for reason in batch.reasons)
        return (self.missing, *found) if self.missing else found

    @property
    def changes(self) -> tuple[str, ...]:
        """How what arrived went beyond the contract in ways that hurt nobody."""
        return tuple(dict.fromkeys(change for batch in self.batches for change in batch.changes))


class Landing:
    """Validates what arrives for one lake. Files of `files` lie under `data_root`, those of `inbox` under `inbox`."""

    def __init__(self, lake: Lake, data_root: Path, inbox: Path) -> None:
        self._lake = lake
        self._roots = {"files": data_root, "inbox": inbox}
        self.batches = Batches(lake.root / "batches.db")

    def land(self, contract: Contract) -> Landed:
        """Validate the files of one source that are new or changed; the others keep their verdict."""
        root = self._roots[contract.server]
        files = sorted(path for path in root.glob(contract.glob) if path.is_file())
        if not files and contract.server == "files":
            return Landed(contract, (), f"{contract.glob}: no such file under {root.name}/; put it there and run again")
        served = served_batches(self._lake, contract)
        landed = tuple(self._land_file(contract, path, root, served) for path in files)
        present = {batch.file for batch in landed}
        known = self.batches.list(contract.table, "loaded")
        gone = {batch.file for batch in known} - present if contract.load_mode == "replace_file" else set()
        return Landed(contract, landed, gone=tuple(sorted(gone)))

    def land_rows(
        self, contract: Contract, rows: pa.Table, origin: str, *, source: str, window: tuple[str | None, str | None] = (None, None)
    ) -> Batch:
        """Validate rows that a connector read, one row or more; `origin` says where they came from, `window` the cursor range.

        The same rows may come twice with others in between, so they are a batch of their own each time, unless they were refused.
        """
        import pyarrow.parquet as pq

        fingerprint = _rows_sha256(rows)
        batch_id = self._batch_id(contract, origin, fingerprint)
        known = self._settled(batch_id)
        if known and (known.status in ("quarantined", "dropped") or known.batch_id != batch_id):
            return known
        if known:
            batch_id = self._batch_id(contract, origin, f"{fingerprint} {_now()}")
        blank = Batch(batch_id, contract.table, origin, fingerprint, contract.version, "validated", 0, 0, (), _now())
        blank = replace(blank, source=source, cursor_from=window[0], cursor_to=window[1])
        upserts, deletes = newest_by_key(contract, rows)
        if deletes.num_rows:
            self.deletes(blank).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(deletes, self.deletes(blank))
        if not upserts.num_rows:
            return self.batches.save(blank)
        keep = self._quarantine(blank) / f"{batch_id}-rows.parquet"
        return self._judge(contract, blank, lambda db: arrivals.of_rows(db, contract, upserts), lambda: pq.write_table(rows, keep))

    def land_corrected(
        self,
        contract: Contract,
        refused: Batch,
        fingerprint: str,
        arrive: Callable[[duckdb.DuckDBPyConnection], Incoming],
        correct: Correct,
    ) -> Batch:
        """Validate a refused batch as a person corrected it; `correct` changes the table `incoming`.

        Raises:
            DataRejected: it still breaks the contract. Nothing is remembered of it then.
        """
        import duckdb

        batch_id = self._batch_id(contract, refused.file, fingerprint)
        known = self.batches.get(batch_id)
        if known and self._is_kept(known, served_batches(self._lake, contract)):
            return known
        blank = replace(refused, batch_id=batch_id, fingerprint=fingerprint, contract_version=contract.version, status="validated")
        blank = replace(blank, rows=0, rejected=0, reasons=(), changes=(), at=_now(), replayed_as=None)
        target = self.parquet(blank)
        target.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(config={"temp_directory": str(self._lake.root / "tmp")}) as db:
            came = self._complete(contract, arrive(db))
            judged = row_by_row(db, contract, came, blank, target, self._broken(blank), correct)
        if judged.status == "quarantined":
            self._broken(blank).unlink(missing_ok=True)
            raise DataRejected("; ".join(judged.reasons))
        return self.batches.save(judged)

    def read(self, db: duckdb.DuckDBPyConnection, contract: Contract, came: Incoming) -> None:
        """Make the table `incoming` of an arrival: its columns as text, and `_eco_row`. Raises `DataRejected` where it cannot be read."""
        load_texts(db, contract, self._complete(contract, came))

    def reconcile(self, contract: Contract) -> None:
        """Tell the register of batches that are in the lake, but whose process was killed before it could say so."""
        served = served_batches(self._lake, contract)
        for batch in self.batches.list(contract.table, "validated"):
            if batch.batch_id in served:
                self.batches.mark_loaded(batch)

    def refreshed(self, landed: Landed) -> Landed:
        """The same files with what the register says of them now; reads and hashes none of them again."""
        return replace(landed, batches=tuple(self.batches.get(batch.batch_id) or batch for batch in landed.batches))

    def parquet(self, batch: Batch) -> Path:
        """Where the accepted rows of a batch lie; a batch that comes again gets another file, because the lake may delete the old one."""
        stamp = batch.at.translate(str.maketrans("", "", "-: ."))
        return self._lake.data("raw") / batch.table.replace(".", "/") / f"{batch.batch_id}-{stamp}.parquet"

    def deletes(self, batch: Batch) -> Path:
        """Where the keys lie that a source removed; there is no such file when it removed none."""
        return self._lake.root / "deletes" / f"{batch.batch_id}.parquet"

    def _batch_id(self, contract: Contract, origin: str, fingerprint: str) -> str:
        digest = hashlib.sha256(contract.path.read_bytes()).hexdigest()
        return hashlib.sha256(f"{contract.table}|{origin}|{fingerprint}|{digest}".encode()).hexdigest()[:16]

    def _settled(self, batch_id: str) -> Batch | None:
        """What the register says of an arrival; of one that a person corrected, what was loaded in its place."""
        known = self.batches.get(batch_id)
        return (self.batches.get(known.replayed_as) if known.replayed_as else None) or known if known else None

    def _is_kept(self, batch: Batch, served: frozenset[str]) -> bool:
        """True when a batch needs no second look: it was refused, is in the lake, or waits to be loaded."""
        if batch.status in ("quarantined", "dropped") or batch.batch_id in served:
            return True
        return batch.status == "validated" and (
            self.parquet(batch).exists() or (batch.rows == 0 and batch.source not in ("files", "inbox"))
        )

    def _land_file(self, contract: Contract, path: Path, root: Path, served: frozenset[str]) -> Batch:
        file = path.relative_to(root).as_posix()
        fingerprint = _sha256(path)
        batch_id = self._batch_id(contract, file, fingerprint)
        known = self._settled(batch_id)
        if known and self._is_kept(known, served):
            is_unmarked = known.batch_id in served and known.status != "loaded"  # killed after the commit, before the register knew of it
            return self.batches.mark_loaded(known) if is_unmarked else known
        blank = Batch(batch_id, contract.table, file, fingerprint, contract.version, "validated", 0, 0, (), _now(), source=contract.server)
        return self._judge(contract, blank, lambda db: arrivals.of_file(db, contract, path), lambda: self._keep_copy(path, blank))

    def _judge(
        self, contract: Contract, blank: Batch, arrive: Callable[[duckdb.DuckDBPyConnection], Incoming], keep: Callable[[], None]
    ) -> Batch:
        """Validate one arrival and remember the verdict; `keep` copies it whole into quarantine."""
        import duckdb

        target = self.parquet(blank)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with duckdb.connect(config={"temp_directory": str(self._lake.root / "tmp")}) as db:
                came = self._complete(contract, arrive(db))
                judged = at_once(db, contract, came, blank, target) or row_by_row(db, contract, came, blank, target, self._broken(blank))
        except DataRejected as error:
            keep()
            return self.batches.save(replace(blank, status="quarantined", reasons=(f"{blank.file}: {error}",)))
        if judged.status == "quarantined":
            keep()
        return self.batches.save(judged)

    def _complete(self, contract: Contract, came: Incoming) -> Incoming:
        """The arrival with optional columns that were never delivered as empty ones. Raises `DataRejected` where others are missing."""
        if not came.missing:
            return came
        absent = [column for column in contract.columns if column.physical_name in came.missing]
        is_headless = len(absent) == len(contract.columns)
        lost = [
            c.physical_name for c in absent if is_headless or c.is_required or c.name in contract.key or self._was_delivered(contract, c)
        ]
        if lost:
            raise DataRejected(refusal_of_missing(contract, came, lost))
        return arrivals.without(came, contract)

    def _was_delivered(self, contract: Contract, column: Column) -> bool:
        import duckdb

        try:
            with self._lake.raw() as db:
                query = f"SELECT 1 FROM {contract.table} WHERE {quoted(column.name)} IS NOT NULL LIMIT 1"
                return db.execute(query).fetchone() is not None
        except (NotFound, duckdb.CatalogException, duckdb.BinderException):  # no such table or column yet
            return False

    def _quarantine(self, batch: Batch) -> Path:
        folder = self._lake.root / "quarantine" / batch.table.replace(".", "/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _broken(self, batch: Batch) -> Path:
        """Where the rows go that break the contract."""
        return self._quarantine(batch) / f"{batch.batch_id}.parquet"

    def _keep_copy(self, path: Path, batch: Batch) -> None:
        shutil.copyfile(path, self._quarantine(batch) / f"{batch.batch_id}-{path.name}")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _rows_sha256(rows: pa.Table) -> str:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
