"""Reads OPC UA: a subscription for what comes, the server's history for what was missed.

A server keeps values for us only while the subscription lives. So every doubt (we come back, the server's queue ran over, a notification
is missing, readings are too far apart) is a gap: it is filled from the history, from the last reading that is durable here, or recorded
as lost. The state holds one position a variable; a position never passes a gap that is still open, so a kill opens it again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from eco_assets.aurion.stream.config import OpcuaConfig
from eco_assets.aurion.stream.events import Event, Gap, identity, moment, now_us
from eco_assets.aurion.stream.nodes import NoHistory, Variable, event_of, history, open_client, variables
from eco_assets.aurion.stream.watch import Watch
from eco_assets.aurion.stream.writer import Writer

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.client.client import Client

log = logging.getLogger("eco.ingest")
WAIT_S = (0.5, 30.0)  # between two attempts to connect: the first pause, and the longest
OVERFLOW = 0x480  # status code: the value is of a queue (InfoType DataValue) that ran over
TOO_FAR = 3  # expected intervals between two readings of a variable that make a gap
CLOCKS_APART_US = 86_400 * 1_000_000  # the history is read to a day from now, because the server's clock may be ahead
ROWS_HELD = 100_000  # readings that may wait here for room on the disk; then we leave, and the history has to give the rest


class Doubt(NamedTuple):
    """A time in which readings of a variable may be missing. `until` is 0 while nobody knows."""

    variable: Variable
    since: int
    until: int
    reason: str


class OpcuaReader:
    """The resident reader of one server."""

    def __init__(self, name: str, config: OpcuaConfig, writer: Writer) -> None:
        self.name = name
        self._config = config
        self._writer = writer
        self._meter = writer.meter
        self._variables: dict[str, Variable] = {}
        self._seen: dict[str, int] = {}  # newest source time of each variable, durable or not
        self._first: dict[str, int] = {}  # source time of each variable's first reading of this session
        self._open: defaultdict[str, list[int]] = defaultdict(list)  # where the open gaps of a variable begin
        self._waiting: dict[str, Doubt] = {}  # gaps that nobody has begun to fill, one a variable
        self._oldest_at: int | None = None

    def run(self, stop: threading.Event) -> None:
        """Read until `stop`, then write what was received and leave."""
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        pause, sessions = WAIT_S[0], 0
        while not stop.is_set():
            begun = time.monotonic()
            try:
                if self._writer.has_room():
                    sessions += 1
                    await self._session(stop, sessions)
                else:
                    pause = WAIT_S[0]
            except Exception as error:  # noqa: BLE001 -- the library raises many kinds, bare Exception among them
                self._say("connecting", f"{self._config.url}: {str(error) or type(error).__name__}")
            if time.monotonic() - begun > 10:
                pause = WAIT_S[0]
            self._flush(is_due=True)
            await _sleep(stop, pause)
            pause = min(WAIT_S[1], pause * 2)
        self._flush(is_due=True)
        if self._writer.pending:
            log.warning("%s: %d reading(s) are not written, there is no room", self.name, len(self._writer.pending.events))

    async def _session(self, stop: threading.Event, number: int) -> None:
        """Connect, follow the variables and fill what was missed. Returns at `stop`, or when too much waits for room."""
        async with open_client(self._config) as client:
            found = await variables(client, self._config)
            self._variables = {variable.node: variable for variable in found}
            self._first, self._waiting = {}, {}
            self._come_back("restarted" if number == 1 else "reconnected")  # before the first new reading moves the position
            watch = Watch(self._take, self._missed)
            await watch.begin(client, self._config, list(self._variables))
            refused = ", ".join(f"{node} ({why})" for node, why in watch.refused.items())
            self._say("reading", f"cannot be followed: {refused}" if refused else "")
            self._meter.reconnects += number > 1
            log.info("%s: follows %d variable(s)", self.name, len(found) - len(watch.refused))
            repair = asyncio.create_task(self._repair(client))
            try:
                while not stop.is_set() and len(self._writer.pending.events) < ROWS_HELD:
                    await asyncio.sleep(0.1)
                    watch.check_alive()
                    if repair.done():
                        repair.result()
                    self._flush()
                await watch.end()
            finally:
                repair.cancel()
                await asyncio.gather(repair, return_exceptions=True)

    def _take(self, node: str, value: ua.DataValue) -> None:
        """A reading of the subscription."""
        now = now_us()
        event = event_of(self.name, self._config, self._variables[node], value, now)
        before, is_first = self._last(node), node not in self._first
        self._first.setdefault(node, event.measured_at)
        if before is not None:
            if value.StatusCode is not None and value.StatusCode.value & OVERFLOW == OVERFLOW:
                self._doubt(node, before, event.measured_at, "queue_overflow")
            elif not is_first and self._is_too_far(before, event.measured_at):
                self._doubt(node, before, event.measured_at, "readings_too_far_apart")
        self._keep(node, event)
        self._meter.messages += 1
        self._meter.last_received_at = now

    def _missed(self, reason: str) -> None:
        """Notifications are lost: any variable may have been in them."""
        for node in self._variables:
            before = self._last(node)
            if before is not None:
                self._doubt(node, before, now_us(), reason)

    def _come_back(self, reason: str) -> None:
        """Everything since the last reading is in doubt, and so are the gaps that were not filled before."""
        for node in self._variables:
            since = min([*self._open.pop(node, []), *filter(None, [self._last(node)])], default=None)
            if since is not None:
                self._doubt(node, since, 0, reason)

    def _last(self, node: str) -> int | None:
        """Source time of the newest reading that is written, or will be with the next file."""
        return self._seen.get(node) or self._writer.spool.state.get("positions", {}).get(node)

    def _is_too_far(self, before: int, at: int) -> bool:
        expected_us = self._config.expected_interval_ms * 1_000
        return bool(expected_us) and at - before > TOO_FAR * expected_us

    def _doubt(self, node: str, since: int, until: int, reason: str) -> None:
        if node not in self._waiting:  # one that waits will be filled up to the moment when it is taken up
            self._waiting[node] = Doubt(self._variables[node], since, until, reason)
            self._open[node].append(since)

    def _keep(self, node: str, event: Event) -> None:
        self._seen[node] = max(event.measured_at, self._seen.get(node, 0))
        self._oldest_at = self._oldest_at or now_us()
        self._writer.add(event)

    async def _repair(self, client: Client) -> None:
        """Fill gaps from the history, one at a time, while the subscription goes on."""
        while True:
            if not self._waiting:
                await asyncio.sleep(0.1)
                continue
            doubt = self._waiting.pop(next(iter(self._waiting)))
            rows, problem = 0, "the history does not reach back to the last reading"
            until = moment(max(now_us(), doubt.since) + CLOCKS_APART_US)
            try:
                async for page in history(client, doubt.variable, moment(doubt.since), until, self._config.history_page):
                    for value in page:
                        event = event_of(self.name, self._config, doubt.variable, value, now_us(), is_backfilled=True)
                        rows += not self._writer.is_held(event.event_id)
                        if event.measured_at == doubt.since:
                            problem = ""
                        self._keep(doubt.variable.node, event)
                    while len(self._writer.pending.events) >= self._writer.limits.batch_rows and not self._flush():
                        await asyncio.sleep(0.5)
                    await asyncio.sleep(0)
            except NoHistory as error:
                problem = str(error)
            if problem and not doubt.until:
                doubt = doubt._replace(until=await self._first_reading(doubt.variable.node))
            self._close(doubt, rows, problem)

    async def _first_reading(self, node: str) -> int:
        """Source time of the first reading after we came back: up to there nobody knows. If none comes, now."""
        patience = time.monotonic() + 1 + 3 * self._config.publishing_interval_ms / 1_000
        while node not in self._first and time.monotonic() < patience:
            await asyncio.sleep(0.05)
        return self._first.get(node) or now_us()

    def _close(self, doubt: Doubt, rows: int, problem: str) -> None:
        """The gap is filled or lost. One that turned out to hold nothing leaves no trace."""
        variable, since = doubt.variable, doubt.since
        self._open[variable.node].remove(since)
        until = doubt.until or now_us()
        if rows == 0 and (not problem or until <= since):
            return
        reason = f"{doubt.reason}: {problem}" if problem else doubt.reason
        self._writer.pending.gaps.append(
            Gap(
                identity(self.name, variable.node, since, until, reason), self.name, variable.node, variable.machine, variable.tag,
                since, until, reason, not problem, rows, now_us(),
            )
        )  # fmt: skip

    def _flush(self, is_due: bool = False) -> bool:
        """Write when it is time. The positions go with the rows; one with an open gap stays where the gap begins."""
        pending, limits = self._writer.pending, self._writer.limits
        self._meter.queue_depth, self._meter.oldest_waiting_at = len(pending.events), self._oldest_at
        is_old = self._oldest_at is not None and now_us() - self._oldest_at >= limits.batch_s * 1e6
        if not (is_due or is_old or pending.gaps or len(pending.events) >= limits.batch_rows):
            return True
        if self._seen:
            begun = {node: min(gaps) for node, gaps in self._open.items() if gaps}
            self._writer.remember(positions={**self._writer.spool.state.get("positions", {}), **self._seen, **begun})
        is_written = self._writer.write()
        if is_written:
            self._oldest_at = None
            self._meter.queue_depth = 0
        return is_written

    def _say(self, state: str, problem: str) -> None:
        if problem and problem != self._meter.problem:
            log.warning("%s: %s", self.name, problem)
        if self._meter.state != "holding":
            self._meter.state, self._meter.problem = state, problem


async def _sleep(stop: threading.Event, seconds: float) -> None:
    """Sleep, but not past `stop`."""
    until = time.monotonic() + seconds
    while not stop.is_set() and time.monotonic() < until:
        await asyncio.sleep(0.05)
