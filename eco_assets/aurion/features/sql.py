"""The SQL of feature views: which rows of a table are known when, and which of several is meant. Text only; nothing is run here.

Moments are whole microseconds since 1970 in UTC (`BIGINT`), so that no comparison depends on a session's time zone. A row is *known* from
the later of its event time and its created time. Of the rows that are known at a moment, the one with the latest event time is meant; of
several with that event time the one created last; of several of those the greatest by its features, column by column, nulls last.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from eco_assets.aurion.features.views import Clock, View

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MARGIN = timedelta(days=2)  # a date is known up to a day later, and zones differ by up to 26 hours


def micros(moment: datetime) -> int:
    """A moment as microseconds since 1970, UTC."""
    return (moment - EPOCH) // _MICROSECOND


def moment_of(us: int) -> datetime:
    """The inverse of `micros`."""
    return EPOCH + us * _MICROSECOND


def span(length: timedelta) -> int:
    """A length of time in microseconds."""
    return length // _MICROSECOND


def quoted(name: str) -> str:
    """An identifier as SQL."""
    return '"' + name.replace('"', '""') + '"'


def names(columns: tuple[str, ...], prefix: str = "") -> str:
    """Identifiers, separated by commas."""
    return ", ".join(prefix + quoted(column) for column in columns)


def utc(expression: str, zone: str | None) -> str:
    """Microseconds of a TIMESTAMP that is meant in `zone`, or of a TIMESTAMPTZ when there is none."""
    return f"epoch_us({expression})" if zone in (None, "UTC") else f"epoch_us(timezone('{zone}', {expression}))"


def instant(clock: Clock) -> str:
    """When what a column names is true: a date at its end, a window when it is complete."""
    column = quoted(clock.column)
    local = f"CAST({column} AS TIMESTAMP) + INTERVAL 1 DAY" if clock.type == "date" else column
    return f"{utc(local, clock.timezone)} + {span(clock.complete_after)}" if clock.complete_after else utc(local, clock.timezone)


def rows(view: View, first: int | None, last: int | None) -> tuple[str, dict[str, Any]]:
    """The view's rows with `_event`, `_created` and `_known`, and the parameters of the query.

    `first` and `last` are moments outside of which no event time is needed. They become rough conditions on the column itself, so that
    files of other times are not read; exact conditions are the caller's.
    """
    clock, created = view.event_time, view.created_time
    where = [f"{quoted(key)} IS NOT NULL" for key in view.key_names]
    parameters: dict[str, Any] = {f"only_{number}": value for number, value in enumerate(view.source.only.values())}
    where += [f"{quoted(column)} = $only_{number}" for number, column in enumerate(view.source.only)]
    where.append(f"{quoted(clock.column)} IS NOT NULL")
    bounds = ((">=", "first", first, -_MARGIN - clock.complete_after), ("<=", "last", last, _MARGIN))
    for sign, name, us, margin in bounds:
        if us is not None:
            where.append(f"{quoted(clock.column)} {sign} CAST(${name} AS {clock.type})")
            moment = moment_of(us) + margin
            parameters[name] = moment if clock.type == "timestamptz" else moment.replace(tzinfo=None)
    columns = ", ".join(f"CAST({quoted(part.name)} AS {part.type}) AS {quoted(part.name)}" for part in view.parts)
    known_from = f"coalesce({instant(created)}, _event)" if created else "_event"
    table = ".".join(quoted(part) for part in _path(view.source.table))
    query = f"""SELECT {columns}, {instant(clock)} AS _event, {known_from} AS _created, greatest(_event, _created) AS _known
                FROM {table} WHERE {" AND ".join(where)}"""
    return query, parameters


def meant(view: View) -> str:
    """The order of preference among rows of a key: the first is meant."""
    features = ", ".join(f"{quoted(feature)} DESC NULLS LAST" for feature in view.feature_names)
    return f"_event DESC, _created DESC, {features}"


def ties(view: View, first: int | None, last: int | None) -> tuple[str, dict[str, Any]]:
    """The keys and event times that several rows have."""
    query, parameters = rows(view, first, last)
    return f"SELECT {names(view.key_names)}, _event FROM ({query}) GROUP BY ALL HAVING count(*) > 1", parameters


def history(view: View, first: int | None, last: int | None, tied: str | None) -> tuple[str, dict[str, Any]]:
    """For each key the moments (`_known`) from which another row is meant, each once: what an ASOF join can be made with.

    A row that becomes known after a later event was known is never meant. Without a created time that cannot be, and only rows with one
    event time need ranking: `tied` is a table of what `ties` found, if anything. Finding them in two million rows costs 0.5 CPU-seconds,
    ranking all of them 1.6.
    """
    query, parameters = rows(view, first, last)
    keys = names(view.key_names)
    if view.created_time is not None:
        ranked = f"SELECT *, -row_number() OVER (PARTITION BY {keys} ORDER BY {meant(view)}) AS _rank FROM ({query})"
        best = f"max(_rank) OVER (PARTITION BY {keys} ORDER BY _known RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        return f"SELECT * FROM ({ranked}) QUALIFY _rank = {best}", parameters
    if tied is None:
        return query, parameters
    single = f"SELECT * FROM ({query}) ANTI JOIN {tied} USING ({keys}, _event)"
    first_of = f"row_number() OVER (PARTITION BY {keys}, _event ORDER BY {meant(view)}) = 1"
    return f"{single} UNION ALL SELECT * FROM ({query}) SEMI JOIN {tied} USING ({keys}, _event) QUALIFY {first_of}", parameters


def latest(view: View, moment: int, since: int | None = None) -> tuple[str, dict[str, Any]]:
    """The row of each key that is meant at a moment, if it is not older than the view's time to live; of those known from `since`."""
    oldest = None if view.ttl is None else moment - span(view.ttl)
    first = max((us for us in (oldest, since if view.created_time is None else None) if us is not None), default=None)
    query, parameters = rows(view, first, moment)
    where = ["_known <= $moment"]
    if oldest is not None:
        where.append(f"_event >= {oldest}")
    if since is not None:
        where.append(f"_known >= {since}")
    order = f"row_number() OVER (PARTITION BY {names(view.key_names)} ORDER BY {meant(view)})"
    return f"SELECT * FROM ({query}) WHERE {' AND '.join(where)} QUALIFY {order} = 1", {**parameters, "moment": moment}


def _path(table: str) -> tuple[str, ...]:
    parts = tuple(table.split("."))
    return parts if parts[0] == "raw" else ("eco", *parts)
