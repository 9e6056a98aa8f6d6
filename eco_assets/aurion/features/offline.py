"""The offline side: features as they were known at a past moment, from the lake's own tables by DuckDB's ASOF join.

A feature is known at a moment when its event time and its created time are not later (`<=`). Every entity row comes back once and in its
place: those with a null key, a null time or only later features have nulls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from eco_assets.aurion.features import sql
from eco_assets.aurion.features.views import Key, View
from eco_assets.errors import ConfigError, NotFound, PermanentError
from eco_assets.lake import Lake

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Picked = Sequence[tuple[View, Sequence[str]]]
_CHUNK = 10_000


class Row(NamedTuple):
    """The row of a key that is meant at a moment."""

    key: tuple[Any, ...]
    event_us: int
    values: tuple[Any, ...]


def training_set(
    lake: Lake, picked: Picked, entities: Any, *, time_column: str, timezone: str | None = None, has_times: bool = False
) -> pa.Table:
    """Entity rows with features as they were known at each row's moment.

    Args:
        lake: where the views' tables are.
        picked: views and the features that are wanted of each.
        entities: Arrow table, pandas frame or DuckDB relation with the key columns of every view and a column of moments.
        time_column: the column of moments.
        timezone: zone of the moments when the column carries none.
        has_times: whether `<view>__event_time` (UTC) is wanted too.

    Returns:
        The entities' columns as given, then `<view>__<feature>` for each feature; as many rows, in the same order.

    Raises:
        ConfigError: a key column is missing or of another type, or the moments carry no time zone; says what to give.
        NotFound: a view's table was not built yet.
    """
    import numpy as np
    import pyarrow as pa

    table = _arrow(entities)
    moments = _moments(table, time_column, timezone)
    used = {key.name: key for view, _ in picked for key in view.keys}
    columns = {name: _key_column(table, key) for name, key in used.items()}
    asked = pa.table({**columns, "_row": pa.array(np.arange(table.num_rows)), "_moment": table.column(time_column)})
    with lake.connect() as db:
        db.register("_given", asked)
        db.execute("SET SESSION asof_loop_join_threshold = 0")  # else a nested loop where the planner thinks entities are few
        db.execute(f"CREATE TEMP TABLE _asked AS SELECT *, {moments} AS _at FROM _given")
        bounds = db.execute("SELECT min(_at), max(_at) FROM _asked").fetchall()[0]
        for view, features in picked:
            found = _joined(db, view, features, bounds, has_times=has_times)
            if found.num_rows != table.num_rows:
                raise PermanentError(f"the join with {view.name} gave {found.num_rows} rows for {table.num_rows} entities: report this")
            for name in found.column_names:
                if name in table.column_names:
                    raise ConfigError(f"the entities have a column {name!r} already: rename it")
                table = table.append_column(name, found.column(name))
    return table


def _joined(
    db: duckdb.DuckDBPyConnection, view: View, features: Sequence[str], bounds: tuple[int | None, ...], *, has_times: bool
) -> pa.Table:
    earliest, last = bounds
    first = None if earliest is None or view.ttl is None else earliest - sql.span(view.ttl)
    query, parameters = sql.history(view, first, last, _tied(db, view, first, last))
    # The condition is said again, because DuckDB 1.5's ASOF join finds a match for a moment that is null.
    is_known = "e._at >= f._known" if view.ttl is None else f"e._at >= f._known AND e._at - f._event <= {sql.span(view.ttl)}"
    shown = [f"CASE WHEN {is_known} THEN f.{sql.quoted(name)} END AS {sql.quoted(f'{view.name}__{name}')}" for name in features]
    if has_times:
        shown.append(f"CASE WHEN {is_known} THEN make_timestamp(f._event) END AS {sql.quoted(f'{view.name}__event_time')}")
    same = " AND ".join(f"e.{sql.quoted(key)} = f.{sql.quoted(key)}" for key in view.key_names)
    return _run(
        db,
        view,
        f"""SELECT {", ".join(shown)}
            FROM _asked e ASOF LEFT JOIN ({query}) f ON {same} AND e._at >= f._known
            ORDER BY e._row""",
        parameters,
    ).to_arrow_table()


def _tied(db: duckdb.DuckDBPyConnection, view: View, first: int | None, last: int | None) -> str | None:
    """The name of a table of keys and event times that several rows have, if there are any."""
    if view.created_time is not None:
        return None
    query, parameters = sql.ties(view, first, last)
    _run(db, view, f"CREATE OR REPLACE TEMP TABLE _tied AS {query}", parameters)
    return "_tied" if db.execute("SELECT 1 FROM _tied LIMIT 1").fetchall() else None


def latest(
    lake: Lake, view: View, moment: datetime, since: datetime | None = None, keys: Iterable[tuple[Any, ...]] | None = None
) -> Iterator[list[Row]]:
    """The row of each key that is meant at a moment, in chunks; of those known from `since`, of `keys` only where given."""
    query, parameters = sql.latest(view, sql.micros(moment), None if since is None else sql.micros(since))
    wide = len(view.keys)
    with lake.connect() as db:
        if keys is not None:
            db.register("_wanted", _key_table(view, keys))
            query = f"SELECT * FROM ({query}) SEMI JOIN _wanted USING ({sql.names(view.key_names)})"
        shown = f"{sql.names(view.key_names)}, _event, {sql.names(view.feature_names)}"
        cursor = _run(db, view, f"SELECT {shown} FROM ({query})", parameters)
        while chunk := cursor.fetchmany(_CHUNK):
            yield [Row(row[:wide], row[wide], row[wide + 1 :]) for row in chunk]


def snapshot(lake: Lake, view: View, moment: datetime) -> pa.Table:
    """What `latest` gives, as a table: keys, `event_time` (UTC) and features."""
    query, parameters = sql.latest(view, sql.micros(moment))
    shown = f"{sql.names(view.key_names)}, make_timestamp(_event) AS event_time, {sql.names(view.feature_names)}"
    with lake.connect() as db:
        return _run(db, view, f"SELECT {shown} FROM ({query}) ORDER BY {sql.names(view.key_names)}", parameters).to_arrow_table()


def sampled_keys(lake: Lake, view: View, moment: datetime, count: int) -> list[tuple[Any, ...]]:
    """Some keys that have a row at a moment, chosen at random."""
    query, parameters = sql.latest(view, sql.micros(moment))
    with lake.connect() as db:
        chosen = f"SELECT {sql.names(view.key_names)} FROM ({query}) ORDER BY random() LIMIT {count}"
        return _run(db, view, chosen, parameters).fetchall()


def key_entities(view: View, keys: Sequence[tuple[Any, ...]], moment: datetime) -> pa.Table:
    """An entity table of keys at one moment, its time column called `moment`."""
    import pyarrow as pa

    return _key_table(view, keys).append_column("moment", pa.array([moment] * len(keys), pa.timestamp("us", "UTC")))


def _run(db: duckdb.DuckDBPyConnection, view: View, query: str, parameters: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return db.execute(query, parameters)
    except duckdb.CatalogException as error:
        raise NotFound(f"view {view.name}: {view.source.table} is not in the lake yet: `make run` builds it ({error})") from error


def _arrow(entities: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(entities, pa.Table):
        return entities
    if hasattr(entities, "to_arrow_table"):
        return entities.to_arrow_table()
    return pa.Table.from_pandas(entities, preserve_index=False)


def _moments(table: pa.Table, column: str, timezone: str | None) -> str:
    """The SQL of a row's moment in microseconds."""
    import pyarrow as pa

    if column not in table.column_names:
        raise ConfigError(f"the entities have no column {column!r}; they have {', '.join(table.column_names)}")
    found = table.schema.field(column).type
    if pa.types.is_null(found):
        return "CAST(NULL AS BIGINT)"
    if not pa.types.is_timestamp(found):
        raise ConfigError(f"the entities' {column!r} is {found}: give the moment, as a timestamp")
    if found.tz is not None:
        return "epoch_us(CAST(_moment AS TIMESTAMPTZ))"
    if timezone is None:
        raise ConfigError(f"the entities' {column!r} carries no time zone: say which with timezone=, such as America/Sao_Paulo")
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(f"no time zone {timezone!r}") from error
    return sql.utc("CAST(_moment AS TIMESTAMP)", timezone)


