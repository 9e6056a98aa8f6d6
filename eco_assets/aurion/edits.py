"""What people did to quarantined batches: each corrected cell and each outcome, with who, when and why. Append-only (SQLite).

Corrections belong to the content of a file, so they are found again when its contract changes and the same file is a batch anew. The
values are kept as they are, personal data included, like the quarantined rows themselves: the file is readable by its owner only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from eco_assets.aurion.batches import Batch

LEFT_OUT = "*"  # stands for a whole row where a column would be
FILE = "@file"  # stands for the whole file; the value is the name of the corrected copy
_SCHEMA = """
CREATE TABLE IF NOT EXISTS edits (
  tbl TEXT NOT NULL, file TEXT NOT NULL, fingerprint TEXT NOT NULL, row INTEGER NOT NULL, column_name TEXT NOT NULL, before TEXT,
  after TEXT, by TEXT NOT NULL, why TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS outcomes (
  batch_id TEXT NOT NULL, outcome TEXT NOT NULL, rows INTEGER NOT NULL, result TEXT NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS edits_kept BEFORE UPDATE ON edits BEGIN SELECT RAISE(ABORT, 'edits are append-only'); END;
CREATE TRIGGER IF NOT EXISTS edits_stay BEFORE DELETE ON edits BEGIN SELECT RAISE(ABORT, 'edits are append-only'); END;
CREATE TRIGGER IF NOT EXISTS outcomes_kept BEFORE UPDATE ON outcomes BEGIN SELECT RAISE(ABORT, 'outcomes are append-only'); END;
CREATE TRIGGER IF NOT EXISTS outcomes_stay BEFORE DELETE ON outcomes BEGIN SELECT RAISE(ABORT, 'outcomes are append-only'); END;
"""


@dataclass(frozen=True)
class Edit:
    """One correction. `row` is the 1-based data row of the file, 0 with `FILE`; `column` is named as in the file; None is an empty cell."""

    row: int
    column: str
    before: str | None
    after: str | None
    by: str
    why: str
    at: str


@dataclass(frozen=True)
class Outcome:
    """A batch was `replayed` (`result` is the batch that holds its rows) or `dropped`."""

    batch_id: str
    outcome: str
    rows: int
    result: str
    by: str
    why: str
    at: str


class Edits:
    """The record of one lake."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with self._connect() as db:
            db.executescript(_SCHEMA)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=60)
        try:
            with db:
                yield db
        finally:
            db.close()

    def add(self, batch: Batch, edits: Iterable[Edit]) -> None:
        """Record corrections of a batch's content, all or none."""
        rows = [(batch.table, batch.file, batch.fingerprint, *astuple(edit)) for edit in edits]
        with self._connect() as db:
            db.executemany("INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def of(self, batch: Batch) -> list[Edit]:
        """Every correction of a batch's content, oldest first."""
        names = ", ".join("column_name" if field.name == "column" else field.name for field in fields(Edit))
        query = f"SELECT {names} FROM edits WHERE tbl = ? AND file = ? AND fingerprint = ? ORDER BY rowid"
        with self._connect() as db:
            return [Edit(*row) for row in db.execute(query, (batch.table, batch.file, batch.fingerprint))]

    def conclude(self, outcome: Outcome) -> None:
        """Record what became of a batch; the same outcome with the same result is recorded once."""
        with self._connect() as db:
            same = "SELECT 1 FROM outcomes WHERE batch_id = ? AND outcome = ? AND result = ?"
            if not db.execute(same, (outcome.batch_id, outcome.outcome, outcome.result)).fetchone():
                db.execute("INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(outcome))

    def outcomes(self) -> dict[str, list[Outcome]]:
        """What became of batches, oldest first, by batch."""
        found: dict[str, list[Outcome]] = {}
        with self._connect() as db:
            for row in db.execute("SELECT * FROM outcomes ORDER BY rowid"):
                found.setdefault(row[0], []).append(Outcome(*row))
        return found

    def counts(self) -> dict[tuple[str, str, str], int]:
        """How many corrections there are, by table, file and fingerprint."""
        with self._connect() as db:
            rows = db.execute("SELECT tbl, file, fingerprint, count(*) FROM edits GROUP BY 1, 2, 3")
            return {(tbl, file, fingerprint): count for tbl, file, fingerprint, count in rows}


def standing(edits: Iterable[Edit]) -> tuple[dict[int, dict[str, str | None]], set[int], str | None]:
    """What holds after all corrections: (row to column to value, rows left out, the corrected copy of the whole file).

    The last correction of a cell counts. A row that is corrected after it was left out is in again; a new copy of the file starts anew.
    """
    cells: dict[int, dict[str, str | None]] = {}
    out: set[int] = set()
    copy: str | None = None
    for edit in edits:
        if edit.column == FILE:
            cells, out, copy = {}, set(), edit.after
        elif edit.column == LEFT_OUT:
            out.add(edit.row)
        else:
            out.discard(edit.row)
            cells.setdefault(edit.row, {})[edit.column] = edit.after
    return cells, out, copy
