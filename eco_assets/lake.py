"""The lake: two DuckDB files and the Parquet batches beside them. Knows where they are and who may write; no business rules.

`raw.duckdb` holds what was accepted from sources (schema = domain), `eco.duckdb` what dbt and Python make of it. DuckDB lets one
process at a time hold a file for writing, so writers queue on a lock file and readers try again for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from eco_assets.errors import LakeBusy, NotFound, PermanentError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


class Lake:
    """One lake under `root`."""

    def __init__(self, root: Path, *, wait_s: float = 120.0) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.raw_db = root / "raw.duckdb"
        self.eco_db = root / "eco.duckdb"
        self._wait_s = wait_s

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the right to write; re-entrant within a process and released by the system if the process dies.

        Raises:
            LakeBusy: another process kept it for longer than `wait_s`.
        """
        lock = FileLock(self.root / "write.lock", is_singleton=True)
        try:
            lock.acquire(timeout=self._wait_s)
        except Timeout as error:
            raise LakeBusy(
                f"another process has been writing to {self.root} for {self._wait_s:.0f} s; try again when it is done"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def connect(self, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to `eco.duckdb` with the raw database attached, read-only, as `raw`. Closed at the end.

        Raises:
            LakeBusy: another process holds a file for longer than `wait_s`.
            NotFound: nothing was built yet (read-only connections only).
        """
        if read_only and not self.eco_db.exists():
            raise NotFound(f"{self.eco_db} does not exist yet: run `make run` first")
        db = self._open(self.eco_db, read_only=read_only)
        try:
            if self.raw_db.exists():
                path = str(self.raw_db).replace("'", "''")
                self._retry(self.raw_db, lambda: db.execute(f"ATTACH '{path}' AS raw (READ_ONLY)"))
            yield db
        finally:
            db.close()

    @contextmanager
    def raw(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection to `raw.duckdb`. Raises as `connect` does."""
        if not self.raw_db.exists():
            raise NotFound(f"{self.raw_db} does not exist yet: run `make run` first")
        db = self._open(self.raw_db, read_only=True)
        try:
            yield db
        finally:
            db.close()

    def _open(self, path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        import duckdb

        return self._retry(path, lambda: duckdb.connect(str(path), read_only=read_only))

    def _retry(self, path: Path, call: Callable[[], duckdb.DuckDBPyConnection]) -> duckdb.DuckDBPyConnection:
        """Call until no other process holds `path`."""
        import duckdb

        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                return call()
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise PermanentError(f"{path} cannot be opened: {error}") from error
                if time.monotonic() > deadline:
                    raise LakeBusy(f"{path} is held by another process; try again when it is done ({error})") from error
                time.sleep(0.1)

    def frame(self, query: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The result of a query; parameters are named (`$as_of`)."""
        with self.connect() as db:
            return db.execute(query, dict(parameters or {})).df()

    def replace_day(self, table: str, as_of: date, rows: pd.DataFrame) -> int:
        """Make `rows` the whole content of `schema.table` for one business day, in one transaction; returns their number.

        The table is created from the rows' columns when it is missing. `as_of` is added as the first column.
        """
        schema = table.split(".")[0]
        with self.writing(), self.connect(read_only=False) as db:
            db.register("incoming", rows)
            db.execute("BEGIN")
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} AS SELECT $day::DATE AS as_of, * FROM incoming LIMIT 0",
                {"day": as_of},
            )
            db.execute(f"DELETE FROM {table} WHERE as_of = $day", {"day": as_of})
            db.execute(f"INSERT INTO {table} BY NAME SELECT $day::DATE AS as_of, * FROM incoming", {"day": as_of})
            db.execute("COMMIT")
        return len(rows)
