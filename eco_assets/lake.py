"""The lake: two DuckLake catalogues over Parquet. Knows where they are and how to write without losing; no business rules.

`raw` holds what was accepted from sources (schema = domain), `eco` what dbt and Python make of it. A catalogue is a SQLite file beside
the data, or a Postgres database when `ECO_LAKE_CATALOG` names one. Readers never wait: they see the newest snapshot that was committed.
On SQLite, writers queue on a lock file; on Postgres they do not, and a commit that lost a race is tried again.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from datetime import date, datetime
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock, Timeout

from eco_assets.errors import ConfigError, LakeBusy, NotFound, PermanentError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

T = TypeVar("T")
CATALOGUES = ("raw", "eco")
EXTENSIONS = ("ducklake", "sqlite_scanner", "postgres_scanner")
# What DuckLake says when another writer was faster: a locked SQLite catalogue, a lost race, a Postgres serialization failure.
_RACES = ("database is locked", "Transaction conflict", "conflict on", "could not serialize", "duplicate key value")


class Lake:
    """One lake under `root`; `catalog` is a libpq connection string or URL where the catalogues are in Postgres."""

    def __init__(self, root: Path, *, catalog: str | None = None, wait_s: float = 120.0) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.catalog = catalog
        self._wait_s = wait_s
        self._instances = _Instances()
        self._made: set[Path] = set()  # catalogue files known to be whole

    def data(self, catalogue: str) -> Path:
        """Folder of a catalogue's Parquet files."""
        return self.root / "data" / catalogue

    def exists(self, catalogue: str) -> bool:
        """Whether anything was ever committed to a catalogue."""
        if self.catalog is not None:
            return self.data(catalogue).exists()
        file = self.root / f"{catalogue}.ducklake"
        if file in self._made:
            return file.exists()
        if file.exists() and _is_made(file):
            self._made.add(file)
            return True
        return False

    def attach(self, catalogue: str, *, read_only: bool = False) -> str:
        """The ATTACH statement of a catalogue."""
        location = f"sqlite:{self.root / f'{catalogue}.ducklake'}" if self.catalog is None else f"postgres:{self.catalog}"
        options = [f"DATA_PATH {_literal(str(self.data(catalogue)))}", "OVERRIDE_DATA_PATH true", "DATA_INLINING_ROW_LIMIT 0"]
        if self.catalog is None:
            options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {int(self._wait_s * 1000)}"]
        else:
            options += [f"META_SCHEMA 'eco_{catalogue}'"]
        return f"ATTACH {_literal('ducklake:' + location)} AS {catalogue} ({', '.join([*options, *(['READ_ONLY'] if read_only else [])])})"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the right to write; re-entrant within a process and released by the system if the process dies. Postgres needs none.

        Raises:
            LakeBusy: another process kept it for longer than `wait_s`.
        """
        if self.catalog is not None:
            with nullcontext():
                yield
            return
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
    def connect(self, *, read_only: bool = True, catalogue: str = "eco") -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with both catalogues attached; `catalogue` is the default one. Closed at the end.

        Raises:
            NotFound: nothing was built yet (read-only connections only).
            LakeBusy: the catalogue stayed locked for longer than `wait_s`.
        """
        if read_only and not self.exists(catalogue):
            raise NotFound(f"the lake in {self.root} has no catalogue {catalogue!r} yet: run `make run` first")
        db = self._cursor(read_only=read_only, wanted=catalogue)
        try:
            db.execute(f"USE {catalogue}")
            yield db
        finally:
            db.close()

    @contextmanager
    def raw(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection whose default catalogue is `raw`. Raises as `connect` does."""
        with self.connect(catalogue="raw") as db:
            yield db

    def commit(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, catalogue: str = "eco") -> T:
        """Run `work` in one transaction of one catalogue: all of it is in the next snapshot, or nothing. A lost race is run again.

        Raises:
            LakeBusy: the race was lost for longer than `wait_s`.
        """
        import duckdb

        deadline, pause = time.monotonic() + self._wait_s, 0.02
        while True:
            with self.writing(), self.connect(read_only=False, catalogue=catalogue) as db:
                try:
                    db.execute("BEGIN")
                    done = work(db)
                    db.execute("COMMIT")
                    return done  # noqa: TRY300 -- the transaction ends here, not in an else
                except duckdb.Error as error:
                    _rollback(db)
                    if not any(words in str(error) for words in _RACES):
                        raise
                    if time.monotonic() > deadline:
                        raise LakeBusy(f"other writers kept {catalogue} busy for {self._wait_s:.0f} s; try again ({error})") from error
                except BaseException:
                    _rollback(db)
                    raise
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    def frame(self, query: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The result of a query; parameters are named (`$as_of`)."""
        with self.connect() as db:
            return db.execute(query, dict(parameters or {})).df()

    def replace_day(self, table: str, as_of: date, rows: pd.DataFrame) -> int:
        """Make `rows` the whole content of `schema.table` for one business day, in one transaction; returns their number.

        The table is created from the rows' columns when it is missing. `as_of` is added as the first column.
        """
        schema = table.split(".")[0]

        def replace(db: duckdb.DuckDBPyConnection) -> int:
            db.register("incoming", rows)
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} AS SELECT $day::DATE AS as_of, * FROM incoming LIMIT 0",
                {"day": as_of},
            )
            db.execute(f"DELETE FROM {table} WHERE as_of = $day", {"day": as_of})
            db.execute(f"INSERT INTO {table} BY NAME SELECT $day::DATE AS as_of, * FROM incoming", {"day": as_of})
            return len(rows)

        return self.commit(replace)

    def snapshots(self, catalogue: str = "raw", limit: int = 20) -> list[tuple[int, datetime, str]]:
        """(snapshot id, time, what changed), newest first. `SELECT ... FROM table AT (VERSION => id)` reads one."""
        query = (
            f"SELECT snapshot_id, snapshot_time, CAST(changes AS VARCHAR) FROM ducklake_snapshots('{catalogue}') ORDER BY 1 DESC LIMIT ?"
        )
        with self.connect(catalogue=catalogue) as db:
            return db.execute(query, [limit]).fetchall()

    def compact(self, *, keep_days: float = 30.0) -> dict[str, dict[str, int]]:
        """Merge small files, forget snapshots older than `keep_days`, delete the files that only those needed; counts a catalogue.

        Old files lie a day longer, because a reader of an old snapshot may still hold them.
        """
        old, older = f"now() - INTERVAL '{keep_days} days'", f"now() - INTERVAL '{min(keep_days, 1.0)} days'"
        counts: dict[str, dict[str, int]] = {}
        for name in (name for name in CATALOGUES if self.exists(name)):
            calls = {
                "files_merged": f"SELECT coalesce(sum(files_processed), 0) FROM ducklake_merge_adjacent_files('{name}')",
                "snapshots_expired": f"SELECT count(*) FROM ducklake_expire_snapshots('{name}', older_than => {old})",
                "files_deleted": f"SELECT count(*) FROM ducklake_cleanup_old_files('{name}', older_than => {older})",
            }
            counts[name] = {what: self.commit(partial(_number, query), catalogue=name) for what, query in calls.items()}
        return counts

    def _cursor(self, *, read_only: bool, wanted: str) -> duckdb.DuckDBPyConnection:
        import duckdb

        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                return self._instances.cursor(self, read_only=read_only)
            except duckdb.Error as error:
                reason = str(error) if self.catalog is None else str(error).replace(self.catalog, "the catalogue")
                if "locked" not in reason:
                    raise PermanentError(f"the lake in {self.root} cannot be opened ({wanted}): {reason}") from None
                if time.monotonic() > deadline:
                    raise LakeBusy(f"the catalogues of {self.root} stayed locked; try again ({reason})") from None
                time.sleep(0.1)


