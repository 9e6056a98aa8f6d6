"""One circuit breaker a door and process: after failures in a row nobody waits for a dead system any more.

Open, every call fails at once; when its time is over one call goes through as a probe, which closes it or opens it anew for twice as long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from eco_assets.jorge.doors.door import Unreached

LONGEST_S = 300.0


class Breaker:
    """Safe for threads."""

    def __init__(self, door: str, failures: int = 5, open_s: float = 30.0, clock: Callable[[], float] = monotonic) -> None:
        self._door, self._failures, self._open_s, self._clock = door, failures, open_s, clock
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._until, self._for_s, self._is_probing = 0.0, 0.0, False
        self.last_error = ""

    @property
    def state(self) -> str:
        """`closed`, `open`, or `half_open` when a probe may go or goes through."""
        with self._lock:
            if not self._for_s:
                return "closed"
            return "open" if self._clock() < self._until else "half_open"

    def enter(self) -> None:
        """Ask whether a call may be made; whoever may must say how it went.

        Raises:
            Unreached: the breaker is open, or another call is the probe.
        """
        with self._lock:
            if not self._for_s:
                return
            left = self._until - self._clock()
            if left > 0 or self._is_probing:
                wait = f"for {left:.0f} s more" if left > 0 else "until the call that tries it is back"
                raise Unreached(f"the door {self._door} is shut {wait} after failures in a row; the last one: {self.last_error}")
            self._is_probing = True

    def succeeded(self) -> None:
        """The far side answered, of whatever content."""
        with self._lock:
            self._failed_in_a_row, self._for_s, self._is_probing = 0, 0.0, False

    def failed(self, error: BaseException) -> None:
        """The far side did not answer."""
        with self._lock:
            self.last_error = str(error)
            self._failed_in_a_row += 1
            if self._is_probing or (not self._for_s and self._failed_in_a_row >= self._failures):
                self._for_s = min(2 * self._for_s, LONGEST_S) if self._for_s else self._open_s
                self._until, self._is_probing = self._clock() + self._for_s, False

    def left(self) -> None:
        """The call ended without a word about the far side (our own mistake): a probe may be made anew."""
        with self._lock:
            self._is_probing = False
