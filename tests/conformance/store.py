"""What the suite loads into: rows and state in one SQLite transaction, as the lake commits them. The reader that is killed uses it too."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from conformance.subject import comparable
from eco_assets.aurion.connectors.protocol import OPERATION, Batch, State, Stream


class Store:
    """Rows by key (appended where there is none) and the state after them. A stream without a cursor is replaced by each reading."""

    def __init__(self, path: Path, stream: Stream) -> None:
        self.db, self.stream = sqlite3.connect(path, isolation_level=None), stream
        self.db.execute("CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, row TEXT)")
        self.db.execute("CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT)")
        self.is_first = True

    def commit(self, batch: Batch) -> None:
        """Rows and state, both or neither."""
        assert batch.stream == self.stream.name, f"a batch of {batch.stream} where only {self.stream.name} was asked for"
        self.db.execute("BEGIN IMMEDIATE")
        if self.is_first and self.stream.cursor is None:
            self.db.execute("DELETE FROM rows")
        self.is_first = False
        for row in batch.rows.to_pylist():
            self._apply(row)
        self.db.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", [json.dumps(batch.state)])
        self.db.execute("COMMIT")

    def _apply(self, row: dict[str, Any]) -> None:
        key = json.dumps([row[name] for name in self.stream.key], default=str) if self.stream.key else uuid.uuid4().hex
        if row.get(OPERATION) == "delete":
            self.db.execute("DELETE FROM rows WHERE key = ?", [key])
        else:
            self.db.execute("INSERT OR REPLACE INTO rows VALUES (?, ?)", [key, json.dumps(row, default=str)])

    @property
    def state(self) -> State:
        """The state that was committed last; {} at the beginning."""
        found = self.db.execute("SELECT state FROM state").fetchone()
        return json.loads(found[0]) if found else {}

    def rows(self) -> list[dict[str, Any]]:
        """All rows."""
        return [json.loads(row) for (row,) in self.db.execute("SELECT row FROM rows")]

    def compared(self) -> Counter[tuple[Any, ...]]:
        """All rows, ready to be compared."""
        return Counter(comparable(row) for row in self.rows())