class _Instances:
    """The DuckDB instances of a process: one that reads, one that writes. Attaching takes half a second, so it is done once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[int, bool], tuple[duckdb.DuckDBPyConnection, set[str], tuple[int, ...]]] = {}

    def cursor(self, lake: Lake, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """A connection of its own on the instance; both catalogues are attached, one that does not exist only by a writer."""
        import duckdb

        with self._lock:
            key = (os.getpid(), read_only)
            found = self._open.get(key)
            if found is None or found[2] != _identity(lake, found[1]):
                found = (duckdb.connect(config=duckdb_config()), set[str](), ())
            db, attached, _ = found
            wanted = [name for name in CATALOGUES if name not in attached and (not read_only or lake.exists(name))]
            with nullcontext() if read_only or lake.catalog is None else _creating(lake.catalog):
                for name in wanted:
                    db.execute(lake.attach(name, read_only=read_only))
                    attached.add(name)
                    lake.data(name).mkdir(parents=True, exist_ok=True)
            self._open[key] = (db, attached, _identity(lake, attached))
            return db.cursor()


@contextmanager
def _creating(catalog: str) -> Iterator[None]:
    """One process at a time makes the catalogues in Postgres; DuckLake does not make the schemas that its tables lie in."""
    import duckdb
    import psycopg

    try:
        with psycopg.connect(catalog, autocommit=True) as db:
            db.execute("SELECT pg_advisory_lock(4242001)")
            for name in CATALOGUES:
                db.execute(f"CREATE SCHEMA IF NOT EXISTS eco_{name}".encode())
            yield
    except psycopg.Error as error:
        raise duckdb.IOException(f"the catalogue's database does not answer ({type(error).__name__})") from None


def _is_made(file: Path) -> bool:
    """Whether a catalogue's tables are in its file: a kill in the first attach leaves one without; the next writer completes it."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as db:
        try:
            return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'ducklake_snapshot'").fetchone() is not None
        except sqlite3.DatabaseError:
            return True  # DuckDB says what is wrong with it


