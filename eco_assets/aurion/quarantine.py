"""Quarantine as people meet it: what is held back, why, the rows, corrections, and what is given up.

Setting aside in the first place is `landing.py`'s, loading what was corrected `replay.py`'s, the tables for SQL `published.py`'s. A
batch is held `whole` (nothing of it is served) or by `rows` (its good rows are served). Personal data is masked unless it is asked for.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.aurion.batches import Batch
from eco_assets.aurion.edits import FILE, LEFT_OUT, Edit, Edits, Outcome, standing
from eco_assets.aurion.landing import Landing
from eco_assets.aurion.quality.findings import MASK
from eco_assets.contracts.check import literal
from eco_assets.contracts.contract import Contract
from eco_assets.errors import DataRejected, NotFound
from eco_assets.lake import Lake

if TYPE_CHECKING:
    from eco_assets.platform import Platform

ROW, REASONS = "_eco_row", "_eco_reasons"
_WHOLE = ("quarantined", "replayed", "dropped")


@dataclass(frozen=True)
class Held:
    """A batch in quarantine. `status`: `open`, `edited`, `replayed`, `dropped`, or `superseded` by a later delivery."""

    batch: Batch
    is_whole: bool
    status: str
    edits: int

    @property
    def is_waiting(self) -> bool:
        """Whether somebody should look."""
        return self.status in ("open", "edited")


class Quarantine:
    """What is held back in one lake."""

    def __init__(self, lake: Lake, landing: Landing, contracts: Iterable[Contract]) -> None:
        self.lake = lake
        self.landing = landing
        self.edits = Edits(lake.root / "quarantine.db")
        self._contracts = {contract.table: contract for contract in contracts}

    @property
    def contracts(self) -> list[Contract]:
        """The contracts of every table that may have rows in quarantine."""
        return list(self._contracts.values())

    def contract(self, batch: Batch) -> Contract:
        """The contract of a batch's table. Raises `NotFound` when its connection is gone."""
        if batch.table not in self._contracts:
            raise NotFound(f"{batch.table} has no contract any more; put its connection back, or drop {batch.batch_id}")
        return self._contracts[batch.table]

    def held(self, *, everything: bool = False) -> list[Held]:
        """What waits for a person, oldest first; `everything` adds what was settled."""
        known = self.landing.batches.list()
        ends, counts = self.edits.outcomes(), self.edits.counts()
        newest: dict[tuple[str, str], str] = {}
        for batch in known:
            if batch.status == "loaded":
                newest[batch.table, batch.file] = max(batch.at, newest.get((batch.table, batch.file), ""))
        found = []
        half_way = {batch.batch_id for batch in known if batch.status == "validated"}  # a replay killed before its commit
        for batch in known:
            is_whole = batch.status in _WHOLE
            if is_whole or batch.rejected or batch.batch_id in ends:
                edits = counts.get((batch.table, batch.file, batch.fingerprint), 0)
                status = _status(batch, ends.get(batch.batch_id, []), newest.get((batch.table, batch.file), ""), edits)
                if status == "replayed" and batch.replayed_as in half_way:
                    status = "edited"
                found.append(Held(batch, is_whole, status, edits))
        return [each for each in found if everything or each.is_waiting]

    def get(self, prefix: str) -> Held:
        """The batch whose id begins so. Raises `NotFound` when none or several do."""
        found = [held for held in self.held(everything=True) if held.batch.batch_id.startswith(prefix)]
        if len(found) != 1:
            what = "no batch in quarantine begins with" if not found else f"{len(found)} batches begin with"
            raise NotFound(f"{what} {prefix!r}; `eco quarantine list --all` shows them")
        return found[0]

    def broken(self, batch: Batch) -> Path:
        """The Parquet file of the rows that break the contract; there is none where the file could not even be read."""
        return self._folder(batch) / f"{batch.batch_id}.parquet"

    def copy(self, batch: Batch) -> Path | None:
        """The copy of a batch that was refused whole."""
        found = sorted(self._folder(batch).glob(f"{batch.batch_id}-*"))
        kept = [path for path in found if not path.name.startswith(f"{batch.batch_id}-corrected-")]
        return kept[0] if kept else None

    def corrected(self, batch: Batch, name: str) -> Path:
        """A corrected copy of a whole file, under the name that its edit gives."""
        return self._folder(batch) / name

    def _folder(self, batch: Batch) -> Path:
        return self.lake.root / "quarantine" / batch.table.replace(".", "/")

    def rows(self, batch: Batch, *, reveal: bool = False) -> list[dict[str, str | None]]:
        """The broken rows under the names of the file, corrections made, with their reasons; personal data masked unless revealed."""
        import duckdb

        if not self.broken(batch).exists():
            return []
        with duckdb.connect() as db:
            found = db.execute(f"SELECT * FROM read_parquet({literal(str(self.broken(batch)))}) ORDER BY {ROW}")
            names = [item[0] for item in found.description or []]
            raw = found.fetchall()
        cells, out, _ = standing(self.edits.of(batch))
        open_names = self.open_names(batch)
        rows = []
        for values in raw:
            row = dict(zip(names, values, strict=True))
            number, reasons = int(row[ROW]), "; ".join(row.pop(REASONS))
            texts = {name: value for name, value in row.items() if name != ROW} | cells.get(number, {})
            shown = {name: value if reveal or name in open_names or value is None else MASK for name, value in texts.items()}
            rows.append({ROW: str(number), **shown, REASONS: f"left out; {reasons}" if number in out else reasons})
        return rows

    def open_names(self, batch: Batch) -> set[str]:
        """Columns of the file that may be shown; what the contract does not name might be anything, so it may not."""
        contract = self._contracts.get(batch.table)
        return {column.physical_name for column in contract.columns if not column.is_personal} if contract else set()

    def export(self, held: Held, path: Path, *, reveal: bool = False) -> int:
        """Write the broken rows as CSV, to be corrected there and read back by `fix_from`; returns their number.

        Raises:
            DataRejected: no row of it could be read.
        """
        rows = self.rows(held.batch, reveal=reveal)
        if not rows:
            raise DataRejected(f"no row of {held.batch.file} could be read: correct a copy of the file, {self.copy(held.batch)}")
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return len(rows)

    def fix(
        self, held: Held, changes: Mapping[int, Mapping[str, str | None]], *, by: str, why: str = "", leave_out: Iterable[int] = ()
    ) -> int:
        """Record corrections of cells, and rows to leave out; returns the number of corrections.

        Raises:
            NotFound: a row or a column is not in the batch.
            DataRejected: the batch is settled already.
        """
        batch = self._waiting(held).batch
        now, numbers = self._cells(held, {*changes, *leave_out}), sorted({*changes, *leave_out})
        made = []
        for number in numbers:
            for column, value in changes.get(number, {}).items():
                if column not in now[number]:
                    raise NotFound(f"{batch.file} has no column {column!r}; its columns are {', '.join(now[number])}")
                if value != now[number][column]:
                    made.append(Edit(number, column, now[number][column], value, by, why, _now()))
            if number in set(leave_out):
                made.append(Edit(number, LEFT_OUT, None, None, by, why, _now()))
        self.edits.add(batch, made)
        return len(made)

    def fix_from(self, held: Held, path: Path, *, by: str, why: str = "") -> int:
        """Record what a person changed in an export, or a whole corrected file; masked cells stay as they are. As `fix`."""
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), [])
        if ROW not in header:
            return self._fix_whole(held, path, by=by, why=why)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        changes = {
            int(row[ROW]): {name: text or None for name, text in row.items() if name not in (ROW, REASONS) and text != MASK} for row in rows
        }
        return self.fix(held, changes, by=by, why=why)

    def _fix_whole(self, held: Held, path: Path, *, by: str, why: str) -> int:
        batch = self._waiting(held).batch
        if not held.is_whole or batch.source not in ("files", "inbox"):
            raise DataRejected(f"{path.name} has no column {ROW}: only a file that was refused whole can be replaced by another")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        name = f"{batch.batch_id}-corrected-{digest[:12]}{path.suffix}"
        shutil.copyfile(path, self.corrected(batch, name))
        self.edits.add(batch, [Edit(0, FILE, batch.fingerprint, name, by, why, _now())])
        return 1

    def _cells(self, held: Held, numbers: Iterable[int]) -> dict[int, dict[str, str | None]]:
        """The rows of these numbers as they are now, by column."""
        from eco_assets.aurion.replay import texts_of

        wanted = sorted(numbers)
        found = texts_of(self, held, wanted)
        missing = [number for number in wanted if number not in found]
        if missing:
            raise NotFound(f"batch {held.batch.batch_id} holds no row {', '.join(map(str, missing))}")
        return found

    def drop(self, held: Held, *, by: str, why: str) -> None:
        """Give a batch up: its rows and copies are deleted, its record stays, and what it kept from going on may go on.

        Raises:
            DataRejected: it is settled already.
        """
        batch = held.batch
        if held.status != "dropped":
            self._waiting(held)
        self.edits.conclude(Outcome(batch.batch_id, "dropped", batch.rejected or batch.rows, "", by, why, _now()))
        if held.is_whole:
            said = f"{batch.file}: given up by {by}: {why}"
            self.landing.batches.save(replace(batch, status="dropped", rows=0, rejected=0, reasons=(said,)))
        else:
            self.landing.batches.save(replace(batch, rejected=0, reasons=()))
        for path in [self.broken(batch), *self._folder(batch).glob(f"{batch.batch_id}-*")]:
            path.unlink(missing_ok=True)

    def _waiting(self, held: Held) -> Held:
        if not held.is_waiting:
            raise DataRejected(f"batch {held.batch.batch_id} is {held.status}: there is nothing to correct")
        return held


def quarantine_of(platform: Platform) -> Quarantine:
    """The quarantine of an installation: of its files and of its connections."""
    from eco_assets.aurion.connections import connections
    from eco_assets.contracts.contract import load_contracts

    configured = [contract for each in connections(platform.settings.connections_root) for _, contract in each.contracts()]
    return Quarantine(platform.lake, platform.landing, [*load_contracts(), *configured])


def _status(batch: Batch, ends: Sequence[Outcome], newest: str, edits: int) -> str:
    if batch.status in ("replayed", "dropped"):
        return batch.status
    if ends and not batch.rejected and batch.status not in _WHOLE:
        return ends[-1].outcome
    if batch.status == "replaced" or (batch.status in _WHOLE and newest > batch.at):
        return "superseded"
    return "edited" if edits else "open"


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
