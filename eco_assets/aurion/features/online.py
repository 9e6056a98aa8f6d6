"""What an online store keeps and promises, whichever it is: one row a key, with its event time and the moment from which it is too old.

A store compares nothing but event times; what the right row is, `materialize.py` knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, Protocol

from eco_assets.aurion.features import sql
from eco_assets.aurion.features.offline import Row
from eco_assets.aurion.features.views import Key, View
from eco_assets.errors import ConfigError

Status = Literal["present", "missing", "expired"]
# Made once: `json.dumps` and `json.loads` look at their options at each call, which is a seventh of the time of a read.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=lambda value: value.isoformat())
_DECODER = json.JSONDecoder()
_READERS: Mapping[str, Callable[[str], Any]] = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat}


class Kept(NamedTuple):
    """A row as a store keeps it. `expires_us` is the last microsecond at which it is served."""

    key: str
    event_us: int
    expires_us: int | None
    row: bytes


class Writer(Protocol):
    """The right to write one space, which one process has at a time."""

    def times(self, since_us: int | None) -> dict[str, int]:
        """Event times by key, of rows from `since_us` on."""

    def put(self, rows: Sequence[Kept], *, is_forced: bool = False) -> int:
        """Keep rows that are not older than the one of their key, or any when forced; returns how many changed."""

    def delete(self, keys: Sequence[str]) -> int:
        """Forget keys; returns how many were there."""

    def delete_before(self, event_us: int) -> int:
        """Forget rows with an earlier event time; returns how many."""

    def finish(self, through_us: int) -> None:
        """Say up to when the space is complete, and forget what other declarations of the same view left."""


class OnlineStore(Protocol):
    """Rows by space and key. A space is one declaration of one view."""

    kind: str

    @property
    def place(self) -> str:
        """Where it is, without a secret."""

    def read(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[list[Kept | None]]:
        """The rows of some keys of some spaces, in the order asked."""

    def through(self, space: str) -> int | None:
        """The moment up to which a space is complete."""

    def count(self, space: str) -> int:
        """Rows of a space."""

    def newest(self, space: str) -> int | None:
        """The latest event time of a space."""

    def sample(self, space: str, count: int) -> list[str]:
        """Some of its keys, chosen at random."""

    def writing(self, space: str) -> AbstractContextManager[Writer]:
        """Hold the right to write a space. Raises `LakeBusy` when another process keeps it."""


@dataclass(frozen=True, slots=True)
class Served:
    """What one view has about one entity at a moment.

    Attributes:
        view: its name.
        status: of the row: `present`, `missing` (no such key) or `expired` (older than the time to live).
        values: by feature; all null unless the row is present.
        event_time: of the row, present or expired; UTC.
        age_s: from the event time to the moment, in seconds.
    """

    view: str
    status: Status
    values: Mapping[str, Any]
    event_time: datetime | None
    age_s: float | None

    @property
    def statuses(self) -> dict[str, Status]:
        """By feature; one whose value is null in a row that is present is `missing` too."""
        return {name: "missing" if self.status == "present" and value is None else self.status for name, value in self.values.items()}


def served(view: View, features: Sequence[str], kept: Kept | None, at_us: int) -> Served:
    """A row as of a moment."""
    if kept is None:
        return Served(view.name, "missing", dict.fromkeys(features), None, None)
    is_expired = kept.expires_us is not None and kept.expires_us < at_us
    values = {} if is_expired else decode(view, kept.row)
    return Served(
        view.name,
        "expired" if is_expired else "present",
        {name: values.get(name) for name in features},
        sql.moment_of(kept.event_us),
        (at_us - kept.event_us) / 1e6,
    )


def kept(view: View, row: Row) -> Kept:
    """A row of the lake as a store keeps it."""
    expires = None if view.ttl is None else row.event_us + sql.span(view.ttl)
    return Kept(encode_key(row.key), row.event_us, expires, _text(row.values).encode())


def encode_key(key: Sequence[Any]) -> str:
    """A key's one spelling."""
    return _text(key)


def decode_key(view: View, text: str) -> tuple[Any, ...]:
    """The inverse of `encode_key`."""
    values = _DECODER.decode(text)
    return tuple(date.fromisoformat(value) if key.type == "date" else value for key, value in zip(view.keys, values, strict=True))


def decode(view: View, row: bytes) -> dict[str, Any]:
    """The features of a kept row."""
    values = dict(zip(view.feature_names, _DECODER.decode(row.decode()), strict=True))
    for name, type_ in view.untold:
        if values[name] is not None:
            values[name] = _READERS[type_](values[name])
    return values


def key_of(view: View, entity: Mapping[str, Any]) -> str | None:
    """The spelled key of an entity, or None when a part of it is null.

    Raises:
        ConfigError: a part is missing or of another type.
    """
    parts = []
    for key in view.keys:
        if key.name not in entity:
            raise ConfigError(f"view {view.name} needs {key.name!r}; given were {', '.join(entity) or 'none'}")
        value = entity[key.name]
        if value is None:
            return None
        parts.append(_key_part(view, key, value))
    return encode_key(parts)


def _key_part(view: View, key: Key, value: Any) -> Any:
    expected: Mapping[str, type] = {"varchar": str, "date": date}
    wanted = expected.get(key.type)
    if wanted is not None and isinstance(value, wanted) and not isinstance(value, datetime):
        return value
    if wanted is None and hasattr(value, "__index__") and not isinstance(value, bool):
        return value.__index__()
    raise ConfigError(f"view {view.name}: {key.name} must be a {key.type}, not {type(value).__name__}")


def _text(values: Iterable[Any]) -> str:
    return _ENCODER.encode(list(values))