def _identity(lake: Lake, attached: set[str]) -> tuple[int, ...]:
    """Changes when a catalogue's file was replaced by another: a lake that was deleted and made anew under the same name."""
    if lake.catalog is not None:
        return ()
    files = [lake.root / f"{name}.ducklake" for name in sorted(attached)]
    return tuple(file.stat().st_ino if file.exists() else 0 for file in files)


@cache
def duckdb_config() -> dict[str, str | bool | int | float | list[str]]:
    """Settings of every DuckDB connection to the lake: extensions come from the environment's packages, never from the network."""
    return {"extension_directory": str(_extensions()), "autoinstall_known_extensions": False}


def _extensions() -> Path:
    """A folder as DuckDB wants it, with links to the extensions in their packages; installing them would copy 110 MB."""
    import duckdb

    folder = Path(sys.prefix) / "duckdb_extensions"
    with duckdb.connect() as db:
        platform = db.execute("PRAGMA platform").fetchall()[0][0]
    version = f"v{duckdb.__version__}"
    target = folder / version / platform
    target.mkdir(parents=True, exist_ok=True)
    for name in EXTENSIONS:
        link, file = target / f"{name}.duckdb_extension", _package(name) / "extensions" / version / f"{name}.duckdb_extension"
        if not link.exists():
            with FileLock(folder / ".lock"):
                link.unlink(missing_ok=True)
                link.symlink_to(file)
    return folder


def _package(name: str) -> Path:
    found = find_spec(f"duckdb_extension_{name}")
    if found is None or found.origin is None:
        raise ConfigError(f"the package duckdb-extension-{name.replace('_', '-')} is missing: run `make setup`")
    return Path(found.origin).parent


def _number(query: str, db: duckdb.DuckDBPyConnection) -> int:
    return int(db.execute(query).fetchall()[0][0])


def _rollback(db: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    try:
        db.execute("ROLLBACK")
    except duckdb.Error:
        return  # the failed commit has ended the transaction already


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