def _key_column(table: pa.Table, key: Key) -> pa.ChunkedArray:
    """A key column in the key's own type: numbers and texts are never taken for each other, because 7 and '007' would be strangers."""
    import pyarrow as pa

    if key.name not in table.column_names:
        raise ConfigError(f"the entities have no column {key.name!r}, which is a key; they have {', '.join(table.column_names)}")
    column = table.column(key.name)
    target = _arrow_type(key)
    found = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_number = pa.types.is_integer(found) or pa.types.is_floating(found)
    is_text = pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    fits = {"varchar": is_text, "date": pa.types.is_date(found)}.get(key.type, is_number)
    try:
        if fits or pa.types.is_null(found):
            return column.cast(found).cast(target)
    except pa.ArrowInvalid as error:
        raise ConfigError(f"the entities' {key.name!r} cannot be read as {key.type}: {error}") from error
    raise ConfigError(f"the entities' {key.name!r} is {found}, and the key is {key.type}: cast it")


def _key_table(view: View, keys: Iterable[tuple[Any, ...]]) -> pa.Table:
    import pyarrow as pa

    columns = list(zip(*keys, strict=True)) or [()] * len(view.keys)
    return pa.table({key.name: pa.array(values, _arrow_type(key)) for key, values in zip(view.keys, columns, strict=True)})


def _arrow_type(key: Key) -> pa.DataType:
    import pyarrow as pa

    return {"integer": pa.int64(), "bigint": pa.int64(), "varchar": pa.string(), "date": pa.date32()}[key.type]
