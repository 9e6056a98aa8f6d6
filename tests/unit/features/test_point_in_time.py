"""The point-in-time join gives what was known at each moment, nothing later, and never loses or doubles an entity."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feature_house import CREATED, START, asked, fill, hour, rows, view
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eco_assets.aurion.features.offline import training_set
from eco_assets.aurion.features.views import View
from eco_assets.errors import ConfigError, NotFound
from eco_assets.lake import Lake


def joined(lake: Lake, of: View, entities: Any, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = training_set(lake, [(of, of.feature_names)], entities, time_column="asked_at", **more).to_pylist()
    return found


def heats(lake: Lake, of: View, entities: Any, **more: Any) -> list[float | None]:
    return [row["reading__heat"] for row in joined(lake, of, entities, **more)]


def test_a_feature_exactly_at_the_moment_is_known_and_one_a_microsecond_later_is_not(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m1", 2, 20.0)))
    late = 1 + 1 / 3.6e9

    assert heats(lake, view(), asked(("m1", 1), ("m1", late), ("m1", 2), ("m1", 2 - 1 / 3.6e9))) == [10.0, 10.0, 20.0, 10.0]


def test_every_entity_comes_back_once_and_in_its_place(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m2", 5, 50.0), (None, 1, 99.0)))
    entities = asked(("m2", 6), (None, 6), ("m1", 6), ("m1", 6), ("m2", 4), ("nobody", 6), ("m1", None), ("m2", 6))

    found = joined(lake, view(), entities)

    assert [(row["machine"], row["asked_at"]) for row in found] == [(row["machine"], row["asked_at"]) for row in entities.to_pylist()]
    assert [row["reading__heat"] for row in found] == [50.0, None, 10.0, 10.0, None, None, None, 50.0]


def test_no_entities_give_no_rows_with_all_columns(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0)))

    found = training_set(lake, [(view(), ("heat",))], asked(), time_column="asked_at")

    assert (found.num_rows, found.column_names) == (0, ["machine", "asked_at", "reading__heat"])


def test_an_entity_table_that_was_built_of_pieces_keeps_its_order(lake: Lake) -> None:
    fill(lake, rows(*((f"m{number}", 1, float(number)) for number in range(500))))
    pieces = [asked(*((f"m{number % 500}", 2) for number in range(start, start + 700))) for start in range(0, 2100, 700)]

    assert heats(lake, view(), pa.concat_tables(pieces)) == [float(number % 500) for number in range(2100)]


def test_a_value_older_than_its_time_to_live_is_null_and_one_as_old_is_not(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m2", 0, 5.0), ("m2", 3, None)))

    assert heats(lake, view(ttl="2h"), asked(("m1", 3), ("m1", 3.001), ("m2", 4), ("m2", 2))) == [10.0, None, None, 5.0]


def test_a_row_that_became_known_later_is_not_seen_before(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0, None, 1), ("m1", 2, 20.0, None, 8), ("m1", 3, 30.0, None, 5)))

    found = heats(lake, view(**CREATED), asked(*(("m1", number) for number in (1, 2, 4, 5, 8, 9))))

    # Hour 2 became known at hour 8, when hour 3 was known already: it is never meant.
    assert found == [10.0, 10.0, 10.0, 30.0, 30.0, 30.0]


def test_of_two_rows_at_one_time_the_one_created_last_is_meant_and_before_it_was_created_the_other(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0, "first", 1), ("m1", 1, 11.0, "corrected", 6), ("m1", 1, 9.0, "between", 4)))

    assert heats(lake, view(**CREATED), asked(("m1", 1), ("m1", 5), ("m1", 6))) == [10.0, 9.0, 11.0]


def test_a_row_created_before_its_event_is_known_from_its_event(lake: Lake) -> None:
    fill(lake, rows(("m1", 5, 10.0, "planned", 1), ("m1", 6, 20.0, "unknown")))

    assert heats(lake, view(**CREATED), asked(("m1", 4), ("m1", 5), ("m1", 6))) == [None, 10.0, 20.0]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_full_ties_are_resolved_the_same_way_whatever_the_order_of_rows(lake: Lake, is_reversed: bool) -> None:
    tied = [("m1", 1, 10.0, "b"), ("m1", 1, 12.0, None), ("m1", 1, 12.0, "a"), ("m1", 1, None, "z")]
    fill(lake, rows(*(reversed(tied) if is_reversed else tied)))

    found = joined(lake, view(), asked(("m1", 1)))[0]

    assert (found["reading__heat"], found["reading__state"]) == (12.0, "a")


def test_the_row_that_is_meant_does_not_depend_on_the_features_that_are_asked_for(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0, "z"), ("m1", 1, 12.0, "a")))

    found = training_set(lake, [(view(), ("state",))], asked(("m1", 1)), time_column="asked_at")

    assert found.column("reading__state").to_pylist() == ["a"]


def test_a_date_is_known_at_the_end_of_its_day_in_its_own_zone(lake: Lake) -> None:
    days = pa.table({"machine": ["m1", "m1"], "at": [date(2026, 10, 1), date(2026, 10, 2)], "heat": [1.0, 2.0], "state": ["", ""]})
    fill(lake, days)
    local = view(event_time={"column": "at", "type": "date", "timezone": "America/Sao_Paulo"})
    midnight = datetime(2026, 10, 3, tzinfo=ZoneInfo("America/Sao_Paulo"))
    entities = pa.table(
        {"machine": ["m1", "m1"], "asked_at": pa.array([midnight - timedelta(microseconds=1), midnight], pa.timestamp("us", "UTC"))}
    )

    assert heats(lake, local, entities) == [1.0, 2.0]
    assert midnight.astimezone(UTC).hour == 3


def test_a_window_is_known_when_it_is_complete(lake: Lake) -> None:
    fill(lake, rows(("m1", 0, 1.0), ("m1", 6, 2.0)))
    window = view(event_time={"column": "at", "type": "timestamp", "timezone": "UTC", "complete_after": "6h"})

    assert heats(lake, window, asked(("m1", 5.99), ("m1", 6), ("m1", 12))) == [None, 1.0, 2.0]


def test_moments_without_a_zone_are_read_in_the_zone_that_is_named_and_never_guessed(lake: Lake) -> None:
    fill(lake, rows(("m1", 12, 10.0)))  # noon in UTC is nine o'clock in São Paulo
    nine = pd.DataFrame({"machine": ["m1", "m1"], "asked_at": pd.to_datetime(["2026-10-01 09:00", "2026-10-01 08:59"])})

    assert heats(lake, view(), nine, timezone="America/Sao_Paulo") == [10.0, None]
    with pytest.raises(ConfigError, match="carries no time zone"):
        heats(lake, view(), nine)
    with pytest.raises(ConfigError, match="no time zone 'Sampa'"):
        heats(lake, view(), nine, timezone="Sampa")


def test_summer_time_of_a_view_is_followed(lake: Lake) -> None:
    table = pa.table({"machine": ["m1"], "at": [datetime(2018, 1, 1, 12)], "heat": [1.0], "state": [""]})  # noqa: DTZ001
    fill(lake, table)
    local = view(event_time={"column": "at", "type": "timestamp", "timezone": "America/Sao_Paulo"})
    moments = [datetime(2018, 1, 1, 14, tzinfo=UTC), datetime(2018, 1, 1, 13, 59, tzinfo=UTC)]  # two hours behind in January 2018
    entities = pa.table({"machine": ["m1", "m1"], "asked_at": pa.array(moments, pa.timestamp("us", "UTC"))})

    assert heats(lake, local, entities) == [1.0, None]


def test_pandas_arrow_and_a_relation_are_all_accepted(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0)))
    table = asked(("m1", 2), (None, 2))
    frame = table.to_pandas()
    with duckdb.connect() as db:
        given_as = [table, frame, db.from_arrow(table), frame.assign(machine=frame.machine.astype("category"))]
        assert [heats(lake, view(), entities) for entities in given_as] == [[10.0, None]] * 4


def test_whole_numbers_that_pandas_made_floats_of_are_keys_and_others_are_refused(lake: Lake) -> None:
    table = pa.table(
        {"machine": pa.array([7, 8], pa.int64()), "at": [hour(1).replace(tzinfo=None)] * 2, "heat": [7.0, 8.0], "state": ["", ""]}
    )
    fill(lake, table)
    numbered = view(keys=[{"name": "machine", "type": "bigint", "description": "Machine."}])
    frame = pd.DataFrame({"machine": [7, None, 8], "asked_at": [hour(2)] * 3})

    assert heats(lake, numbered, frame) == [7.0, None, 8.0]
    with pytest.raises(ConfigError, match=r"machine.*cannot be read as bigint"):
        heats(lake, numbered, frame.assign(machine=[7.5, None, 8]))
    with pytest.raises(ConfigError, match="cast it"):
        heats(lake, numbered, frame.assign(machine=["7", None, "8"]))


def test_what_is_missing_is_named(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0)))

    with pytest.raises(ConfigError, match="'machine', which is a key; they have asked_at"):
        heats(lake, view(), asked(("m1", 2)).drop(["machine"]))
    with pytest.raises(ConfigError, match="no column 'asked_at'"):
        heats(lake, view(), asked(("m1", 2)).drop(["asked_at"]))
    with pytest.raises(ConfigError, match="give the moment"):
        heats(lake, view(), pa.table({"machine": ["m1"], "asked_at": [date(2026, 10, 2)]}))
    with pytest.raises(ConfigError, match="'reading__heat' already"):
        heats(lake, view(), asked(("m1", 2)).append_column("reading__heat", pa.array([1.0])))
    with pytest.raises(NotFound, match=r"demo.other is not in the lake yet"):
        heats(lake, view(source={"table": "demo.other"}), asked(("m1", 2)))


def test_several_views_stand_beside_each_other(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0, "on"), ("m1", 3, 30.0, "off")))
    young = view(name="young", ttl="1h")

    found = training_set(
        lake, [(view(), ("heat",)), (young, ("state",))], asked(("m1", 2), ("m1", 5)), time_column="asked_at", has_times=True
    )

    assert found.drop(["machine", "asked_at"]).to_pylist() == [
        {"reading__heat": 10.0, "reading__event_time": _naive(1), "young__state": "on", "young__event_time": _naive(1)},
        {"reading__heat": 30.0, "reading__event_time": _naive(3), "young__state": None, "young__event_time": None},
    ]


def test_only_rows_of_the_named_kind_belong_to_a_view(lake: Lake) -> None:
    fill(lake, rows(("m1", 1, 10.0, "on"), ("m1", 3, 30.0, "off")))

    assert heats(lake, view(source={"table": "demo.readings", "only": {"state": "on"}}), asked(("m1", 5))) == [10.0]


def _naive(number: float) -> datetime:
    return hour(number).replace(tzinfo=None)


def test_a_large_join_agrees_with_that_of_pandas(lake: Lake) -> None:
    draw, size = np.random.default_rng(3), 20_000
    event = START + pd.to_timedelta(draw.permutation(size * 50)[:size], unit="s")  # no two at one time
    machines = [f"m{number}" for number in draw.integers(0, 300, size)]
    readings = pd.DataFrame({"machine": machines, "at": event.tz_localize(None), "heat": draw.random(size), "state": "on"})
    fill(lake, pa.Table.from_pandas(readings.assign(at=readings["at"].astype("datetime64[us]")), preserve_index=False))
    moments = START + pd.to_timedelta(draw.integers(0, size * 50, size), unit="s")
    entities = pd.DataFrame({"machine": [f"m{number}" for number in draw.integers(0, 330, size)], "asked_at": moments.tz_localize(None)})

    found = heats(lake, view(ttl="2h"), entities, timezone="UTC")

    sides = (entities.reset_index().sort_values("asked_at"), readings.sort_values("at"))
    expected = pd.merge_asof(*sides, left_on="asked_at", right_on="at", by="machine", tolerance=pd.Timedelta("2h"))
    expected = expected.set_index("index").sort_index()["heat"]
    assert [None if pd.isna(heat) else heat for heat in expected] == found
    assert 5_000 < sum(heat is not None for heat in found) < 19_000


# The reference: every rule in the words of the documentation, one entity and one row at a time.
Reading = tuple[str | None, int | None, float | None, str | None, int | None]


def reference(given: list[Reading], key: str | None, at: int | None, ttl: int | None, has_created: bool) -> tuple[Any, Any]:
    if key is None or at is None:
        return None, None
    best: tuple[Any, ...] | None = None
    for machine, event, heat, state, seen in given:
        if machine != key or event is None:
            continue
        created = event if seen is None or not has_created else seen
        if event > at or created > at:
            continue
        rank = (event, created, heat is not None, heat or 0.0, state is not None, state or "", heat, state)
        best = rank if best is None or rank[:6] > best[:6] else best
    if best is None or (ttl is not None and at - best[0] > ttl):
        return None, None
    return best[6], best[7]


NAMES = st.sampled_from(["m1", "é", None])
HOURS = st.one_of(st.none(), st.integers(0, 9))
READINGS = st.lists(
    st.tuples(NAMES, HOURS, st.sampled_from([None, 0.0, 1.5, -2.0]), st.sampled_from([None, "", "a", "b"]), HOURS), max_size=20
)
WORLDS = st.lists(st.tuples(READINGS, st.lists(st.tuples(NAMES, HOURS), max_size=10)), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(WORLDS, st.sampled_from([None, 1, 3]), st.booleans())
def test_the_join_agrees_with_a_naive_reference(
    lake: Lake, worlds: list[tuple[list[Reading], list[tuple[str | None, int | None]]]], ttl: int | None, has_created: bool
) -> None:
    """Several worlds a query, told apart by the names of their machines, because a table of the lake takes 0.2 s to write."""

    def own(number: int, name: str | None) -> str | None:
        return None if name is None else f"{number} {name}"

    readings = [(own(number, row[0]), *row[1:]) for number, (given_rows, _) in enumerate(worlds) for row in given_rows]
    entities = [(own(number, key), at) for number, (_, wanted) in enumerate(worlds) for key, at in wanted]
    fill(lake, rows(*readings))
    of = view(**({"ttl": f"{ttl}h"} if ttl else {}), **(CREATED if has_created else {}))

    found = joined(lake, of, asked(*entities))

    assert [(row["reading__heat"], row["reading__state"]) for row in found] == [
        reference(readings, key, at, ttl, has_created) for key, at in entities
    ]
    assert [row["machine"] for row in found] == [key for key, _ in entities]
