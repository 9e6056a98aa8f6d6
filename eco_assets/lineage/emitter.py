"""Sends OpenLineage events without ever failing or slowing what they tell of.

Without configuration events are lines of `lineage/events.ndjson` in the home, rotated by size. When OpenLineage's own configuration names
a transport (`OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG`, `OPENLINEAGE__TRANSPORT__...`), a thread sends them there; what a collector does not
take is kept in that file instead. Which events there are is `events.py`'s.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

ROTATE_BYTES = 16 << 20
KEPT_FILES = 20
_WAITING = 1000  # events that a slow collector may be behind by
_DEAD_S = 30.0  # a collector that failed is not asked again for so long
_log = logging.getLogger(__name__)


class Emitter:
    """One way out for the events of one home. `counts` has `sent`, `kept` (in the file, because a collector failed) and `lost`.

    Args:
        root: folder of the event files.
        client: an OpenLineage client whose transport is not a file; None writes to the file only.
        rotate_bytes: size at which a file is closed and a new one begun.
    """

    def __init__(self, root: Path, client: Any = None, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.file = root / "events.ndjson"
        self.counts: Counter[str] = Counter()
        self._client = client
        self._rotate_bytes = rotate_bytes
        self._waiting: queue.Queue[Any] = queue.Queue(_WAITING)
        self._in_flight: Any = None
        self._dead_until = 0.0
        self._thread = threading.Thread(target=self._send_all, name="openlineage", daemon=True)
        if client is not None:
            self._thread.start()

    def emit(self, event: Any) -> None:
        """Pass an event on; returns at once and never raises."""
        if self._client is None:
            self.counts["sent" if self._write(event) else "lost"] += 1
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._keep(event)

    def close(self, timeout_s: float = 2.0) -> None:
        """Wait for the collector for so long; what it did not take by then is kept in the file."""
        deadline = time.monotonic() + timeout_s
        while (self._waiting.unfinished_tasks or self._in_flight is not None) and time.monotonic() < deadline:
            time.sleep(0.01)
        if (event := self._in_flight) is not None:  # it may arrive yet: twice is better than never
            self._in_flight = None
            self._keep(event)
        with suppress(queue.Empty):
            while True:
                self._keep(self._waiting.get_nowait())
                self._waiting.task_done()

    def _send_all(self) -> None:
        while True:
            event = self._in_flight = self._waiting.get()
            self._send(event)
            self._in_flight = None
            self._waiting.task_done()

    def _send(self, event: Any) -> None:
        if time.monotonic() < self._dead_until:
            self._keep(event)
            return
        try:
            self._client.emit(event)
            self.counts["sent"] += 1
        except Exception as error:  # noqa: BLE001 -- whatever a collector or a transport does, the load goes on
            self._dead_until = time.monotonic() + _DEAD_S
            _log.warning("the OpenLineage collector failed (%s); events are kept in %s", type(error).__name__, self.file)
            if self._in_flight is event:  # else `close` has kept it
                self._keep(event)

    def _keep(self, event: Any) -> None:
        self.counts["kept" if self._write(event) else "lost"] += 1

    def _write(self, event: Any) -> bool:
        from openlineage.client.transport.file import FileConfig, FileTransport

        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_suffix(".lock"), timeout=2.0):
                self._rotate()
                FileTransport(FileConfig(str(self.file), append=True)).emit(event)
        except (OSError, RuntimeError) as error:  # a full disk, a lock that a dead process's system has not freed
            _log.warning("an OpenLineage event could not be written to %s: %s", self.file, error)
            return False
        return True

    def _rotate(self) -> None:
        if not self.file.exists() or self.file.stat().st_size < self._rotate_bytes:
            return
        self.file.rename(self.file.with_name(f"events-{time.time_ns()}.ndjson"))
        for old in sorted(self.file.parent.glob("events-*.ndjson"))[:-KEPT_FILES]:
            old.unlink(missing_ok=True)


@cache
def emitter(home: Path) -> Emitter:
    """The emitter of a home, by OpenLineage's own configuration; flushed when the process ends."""
    made = Emitter(home / "lineage", _configured())
    atexit.register(made.close)
    return made


def _configured() -> Any:
    """A client when a transport is configured, None when the file is to be used."""
    from openlineage.client import OpenLineageClient

    log = logging.getLogger("openlineage.client.client")
    was, log.disabled = log.disabled, True  # it warns that it would print to the console, which is not what happens
    try:
        client = OpenLineageClient()
    finally:
        log.disabled = was
    return None if client.transport.kind == "console" else client
