"""The index of a search: one SQLite file in the home, brought up to date by what changed in folders of Markdown pages.

Several processes may use it: one at a time writes, readers go on. It holds nothing that the pages do not; where it is damaged or
made by other rules it is made again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from eco_assets.errors import TransientError
from notion_sync.page_text import Page, read_page
from notion_sync.portuguese import VERSION, WORD, form, term
from notion_sync.search_connections import connect, reader

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
# A page's number begins with its day, so that days are a range of numbers, and the newest pages come first without sorting. Pages without
# a day are of day 0. Numbers of one day fit into 24 bits.
DAY_BITS = 24
_MERGED_FROM = 20_000  # pages written at once from which the index is merged into one piece: questions are then twice as fast
_STAMP = (VERSION ^ _SCHEMA_VERSION) & 0x7FFFFFFF
_BATCH = 2_000  # pages of one transaction
_RACY_NS = 2_000_000_000  # a file that changed so shortly before it was read may change again within the clock's tick
_REST_S, _SHARE = 2.0, 20.0  # a folder is looked through again after this, and after so many times what that took
_SLOW_S = 0.5  # a folder that takes longer is looked through in the background, where a question may be answered without
_WAIT_S = 60.0
_LATER: set[Path] = set()
_LATER_LOCK = threading.Lock()
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refreshed:
    """What became of the pages of the folders."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unreadable: int = 0


@dataclass(frozen=True)
class _Found:
    """A file as it lies there; `old` is the id of its page in the index."""

    path: str
    file: Path
    mtime_ns: int
    size: int
    old: int | None


def first_id(day: str) -> int:
    """The least number of the pages of a day (ISO); 0 of those without."""
    return date.fromisoformat(day).toordinal() << DAY_BITS if day else 0


def mark(name: str, value: str) -> str:
    """The token by which pages of an agent, a kind or a root are found; a value's beginning is the token's beginning."""
    return f"z{name}{value.encode().hex()}"


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
                return _total([_refresh_root(db, root) for root in roots])
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # damaged: it is only a copy
            self._remove()
            with closing(self._opened()) as db:
                return _total([_refresh_root(db, root) for root in roots])

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


def _refresh_root(db: sqlite3.Connection, root: Path) -> Refreshed:
    """Compare a folder with the index, and write what differs."""
    started, name = time.time(), str(root)
    known = {row[0]: row[1:] for row in db.execute("SELECT path, id, mtime_ns, size, read_ns, sha256 FROM pages WHERE root = ?", (name,))}
    waiting, seen = [], set()
    for path, file in _files(root):
        try:
            status = file.stat()
        except OSError:
            continue
        seen.add(path)
        page_id, mtime_ns, size, read_ns, _ = known.get(path, (None, 0, 0, 0, ""))
        if page_id is None or (mtime_ns, size) != (status.st_mtime_ns, status.st_size) or mtime_ns > read_ns - _RACY_NS:
            waiting.append(_Found(path, file, status.st_mtime_ns, status.st_size, page_id))
    gone = [row[0] for path, row in known.items() if path not in seen]
    digests = {row[0]: row[4] for row in known.values()}
    done = [_write(db, name, waiting[start : start + _BATCH], digests) for start in range(0, len(waiting), _BATCH)]
    db.execute("BEGIN IMMEDIATE")
    _forget(db, gone)
    db.execute("INSERT OR REPLACE INTO scans VALUES (?, ?, ?)", (name, started, time.time() - started))
    db.execute("COMMIT")
    if len(waiting) >= _MERGED_FROM:
        db.execute("INSERT INTO words(words) VALUES ('optimize')")
    return _total([*done, Refreshed(removed=len(gone))])


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Markdown pages by path; hidden ones are drafts, links may lead out of the folder."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            if name.endswith(".md") and not name.startswith(".") and not file.is_symlink():
                yield os.fsencode(file.relative_to(root).as_posix()).decode("utf-8", "replace"), file


def _write(db: sqlite3.Connection, root: str, batch: Sequence[_Found], digests: dict[int, str]) -> Refreshed:
    """One transaction."""
    made: list[tuple[_Found, int, str, Page]] = []
    same: list[tuple[int, int, int, int]] = []
    stale, unreadable = [], 0
    for found in batch:
        now = time.time_ns()
        try:
            content = found.file.read_bytes()
        except OSError:
            unreadable += 1
            stale += [found.old] if found.old is not None else []
            continue
        digest = hashlib.sha256(content).hexdigest()
        if found.old is not None and digests[found.old] == digest:
            same.append((found.mtime_ns, found.size, now, found.old))
            continue
        stale += [found.old] if found.old is not None else []
        made.append((found, now, digest, read_page(found.path, content.decode("utf-8", "replace"))))
    made.sort(key=lambda each: each[3].day)  # FTS5 is quick where numbers only rise
    db.execute("BEGIN IMMEDIATE")
    try:
        _forget(db, stale)
        db.executemany("UPDATE pages SET mtime_ns = ?, size = ?, read_ns = ? WHERE id = ?", same)
        forms: dict[str, str] = {}
        for found, now, digest, page in made:
            _insert(db, root, found, now, digest, page, forms)
        db.executemany("INSERT OR IGNORE INTO forms VALUES (?, ?)", sorted(forms.items()))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    changed = sum(found.old is not None for found, *_ in made)
    return Refreshed(len(made) - changed, changed, 0, unreadable)


def _insert(db: sqlite3.Connection, root: str, found: _Found, now: int, digest: str, page: Page, forms: dict[str, str]) -> None:
    number = _next_id(db, page.day)
    query = "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    facts = (page.kind, page.agent, page.day, page.title)
    db.execute(query, (number, root, found.path, *facts, found.mtime_ns, found.size, now, digest, page.body))
    columns = [_stems(text, forms) for text in (page.title, page.facts, page.body)]
    marks = " ".join((mark("r", root), mark("a", page.agent), mark("k", page.kind)))
    db.execute("INSERT OR IGNORE INTO kinds VALUES (?)", (page.kind,))
    db.execute("INSERT INTO words (rowid, title, facts, body, marks) VALUES (?, ?, ?, ?, ?)", (number, *columns, marks))


def _next_id(db: sqlite3.Connection, day: str) -> int:
    first = first_id(day)
    newest = db.execute("SELECT max(id) FROM pages WHERE id BETWEEN ? AND ?", (first, first + (1 << DAY_BITS) - 1)).fetchone()[0]
    return first if newest is None else int(newest) + 1


def _stems(text: str, forms: dict[str, str]) -> str:
    """The terms of a text, as FTS5's `ascii` takes them apart; every word's form is noted for questions by its beginning."""
    words = WORD.findall(text)
    for word in set(words):
        stemmed = term(word)
        if stemmed:
            forms[form(word)] = stemmed
    return " ".join(filter(None, map(term, words)))


def _forget(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    rows = [(page_id,) for page_id in sorted(ids)]
    db.executemany("DELETE FROM words WHERE rowid = ?", rows)
    db.executemany("DELETE FROM pages WHERE id = ?", rows)


def _total(parts: Sequence[Refreshed]) -> Refreshed:
    return Refreshed(*(sum(values) for values in zip(*((p.added, p.changed, p.removed, p.unreadable) for p in parts), strict=True)))
