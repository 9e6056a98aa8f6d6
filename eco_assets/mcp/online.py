"""Contexts for decisions one at a time: what the batch reads from the lake for a day, published to the online feature store.

An edition is all contexts of one decision point and one day. It is written beside the one that is served, under a name made from its
content, and becomes the served one by one write of the point's header: a reader sees an edition as a whole or not at all.
Deciding is `engine.py`'s, and scoring a row that a request brings is `live.py`'s.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from eco_assets.aurion.features.online import Kept, OnlineStore
from eco_assets.errors import NotFound
from eco_assets.mcp.engine import Context

ZONE = ZoneInfo("America/Sao_Paulo")
Clock = Literal["published", "wall"]
_HEADERS = "contexts_served@1"
_HEADER_GOOD_FOR_S = 0.25  # a reader learns of a new edition within this time
_CHUNK = 500


class Edition(msgspec.Struct, frozen=True):
    """What a point serves. `ends_us` is the end of the business day, `written_us` when it was last confirmed; UTC microseconds."""

    point: str
    as_of: str
    digest: str
    subjects: int
    models: tuple[tuple[str, str], ...]
    feature_version: str
    ends_us: int
    written_us: int

    @property
    def space(self) -> str:
        """Where its rows are."""
        return f"contexts/{self.point}@{self.digest[:16]}"


class _Row(msgspec.Struct, array_like=True):
    features: dict[str, float | int | str | bool | None]
    predictions: dict[str, float | int | str | bool | None]
    age_hours: dict[str, float]
    evidence: dict[str, float | int | str | bool | None] = {}


_EDITION, _ROW, _ENCODE = msgspec.json.Decoder(Edition), msgspec.json.Decoder(_Row), msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Published:
    """What a publication did; `is_served` is False where a later day is served, which an older one never replaces."""

    edition: Edition
    is_served: bool
    is_new: bool


def publish(store: OnlineStore, point: str, as_of: date, contexts: Sequence[Context], *, now: datetime | None = None) -> Published:
    """Make the contexts of a day the ones that a point serves. The same contexts again only confirm that they still hold.

    Args:
        store: of the installation.
        point: `agent/point`.
        as_of: the business day of all contexts.
        contexts: all subjects of the day; may be none.
        now: the moment of publication, with a zone; now by default.

    Raises:
        LakeBusy, SourceUnavailable: try again later; what was served before still is.
    """
    rows = sorted((context.subject, _encoded(context)) for context in contexts)
    edition = _edition(point, as_of, contexts, rows, now or datetime.now(UTC))
    before = _header(store, point)
    if before is not None and before.as_of > edition.as_of:
        return Published(before, is_served=False, is_new=False)
    is_new = before is None or before.digest != edition.digest
    if is_new:
        with store.writing(edition.space) as writer:
            writer.put([Kept(subject, edition.ends_us, None, row) for subject, row in rows])
    with store.writing(_HEADERS) as writer:
        is_served = writer.put([Kept(point, edition.ends_us, None, _ENCODE(edition))]) > 0  # never over a later day's
    if not is_served:
        return Published(_header(store, point) or edition, is_served=False, is_new=False)
    with store.writing(edition.space) as writer:
        writer.finish(edition.ends_us)  # forgets the edition that was served before
    return Published(edition, is_served=True, is_new=is_new)


def differences(store: OnlineStore, point: str, contexts: Iterable[Context]) -> list[str]:
    """Where what is served differs from the contexts of the lake, in words; empty when both are the same.

    Raises:
        NotFound: nothing is served for the point.
    """
    edition = _header(store, point)
    if edition is None:
        raise NotFound(f"{point}: nothing was published; materialize online/{point} first")
    found: list[str] = []
    expected = {context.subject: context for context in contexts}
    if len(expected) != edition.subjects:
        found.append(f"{edition.subjects} subjects online, {len(expected)} in the lake")
    subjects = sorted(expected)
    for start in range(0, len(subjects), _CHUNK):
        chunk = subjects[start : start + _CHUNK]
        for subject, kept in zip(chunk, store.read([(edition.space, chunk)])[0], strict=True):
            if kept is None:
                found.append(f"{subject} is not served")
            else:
                found.extend(f"{subject}: {line}" for line in _unequal(_context(edition, subject, kept.row), expected[subject]))
    return found


class Online:
    """Reads contexts by subject.

    Args:
        store: of the installation.
        clock: what age counts from. `wall`: the end of the business day, for live sources. `published`: the age when it was published
            plus the time since, for recorded data whose days are long past.
    """

    def __init__(self, store: OnlineStore, clock: Clock = "published", now: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock
        self._now = now
        self._headers: dict[str, tuple[float, Edition | None]] = {}

    @property
    def is_blocking(self) -> bool:
        """Whether a read waits for a network, so that an event loop must not call it itself."""
        return self.store.kind != "sqlite"

    def edition(self, point: str, *, is_fresh: bool = False) -> Edition | None:
        """What a point serves; at most a quarter of a second old, or read now."""
        held = self._headers.get(point)
        moment = time.monotonic()
        if is_fresh or held is None or moment - held[0] > _HEADER_GOOD_FOR_S:
            held = self._headers[point] = (moment, _header(self.store, point))
        return held[1]

    def read(self, point: str, subject: str) -> Context | None:
        """A subject's context with the age of each value, or None when it is not served."""
        edition = self.edition(point)
        kept = None if edition is None else self.store.read([(edition.space, [subject])])[0][0]
        if kept is None:  # unknown, or its edition was replaced a moment ago
            newer = self.edition(point, is_fresh=True)
            if newer is None or (edition is not None and newer.digest == edition.digest):
                return None
            edition, kept = newer, self.store.read([(newer.space, [subject])])[0][0]
        return None if kept is None or edition is None else _context(edition, subject, kept.row, self.age_h(edition))

    def age_h(self, edition: Edition) -> float:
        """Hours since the edition's values were known."""
        start = edition.ends_us if self._clock == "wall" else edition.written_us
        return max(0.0, round((self._now() - start / 1e6) / 3600, 3))


