"""Connections to a search's index: one a thread that asks questions, kept open, because a new one begins with cold caches (5 ms).

A connection of another process (after a fork) or to a file that was replaced is not used again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

_OPEN = threading.local()


def connect(path: Path, mode: Literal["rwc", "ro"] = "rwc") -> sqlite3.Connection:
    """A new connection; the caller closes it.

    One that only reads (`ro`) leaves the write-ahead log alone when it is closed: where an index was made again in the meantime, the log
    of that name is the new one's.
    """
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30, isolation_level=None)
    db.execute("PRAGMA mmap_size = 268435456")
    db.execute("PRAGMA cache_size = -16000")
    return db


@contextmanager
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """The connection of this thread to read with. One that failed is closed, and the next question opens another.

    Raises:
        sqlite3.Error: the file is not there, cannot be read, or is damaged.
    """
    kept: dict[Path, tuple[tuple[int, int], sqlite3.Connection]] = _OPEN.__dict__.setdefault("connections", {})
    file = _identity(path)
    known = kept.pop(path, None)
    db = known[1] if known and known[0] == file else None
    if known and db is None and known[0][0] == os.getpid():
        known[1].close()
    if db is None:
        db = connect(path, "ro")
    try:
        yield db
    except sqlite3.DatabaseError:
        db.close()
        raise
    kept[path] = (file, db)


def _identity(path: Path) -> tuple[int, int]:
    """Process and file; the number of a file that is open is not given to another one."""
    try:
        return os.getpid(), path.stat().st_ino
    except OSError as error:
        raise sqlite3.OperationalError(f"there is no index: {error}") from error
