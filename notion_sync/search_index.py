"""The index of a search: one SQLite file in the home, brought up to date by what changed in folders of Markdown pages.

Several processes may use it: one at a time writes, readers go on. It holds nothing that the pages do not; where it is damaged or
made by other rules it is made again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from eco_assets.errors import TransientError
from notion_sync.portuguese import VERSION
from notion_sync.search_connections import connect, reader
from notion_sync.search_scan import Refreshed, refresh_root, total

_SCHEMA_VERSION = 3  # raise it when a page is read in another way, or the stemmer takes other steps
_SCHEMA = """
DROP TABLE IF EXISTS pages; DROP TABLE IF EXISTS forms; DROP TABLE IF EXISTS scans; DROP TABLE IF EXISTS words;
DROP TABLE IF EXISTS kinds;
CREATE TABLE pages (
    id INTEGER PRIMARY KEY, root TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, agent TEXT NOT NULL,
    day TEXT NOT NULL, title TEXT NOT NULL,
    mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL, read_ns INTEGER NOT NULL, sha256 TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE (root, path)) STRICT;
CREATE TABLE forms (form TEXT PRIMARY KEY, stem TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE kinds (kind TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE scans (root TEXT PRIMARY KEY, at REAL NOT NULL, seconds REAL NOT NULL) STRICT;
CREATE VIRTUAL TABLE words USING fts5(title, facts, body, marks, tokenize = "ascii");
"""
_STAMP = (VERSION ^ _SCHEMA_VERSION) & 0x7FFFFFFF
_REST_S, _SHARE = 2.0, 20.0  # a folder is looked through again after this, and after so many times what that took
_SLOW_S = 0.5  # a folder that takes longer is looked through in the background, where a question may be answered without
_WAIT_S = 60.0
_LATER: set[Path] = set()
_LATER_LOCK = threading.Lock()
_LOG = logging.getLogger(__name__)


class SearchIndex:
    """The index at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, home: Path) -> SearchIndex:
        """The index of a home."""
        return cls(home / "search" / "pages.db")

    def refresh(self, roots: Sequence[Path], *, is_forced: bool = True) -> Refreshed:
        """Bring the index up to date with the pages in `roots`.

        Args:
            roots: folders; one that is not there has no pages. Pages of other folders stay as they are.
            is_forced: else nothing is done where the folders were looked through lately, or another process does it now, and what takes
                long is done in the background: the next questions see it.

        Raises:
            TransientError: the index cannot be written now; says why.
        """
        resolved = [root.resolve() for root in roots]
        due, is_slow = (resolved, False) if is_forced else self._due(resolved)
        if not due:
            return Refreshed()
        if is_slow:
            self._refresh_later(due)
            return Refreshed()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_needed = is_forced or (len(due) == len(resolved) and not self.path.exists())
            with FileLock(self.path.with_suffix(".lock"), timeout=_WAIT_S if is_needed else 0):
                return self._refresh(due)
        except Timeout as error:
            if not is_needed:
                return Refreshed()
            raise TransientError(f"another process has been indexing pages for {_WAIT_S:.0f} s; ask again later") from error
        except (OSError, sqlite3.OperationalError) as error:
            raise TransientError(f"the search's index {self.path} cannot be written: {error}") from error

    def rebuild(self, roots: Sequence[Path]) -> Refreshed:
        """Make the index anew from the pages."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=_WAIT_S):
            self._remove()
            return self._refresh([root.resolve() for root in roots])

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to search with. Raises `TransientError`."""
        try:
            with reader(self.path) as db:
                yield db
        except sqlite3.OperationalError as error:
            raise TransientError(f"the search's index {self.path} cannot be read now: {error}; ask again") from error

    def _due(self, roots: Sequence[Path]) -> tuple[list[Path], bool]:
        """Folders that were never looked through, or not lately; and whether all were, and looking again takes long."""
        try:
            with reader(self.path) as db:
                if db.execute("PRAGMA user_version").fetchone()[0] != _STAMP:
                    return list(roots), False
                scans = {root: (at, seconds) for root, at, seconds in db.execute("SELECT root, at, seconds FROM scans")}
        except sqlite3.DatabaseError:
            return list(roots), False
        now = time.time()
        rested = {root for root, (at, seconds) in scans.items() if 0 <= now - at < max(_REST_S, _SHARE * seconds)}
        due = [root for root in roots if str(root) not in rested]
        is_known = all(str(root) in scans for root in due)
        return due, is_known and sum(scans[str(root)][1] for root in due) > _SLOW_S

    def _refresh_later(self, roots: Sequence[Path]) -> None:
        """Look through the folders in a thread, unless one of this process does already."""
        with _LATER_LOCK:
            if self.path in _LATER:
                return
            _LATER.add(self.path)

        def work() -> None:
            try:
                with FileLock(self.path.with_suffix(".lock"), timeout=0):
                    self._refresh(roots)
            except (Timeout, OSError, sqlite3.Error) as error:  # it stays due: the next question tries again
                _LOG.info("the index of the search was not brought up to date: %s", error)
            finally:
                _LATER.discard(self.path)

        threading.Thread(target=work, name="search-index", daemon=True).start()

    def _refresh(self, roots: Sequence[Path]) -> Refreshed:
        try:
            with closing(self._opened()) as db:
                return total([refresh_root(db, root) for root in roots])
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # damaged: it is only a copy
            self._remove()
            with closing(self._opened()) as db:
                return total([refresh_root(db, root) for root in roots])

    def _opened(self) -> sqlite3.Connection:
        db = connect(self.path)
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] != _STAMP:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {_STAMP};COMMIT;")
            db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            db.close()
            raise
        return db

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
