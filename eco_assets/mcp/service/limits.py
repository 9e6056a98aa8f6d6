"""Rate limits that all workers of a host share: one number a key in a mapped file, by the generic cell rate algorithm (ITU-T I.371).

The number is the moment at which the key's allowance is whole again. Taking it costs two system calls, no server and no table.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

SLOTS = 4096
BURST_S = 1.0  # a key may use a second's allowance at once
_SIZE = 8


class RateLimits:
    """Allowances by key id. Two ids may share a slot (one pair in 4096); they then share an allowance, never a larger one."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size < SLOTS * _SIZE:
            os.ftruncate(self._file, SLOTS * _SIZE)
        self._map = mmap.mmap(self._file, SLOTS * _SIZE)
        self._now = now

    def take(self, key_id: str, per_minute: int, count: int = 1) -> float:
        """Use `count` calls of a key's allowance. Returns 0, or the seconds until that many are allowed; then nothing was used."""
        slot = zlib.crc32(key_id.encode()) % SLOTS * _SIZE
        each = 60.0 / per_minute
        burst = max(BURST_S, each * count)
        fcntl.lockf(self._file, fcntl.LOCK_EX, _SIZE, slot)
        try:
            now = self._now()
            (whole,) = struct.unpack_from("d", self._map, slot)
            ahead = max(whole, now) + each * count
            if ahead - now > burst:
                return float(ahead - now - burst)
            struct.pack_into("d", self._map, slot, ahead)
            return 0.0
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _SIZE, slot)
