"""Landing: takes the files of a source one by one, holds each against its contract, and keeps or quarantines it.

A file is a batch. What passes becomes one typed Parquet file under `lake/landing`; what fails is copied with its reasons under
`lake/quarantine`, whole or row by row as the contract says, and the batch that was served before stays served. Writing to the
raw database is `load.py`'s.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.aurion.batches import Batch, Batches
from eco_assets.contracts.check import find_violations, literal, quoted, typed_select
from eco_assets.contracts.contract import Contract
from eco_assets.errors import DataRejected

if TYPE_CHECKING:
    import duckdb

_CHUNK = 1 << 20


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


class Landing:
    """Validates the files under `data_root` into the lake under `lake_root`."""

    def __init__(self, lake_root: Path, data_root: Path) -> None:
        self._root = lake_root
        self._data = data_root
        self.batches = Batches(lake_root / "batches.db")

    def land(self, contract: Contract) -> Landed:
        """Validate the files of one source that are new or changed; the others keep their verdict."""
        files = sorted(path for path in self._data.glob(contract.glob) if path.is_file())
        if not files:
            return Landed(contract, (), f"{contract.glob}: no such file under {self._data.name}/; put it there and run again")
        digest = hashlib.sha256(contract.path.read_bytes()).hexdigest()
        landed = tuple(self._land_file(contract, path, digest) for path in files)
        present = {batch.file for batch in landed}
        gone = {batch.file for batch in self.batches.list(contract.table, "loaded")} - present
        return Landed(contract, landed, gone=tuple(sorted(gone)))

    def refreshed(self, landed: Landed) -> Landed:
        """The same files with what the register says of them now; reads and hashes none of them again."""
        return replace(landed, batches=tuple(self.batches.get(batch.batch_id) or batch for batch in landed.batches))

    def parquet(self, batch: Batch) -> Path:
        """Where the accepted rows of a batch lie."""
        return self._root / "landing" / batch.table.replace(".", "/") / f"{batch.batch_id}.parquet"

    def _land_file(self, contract: Contract, path: Path, contract_digest: str) -> Batch:
        file = path.relative_to(self._data).as_posix()
        fingerprint = _sha256(path)
        batch_id = hashlib.sha256(f"{contract.table}|{file}|{fingerprint}|{contract_digest}".encode()).hexdigest()[:16]
        known = self.batches.get(batch_id)
        if known and (known.status in ("loaded", "quarantined") or self.parquet(known).exists()):
            return known if known.status != "replaced" else self.batches.save(replace(known, status="validated"))
        empty = Batch(batch_id, contract.table, file, fingerprint, contract.version, "validated", 0, 0, (), _now())
        try:
            return self.batches.save(self._validate(contract, path, empty))
        except DataRejected as error:
            self._keep_copy(path, empty)
            return self.batches.save(replace(empty, status="quarantined", reasons=(f"{file}: {error}",)))

    def _validate(self, contract: Contract, path: Path, batch: Batch) -> Batch:
        """Hold one file against its contract. Raises `DataRejected` when it cannot even be read as a table."""
        import duckdb

        with duckdb.connect() as db:
            _read(db, contract, path)
            rows = _count(db, "SELECT count(*) FROM incoming")
            if rows == 0:
                raise DataRejected("the file has a header but no row; send it again with its content")
            violations = find_violations(db, contract, batch.file)
            rejected = _count(db, "SELECT count(DISTINCT _eco_row) FROM broken")
            reasons = tuple(str(violation) for violation in violations)
            if rejected:
                self._keep_rows(db, batch)
            if rejected and not (contract.keeps_good_rows and rejected <= contract.max_invalid_share * rows):
                self._keep_copy(path, batch)
                return replace(batch, status="quarantined", rows=rows, rejected=rejected, reasons=reasons)
            self._write(db, contract, batch)
        return replace(batch, status="validated", rows=rows - rejected, rejected=rejected, reasons=reasons)

    def _write(self, db: duckdb.DuckDBPyConnection, contract: Contract, batch: Batch) -> None:
        target = self.parquet(batch)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".tmp")
        db.execute(
            f"""COPY (SELECT {typed_select(contract)}, {literal(batch.file)} AS _eco_file, _eco_row, '{batch.batch_id}' AS _eco_batch,
                  TIMESTAMP '{batch.at}' AS _eco_loaded_at
                FROM incoming WHERE _eco_row NOT IN (SELECT _eco_row FROM broken) ORDER BY _eco_row)
                TO {literal(str(temporary))} (FORMAT parquet, COMPRESSION zstd)"""
        )
        temporary.replace(target)

    def _quarantine(self, batch: Batch) -> Path:
        folder = self._root / "quarantine" / batch.table.replace(".", "/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _keep_rows(self, db: duckdb.DuckDBPyConnection, batch: Batch) -> None:
        """The broken rows as they came, each with every reason."""
        target = self._quarantine(batch) / f"{batch.batch_id}.parquet"
        db.execute(
            f"""COPY (SELECT i.*, b.reasons AS _eco_reasons FROM incoming i JOIN (
                  SELECT _eco_row, list(column_name || ': ' || rule ORDER BY column_name, rule) AS reasons FROM broken GROUP BY 1) b
                USING (_eco_row) ORDER BY _eco_row) TO {literal(str(target))} (FORMAT parquet)"""
        )

    def _keep_copy(self, path: Path, batch: Batch) -> None:
        shutil.copyfile(path, self._quarantine(batch) / f"{batch.batch_id}-{path.name}")


def _read(db: duckdb.DuckDBPyConnection, contract: Contract, path: Path) -> None:
    """Make the table `incoming`: every column of the file as text, and `_eco_row`. Raises `DataRejected`."""
    import duckdb

    if path.stat().st_size == 0:
        raise DataRejected("the file is empty; send it again with its content")
    if contract.file_format == "parquet":
        source, present = f"read_parquet({literal(str(path))})", _parquet_columns(db, path)
    else:
        present = _csv_columns(contract, path)
        shape = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in present)
        encoding = "utf-8" if contract.encoding.startswith("utf-8") else contract.encoding
        source = f"""read_csv({literal(str(path))}, encoding='{encoding}', auto_detect=false, header=true,
                     delim='{contract.delimiter}', quote='"', escape='"', strict_mode=true, columns={{{shape}}})"""
    missing = [column.physical_name for column in contract.columns if column.physical_name not in present]
    if len(missing) == len(contract.columns):  # what stands there instead may be a row of personal data: it is not shown
        raise DataRejected(
            f"column {', '.join(missing)} is missing: the first line is not the header of {contract.table}; send it with its header"
        )
    if missing:
        raise DataRejected(f"column {', '.join(missing)} is missing; the file has: {', '.join(present)}")
    texts = ", ".join(f"CAST({quoted(column.physical_name)} AS VARCHAR) AS {quoted(column.physical_name)}" for column in contract.columns)
    try:
        db.execute(f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT row_number() OVER () AS _eco_row, {texts} FROM {source}")
    except duckdb.Error as error:
        raise DataRejected(f"the file cannot be read as {contract.file_format}: {str(error).splitlines()[0]}") from error


def _parquet_columns(db: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    import duckdb

    try:
        return [row[0] for row in db.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))})").fetchall()]
    except duckdb.Error as error:
        raise DataRejected(f"the Parquet file is truncated or damaged ({str(error).splitlines()[0]}); send it again") from error


def _csv_columns(contract: Contract, path: Path) -> list[str]:
    """The header's names, after the whole file was found to be in the promised encoding."""
    decoder, lines = codecs.getincrementaldecoder(contract.encoding)(), 1
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                raise DataRejected(
                    f"line {line} is not {contract.encoding} (byte 0x{error.object[error.start]:02x}); save the file as {contract.encoding}"
                ) from error
            lines += chunk.count(b"\n")
    with path.open(encoding=contract.encoding, newline="") as text:
        header = text.readline()
    return next(csv.reader(io.StringIO(header), delimiter=contract.delimiter), [])


def _count(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
