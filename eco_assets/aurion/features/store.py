"""The feature store: what other parts of Eco call. Views, the lake behind them and the online store before them, in one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.features import materialize as materializing
from eco_assets.aurion.features import offline, sql
from eco_assets.aurion.features.materialize import Materialized
from eco_assets.aurion.features.online import OnlineStore, Served, key_of, served
from eco_assets.aurion.features.parity import Parity
from eco_assets.aurion.features.parity import parity as compared
from eco_assets.aurion.features.views import View, chosen, load_views
from eco_assets.errors import ConfigError, NotFound
from eco_assets.lake import Lake
from eco_assets.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "feature_store"  # of the tables that `backfill` writes


class FeatureStore:
    """Features of the past and of now, from the same declarations."""

    def __init__(self, lake: Lake, online: OnlineStore, views: Mapping[str, View] | None = None) -> None:
        self.lake = lake
        self.online = online
        self.views = load_views() if views is None else views

    def view(self, name: str) -> View:
        """One view. Raises `NotFound` that names the known ones."""
        if name not in self.views:
            raise NotFound(f"no feature view {name!r}; the known ones are {', '.join(sorted(self.views))}")
        return self.views[name]

    def training_set(
        self, features: Sequence[str], entities: Any, *, time_column: str, timezone: str | None = None, has_times: bool = False
    ) -> pa.Table:
        """Entity rows with features as they were known at each row's moment; see `offline.training_set`.

        Args:
            features: `view` for all its features, or `view:feature`.
            entities: Arrow table, pandas frame or DuckDB relation with key columns and moments.
            time_column: the column of moments.
            timezone: zone of the moments when the column carries none.
            has_times: whether `<view>__event_time` (UTC) is wanted too.
        """
        picked = chosen(self.views, features)
        return offline.training_set(self.lake, picked, entities, time_column=time_column, timezone=timezone, has_times=has_times)

    def get(self, features: Sequence[str], entities: Sequence[Mapping[str, Any]], *, at: datetime | None = None) -> list[dict[str, Served]]:
        """Features of entities as they are served, by view; in the order of `entities`.

        Args:
            features: `view` for all its features, or `view:feature`.
            entities: key columns of every view, one mapping an entity. A null key has no features.
            at: the moment that age is counted to and expiry decided by, with a time zone; now by default.

        Raises:
            ConfigError: a key is missing or of another type, or `at` carries no time zone.
            SourceUnavailable: the online store does not answer.
        """
        if at is not None and at.tzinfo is None:
            raise ConfigError("`at` carries no time zone")
        at_us = sql.micros(at or datetime.now(UTC))
        picked = chosen(self.views, features)
        spelled = [[key_of(view, entity) for entity in entities] for view, _ in picked]
        asked = [(view.space, [key for key in keys if key is not None]) for (view, _), keys in zip(picked, spelled, strict=True)]
        answers: list[dict[str, Served]] = [{} for _ in entities]
        for (view, names), keys, rows in zip(picked, spelled, self.online.read(asked), strict=True):
            found = iter(rows)
            for answer, key in zip(answers, keys, strict=True):
                answer[view.name] = served(view, names, None if key is None else next(found), at_us)
        return answers

    def materialize(self, name: str, through: datetime | date, *, is_full: bool = False) -> Materialized:
        """Bring the online rows of a view up to a moment, or to the end of a business day; see `materialize.materialize`."""
        view = self.view(name)
        return materializing.materialize(self.lake, self.online, view, self._moment(view, through), is_full=is_full)

    def backfill(self, name: str, first: date, last: date) -> dict[date, int]:
        """Write what was meant at the end of each business day into `feature_store.<view>` of the lake; rows by day.

        A day is replaced as a whole, in one transaction. The online store is not touched.
        """
        view, written = self.view(name), {}
        if last < first:
            raise ConfigError(f"the last day {last} comes before the first {first}")
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            rows = offline.snapshot(self.lake, view, view.end_of(day))
            written[day] = self.lake.replace_day(f"{SCHEMA}.{view.name}", day, rows)
        return written

    def parity(self, name: str, sample: int = 200) -> Parity:
        """Whether what a view serves is what the point-in-time join says; see `parity.parity`."""
        return compared(self.lake, self.online, self.view(name), sample)

    def through(self, name: str) -> datetime | None:
        """The moment that a view is complete for online; None before its first materialization as declared."""
        found = self.online.through(self.view(name).space)
        return None if found is None else sql.moment_of(found)

    def _moment(self, view: View, through: datetime | date) -> datetime:
        if not isinstance(through, datetime):
            return view.end_of(through)
        if through.tzinfo is None:
            raise ConfigError("the moment to materialize through carries no time zone")
        return through


def open_online(settings: Settings) -> OnlineStore:
    """Redis where `ECO_REDIS_URL` is set, else a SQLite file in the home."""
    if settings.redis_url is not None:
        from eco_assets.aurion.features.online_redis import RedisStore

        return RedisStore(settings.redis_url, wait_s=settings.lake_wait_s)
    from eco_assets.aurion.features.online_sqlite import SqliteStore

    return SqliteStore(settings.home / "features" / "online.db", wait_s=settings.lake_wait_s)


def open_store(lake: Lake, settings: Settings) -> FeatureStore:
    """The feature store of an installation."""
    return FeatureStore(lake, open_online(settings))
