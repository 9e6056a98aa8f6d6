"""The inbox as a whole: how much waits in it, how much may, and which files may go because the lake has them."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from eco_assets.aurion.batches import Batches
from eco_assets.aurion.stream.events import EVENTS
from eco_assets.aurion.stream.spool import stamp


@dataclass(frozen=True)
class Limits:
    """How much may wait in the inbox, and when a batch is written."""

    batch_rows: int = 5_000
    batch_s: float = 5.0
    inbox_files: int = 5_000
    inbox_mb: float = 2_000.0
    free_mb: float = 500.0


@dataclass(frozen=True)
class Fill:
    """How full the inbox is. `why` says why nothing more may be taken; "" when it may."""

    files: int
    mb: float
    free_mb: float
    why: str


def fill(inbox: Path, limits: Limits) -> Fill:
    """Measure the inbox."""
    folder = inbox / EVENTS
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [state.st_size for _, state in _files(folder)]
    mb, free_mb = sum(sizes) / 1e6, shutil.disk_usage(folder).free / 1e6
    why = ""
    if len(sizes) >= limits.inbox_files or mb >= limits.inbox_mb:
        why = f"{len(sizes)} files of {mb:.1f} MB wait to be loaded"
    elif free_mb < limits.free_mb:
        why = f"{free_mb:.0f} MB are free on the disk, {limits.free_mb:.0f} are needed"
    return Fill(len(sizes), round(mb, 3), round(free_mb, 1), why)


@dataclass(frozen=True)
class Waiting:
    """What waits in a folder of the inbox. `newest` is the name of the newest file, "" without one; ages are seconds."""

    files: int
    mb: float
    oldest_s: float
    newest: str


def waiting(inbox: Path, folder: str) -> Waiting:
    """Look into a folder of the inbox."""
    found = _files(inbox / folder) if (inbox / folder).is_dir() else []
    oldest = max((time.time() - state.st_mtime for _, state in found), default=0.0)
    newest = max((name for name, _ in found), key=lambda name: (stamp(name), name), default="")
    return Waiting(len(found), round(sum(state.st_size for _, state in found) / 1e6, 3), round(oldest, 1), newest)


def _files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """The spool files of a folder; one that a loader removes meanwhile is left out."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".parquet"):
                with suppress(FileNotFoundError):
                    found.append((entry.name, entry.stat()))
    return found


class Room:
    """How full the inbox is, for all connections: measured at most twice a second, and after every file that we wrote."""

    def __init__(self, inbox: Path, limits: Limits) -> None:
        self._inbox, self._limits = inbox, limits
        self._measured_at, self._found = -1.0, Fill(0, 0.0, 0.0, "")
        self._lock = threading.Lock()

    def measure(self) -> Fill:
        """How full it is."""
        with self._lock:
            if time.monotonic() - self._measured_at >= 0.5:
                self._found, self._measured_at = fill(self._inbox, self._limits), time.monotonic()
            return self._found

    def changed(self) -> None:
        """A file was written."""
        with self._lock:
            self._measured_at = -1.0


def remove_loaded(inbox: Path, batches: Batches, table_name: str = "industrial.machine_events") -> int:
    """Delete the spool files whose batch is `loaded`; returns how many. A loader calls it after its transaction is committed.

    The accepted rows of a batch stay in `lake/landing`, so nothing is lost with the spool file.
    """
    removed = 0
    present = {path.relative_to(inbox).as_posix(): path for path in (inbox / table_name.replace(".", "/")).glob("*.parquet")}
    for batch in batches.list(table_name, "loaded") if present else ():
        path = present.get(batch.file)
        if path is not None:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