def end_of(day: date) -> datetime:
    """The first moment after a business day."""
    return datetime.combine(day + timedelta(days=1), clock_time(), ZONE)


def _header(store: OnlineStore, point: str) -> Edition | None:
    kept = store.read([(_HEADERS, [point])])[0][0]
    return None if kept is None else _EDITION.decode(kept.row)


def _edition(point: str, as_of: date, contexts: Sequence[Context], rows: list[tuple[str, bytes]], now: datetime) -> Edition:
    models = contexts[0].models if contexts else ()
    feature_version = contexts[0].feature_version if contexts else ""
    digest = hashlib.sha256(_ENCODE([point, as_of.isoformat(), models, feature_version]))
    for subject, row in rows:
        digest.update(subject.encode() + b"\x1f" + row + b"\x1e")
    return Edition(
        point=point,
        as_of=as_of.isoformat(),
        digest=digest.hexdigest(),
        subjects=len(rows),
        models=models,
        feature_version=feature_version,
        ends_us=int(end_of(as_of).timestamp() * 1e6),
        written_us=int(now.timestamp() * 1e6),
    )


def _encoded(context: Context) -> bytes:
    return _ENCODE(_Row(dict(context.features), dict(context.predictions), dict(context.age_hours), dict(context.evidence)))


def _context(edition: Edition, subject: str, row: bytes, age_h: float = 0.0) -> Context:
    """A context as it was published; with `age_h` every value is that much older."""
    held = _ROW.decode(row)
    ages: Mapping[str, float] = held.age_hours
    if age_h:
        known = held.age_hours.get
        ages = {name: known(name, 0.0) + age_h for part in (held.features, held.predictions) for name in part}
    return Context(subject, edition.as_of, held.features, held.predictions, edition.models, edition.feature_version, ages, held.evidence)


def _unequal(online: Context, offline: Context) -> list[str]:
    pairs: list[tuple[str, Any, Any]] = [
        ("day", online.as_of, offline.as_of),
        ("models", tuple(map(tuple, online.models)), tuple(map(tuple, offline.models))),
        ("feature version", online.feature_version, offline.feature_version),
    ]
    parts = ((online.features, offline.features), (online.predictions, offline.predictions), (online.evidence, offline.evidence))
    for ours, theirs in parts:
        pairs += [(name, ours.get(name), theirs.get(name)) for name in sorted({*ours, *theirs})]
    return [f"{name} is {ours!r} online and {theirs!r} in the lake" for name, ours, theirs in pairs if ours != theirs]
