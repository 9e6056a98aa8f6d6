"""Compares a folder of pages with the index and writes what differs: which files changed, what is kept of a page, how it is numbered.

When and by whom a folder is looked through is `search_index.py`'s.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from notion_sync.page_text import Page, read_page
from notion_sync.portuguese import WORD, form, term

# A page's number begins with its day, so that days are a range of numbers, and the newest pages come first without sorting. Pages without
# a day are of day 0. Numbers of one day fit into 24 bits.
DAY_BITS = 24
_MERGED_FROM = 20_000  # pages written at once from which the index is merged into one piece: questions are then twice as fast
_BATCH = 2_000  # pages of one transaction
_RACY_NS = 2_000_000_000  # a file that changed so shortly before it was read may change again within the clock's tick


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


def refresh_root(db: sqlite3.Connection, root: Path) -> Refreshed:
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
    return total([*done, Refreshed(removed=len(gone))])


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


def total(parts: Sequence[Refreshed]) -> Refreshed:
    """The sum of what became of pages."""
    return Refreshed(*(sum(values) for values in zip(*((p.added, p.changed, p.removed, p.unreadable) for p in parts), strict=True)))
