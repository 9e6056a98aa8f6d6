"""Whether what is served is what training would see: the online rows of a view against the point-in-time join at the same moment."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eco_assets.aurion.features import offline, sql
from eco_assets.aurion.features.online import OnlineStore, decode_key, encode_key, served
from eco_assets.aurion.features.views import View
from eco_assets.errors import NotFound
from eco_assets.lake import Lake


@dataclass(frozen=True)
class Mismatch:
    """A key whose two values of a feature, or of `event_time`, differ. Personal data is masked by a hash."""

    key: str
    feature: str
    offline: str
    online: str


@dataclass(frozen=True)
class Parity:
    """What a comparison found; `moment` is the one that the view was materialized through."""

    view: str
    moment: datetime
    checked: int
    mismatches: tuple[Mismatch, ...]

    @property
    def is_equal(self) -> bool:
        """Whether no sampled key differs."""
        return not self.mismatches


def parity(lake: Lake, online: OnlineStore, view: View, sample: int) -> Parity:
    """Compare up to `sample` keys that are served and up to `sample` keys of the lake, chosen at random, in every feature.

    Raises:
        NotFound: the view was never materialized.
    """
    through = online.through(view.space)
    if through is None:
        raise NotFound(f"view {view.name} was never materialized as it is declared now: `eco features materialize {view.name}`")
    moment = sql.moment_of(through)
    texts = {*online.sample(view.space, sample), *map(encode_key, offline.sampled_keys(lake, view, moment, sample))}
    keys = sorted(texts)
    entities = offline.key_entities(view, [decode_key(view, text) for text in keys], moment)
    joined = offline.training_set(lake, [(view, view.feature_names)], entities, time_column="moment", has_times=True)
    mismatches: list[Mismatch] = []
    for text, past, row in zip(keys, joined.to_pylist(), online.read([(view.space, keys)])[0], strict=True):
        now = served(view, view.feature_names, row, through)
        is_served = now.status == "present" and now.event_time is not None
        both: dict[str, tuple[Any, Any]] = {name: (past[f"{view.name}__{name}"], now.values[name]) for name in view.feature_names}
        both["event_time"] = (past[f"{view.name}__event_time"], _naive(now.event_time) if is_served else None)
        mismatches.extend(_mismatch(view, text, name, *values) for name, values in both.items() if not _is_same(*values))
    return Parity(view.name, moment, len(keys), tuple(mismatches))


def _mismatch(view: View, text: str, name: str, past: Any, now: Any) -> Mismatch:
    hides_key = any(key.is_personal for key in view.keys)
    hides_value = any(feature.is_personal for feature in view.features if feature.name == name)
    return Mismatch(
        _masked(text) if hides_key else text,
        name,
        *(_masked(repr(value)) if hides_value and value is not None else str(value) for value in (past, now)),
    )


def _masked(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and bool(one == other)
