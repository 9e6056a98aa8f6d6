"""What the ingester keeps: a reading, a gap, a refused message. Their columns, and the id that makes a reading exact.

An event id never depends on how a reading reached us: a redelivered message, a value read again from a server's history, and the value
that came first have the same id, so the raw table's key keeps one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

EVENTS = "industrial/machine_events"  # below the inbox: the folder that the contract of the same name reads
GAPS = "industrial/machine_gaps"
DEAD_LETTERS = "industrial/dead_letters"
AHEAD_US = 5 * 60 * 1_000_000  # a source time further ahead of our clock than this is flagged: NTP keeps machines within seconds


class Event(NamedTuple):
    """One reading of one sensor. Times are microseconds since 1970 in UTC; `value` is None where the reading is text or bad."""

    event_id: str
    machine_id: str
    tag: str
    measured_at: int
    value: float | None
    text: str | None
    unit: str | None
    quality: str
    source: str
    connection: str
    topic: str
    is_backfilled: bool
    is_retained: bool
    is_ahead_of_clock: bool
    received_at: int


class Gap(NamedTuple):
    """A time in which readings may have been lost. `is_filled` says that the server's history gave them back."""

    gap_id: str
    connection: str
    node: str
    machine_id: str
    tag: str
    gap_from: int
    gap_to: int
    reason: str
    is_filled: bool
    rows_backfilled: int
    recorded_at: int


class DeadLetter(NamedTuple):
    """A message that could not be read, as it came, with the reason. `size` is that of the whole payload, which may have been cut."""

    topic: str
    payload: bytes
    size: int
    reason: str
    received_at: int


@cache
def event_schema() -> pa.Schema:
    """Columns of a spool file, as the contract `industrial.machine_events` promises them."""
    return _schema(Event)


@cache
def gap_schema() -> pa.Schema:
    """Columns of a file of gaps, as the contract `industrial.machine_gaps` promises them."""
    return _schema(Gap)


def _schema(row: type[Event] | type[Gap]) -> pa.Schema:
    import pyarrow as pa

    special = {"value": pa.float64(), "rows_backfilled": pa.int64()}
    times = {"measured_at", "received_at", "recorded_at", "gap_from", "gap_to"}

    def column(name: str) -> pa.DataType:
        if name in times:
            return pa.timestamp("us")
        return pa.bool_() if name.startswith("is_") else special.get(name, pa.string())

    return pa.schema([(name, column(name)) for name in row._fields])


def table(rows: Sequence[Event] | Sequence[Gap], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.Table.from_arrays([pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)], schema=schema)


def identity(*parts: object) -> str:
    """A 32-digit id of the parts; no two lists of parts run into each other."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]


def now_us() -> int:
    """Now, in microseconds since 1970."""
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def micros(moment: datetime) -> int:
    """A moment as microseconds since 1970; one without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = aware - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def iso(us: int | None) -> str | None:
    """Microseconds since 1970 as text, for people and JSON."""
    return None if us is None else moment(us).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
