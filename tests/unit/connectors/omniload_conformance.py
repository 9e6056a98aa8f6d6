"""The omniload runtime keeps the promises of the protocol, on a SQLite file.

Its name keeps it out of `make test`: the environment takes 1.8 GB. `eco connectors sweep --only omniload-sqlite --level 4` runs it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conformance import Incremental, Row, Subject
from foreign_shops import registered  # noqa: F401 -- named in the subject's factory

from eco_assets.errors import SourceRefused
from eco_assets.settings import Settings


class SqliteTable(Subject):
    """A table of text and numbers."""

    factory = "foreign_shops:registered"
    batches = 1  # dlt's state is final when the table has been read
    is_inclusive = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.arguments = {"name": "omniload-sqlite", "runtimes": str(Settings.from_env().runtimes)}
        self.run("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount DOUBLE, updated_at TEXT)")

    def run(self, line: str, values: Sequence[Any] = ()) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute(line, values)

    def config(self) -> dict[str, Any]:
        # SQLite has no password; it ignores what it does not know, so the secret can be looked for all the same.
        secret = f"sqlite:///{self.path}?secret=" + "conformance-s3cret-5f1e9c"
        return {"uri": secret, "tables": [{"name": "items", "key": ["id"], "cursor": "updated_at"}]}

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            stored = {**row, "updated_at": row["updated_at"].strftime("%Y-%m-%dT%H:%M:%SZ")}
            self.run(f"INSERT OR REPLACE INTO items ({', '.join(stored)}) VALUES ({', '.join('?' * len(stored))})", list(stored.values()))

    def widen(self) -> None:
        self.run("ALTER TABLE items ADD COLUMN channel TEXT")


class TestOmniloadSqlite(Incremental):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        return SqliteTable(tmp_path / "shop.db")


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    subject = SqliteTable(tmp_path / "shop.db")
    config = {**subject.config(), "tables": [{"name": "nothing"}]}
    with pytest.raises(SourceRefused, match="nothing"):
        subject.connector().check(config)
