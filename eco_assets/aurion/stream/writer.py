"""Collects readings until they are worth a file, and makes them durable when the inbox has room. MQTT and OPC UA share it."""

from __future__ import annotations

import logging
import time

from eco_assets.aurion.stream.events import Event
from eco_assets.aurion.stream.inbox import Limits, Room
from eco_assets.aurion.stream.meter import Meter
from eco_assets.aurion.stream.spool import Pending, Spool

log = logging.getLogger("eco.ingest")


class Writer:
    """Between a reader and its spool."""

    def __init__(self, spool: Spool, limits: Limits, room: Room, meter: Meter) -> None:
        self.spool = spool
        self.limits = limits
        self.meter = meter
        self.pending = Pending()
        self._room = room
        self._batch: set[str] = set()
        self._try_at = 0.0
        self._is_saved = True

    def add(self, event: Event) -> None:
        """Take a reading, unless it was written lately or waits already."""
        if self.is_held(event.event_id):
            self.meter.duplicates += 1
            return
        self._batch.add(event.event_id)
        self.pending.events.append(event)

    def is_held(self, event_id: str) -> bool:
        """Whether this reading was written lately, or waits to be."""
        return event_id in self._batch or self.spool.is_known(event_id)

    def remember(self, **state: object) -> None:
        """Put something into the connection's state; it is saved with the next write."""
        self.spool.state.update(state)
        self._is_saved = False

    def has_room(self) -> bool:
        """Whether anything more may be taken; says in the meter when not, and why."""
        if time.monotonic() < self._try_at:
            return False
        found = self._room.measure()
        if found.why:
            self._hold(found.why)
        elif self.meter.state == "holding":
            log.info("%s: goes on, the inbox has room again", self.spool.connection)
            self.meter.state, self.meter.problem = "reading", ""
        return not found.why

    def write(self) -> bool:
        """Make everything that was added durable. False when there is no room, or the disk refused: call again later."""
        if not self.pending and self._is_saved:
            return True
        if not self.has_room():
            return False
        try:
            self._commit()
            self.spool.save_state()
        except OSError as error:
            self._hold(f"the disk refuses to write: {error.strerror or error}")
            self._try_at = time.monotonic() + 1.0
            return False
        self._is_saved = True
        return True

    def _commit(self) -> None:
        pending, meter = self.pending, self.meter
        events = pending.events
        rows, newest = len(events), max((event.measured_at for event in events), default=0)
        backfilled, gaps, dead = sum(event.is_backfilled for event in events), len(pending.gaps), len(pending.dead)
        self._is_saved = False
        try:
            name = self.spool.commit(pending)
        finally:
            meter.gaps += gaps - len(pending.gaps)
            meter.dead_letters += dead - len(pending.dead)
        self._room.changed()
        if name:
            meter.wrote(name, rows, newest)
            meter.rows_backfilled += backfilled
        self._batch.clear()

    def _hold(self, why: str) -> None:
        if self.meter.problem != why:
            log.warning("%s: takes nothing more, %s", self.spool.connection, why)
        self.meter.state, self.meter.problem = "holding", why
