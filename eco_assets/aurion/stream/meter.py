"""What a connection tells of itself: counters and times that the heartbeat and Dagster show. Never a payload, never a secret."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from eco_assets.aurion.stream.events import iso, now_us


@dataclass
class Meter:
    """Counters of one connection. One thread writes them, the heartbeat reads them.

    `state`: `connecting`, `reading`, `holding` (takes nothing more until the inbox has room), `stopped`, `failed`.
    `is_held`: this process holds the connection.
    """

    connector: str
    state: str = "connecting"
    is_held: bool = False
    problem: str = ""
    messages: int = 0
    rows: int = 0
    rows_backfilled: int = 0
    files: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    gaps: int = 0
    reconnects: int = 0
    dropped_qos0: int = 0
    queue_depth: int = 0
    last_received_at: int | None = None
    last_write_at: int | None = None
    newest_measured_at: int | None = None
    last_file: str = ""
    oldest_waiting_at: int | None = None
    _rate: tuple[float, int, float] = field(default=(0.0, 0, 0.0), repr=False)

    def wrote(self, name: str, rows: int, newest_measured_at: int) -> None:
        """A file of readings is durable."""
        self.files += 1
        self.rows += rows
        self.last_file = name
        self.last_write_at = now_us()
        self.newest_measured_at = max(self.newest_measured_at or 0, newest_measured_at)

    def snapshot(self) -> dict[str, Any]:
        """The counters as JSON. `lag_s` is how old the newest reading was when it was written, `waiting_s` how long one waits by now."""
        now = now_us()
        lag = (
            None if self.last_write_at is None or self.newest_measured_at is None else (self.last_write_at - self.newest_measured_at) / 1e6
        )
        waiting = self.oldest_waiting_at
        return {
            "connector": self.connector,
            "state": self.state,
            "problem": self.problem,
            **{name: getattr(self, name) for name in _COUNTERS},
            "rows_per_s": self._rows_per_s(),
            "lag_s": lag,
            "waiting_s": 0.0 if waiting is None else round((now - waiting) / 1e6, 3),
            "last_received_at": iso(self.last_received_at),
            "last_write_at": iso(self.last_write_at),
            "last_file": self.last_file,
        }

    def _rows_per_s(self) -> float:
        """Rows a second over the last ten seconds or more."""
        at, rows, rate = self._rate
        now = time.monotonic()
        if now - at >= 10:
            rate = (self.rows - rows) / (now - at) if at else 0.0
            self._rate = (now, self.rows, rate)
        return round(rate, 1)


_COUNTERS = (
    "messages", "rows", "rows_backfilled", "files", "duplicates", "dead_letters", "gaps", "reconnects", "dropped_qos0", "queue_depth",
)  # fmt: skip
