"""What is served: the newest row of each key up to a moment, never an older one in its place, in SQLite and in Redis alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from feature_house import CREATED, fill, hour, rows, view

from eco_assets.aurion.features.online import Kept, OnlineStore
from eco_assets.aurion.features.store import FeatureStore
from eco_assets.errors import ConfigError, NotFound
from eco_assets.lake import Lake

Build = Callable[..., FeatureStore]


def heats(store: FeatureStore, *machines: str, at: float = 100) -> list[Any]:
    answers = store.get(["reading:heat"], [{"machine": machine} for machine in machines], at=hour(at))
    return [answer["reading"].values["heat"] for answer in answers]


def test_each_key_is_served_with_its_latest_row_up_to_the_moment(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0, "on"), ("m1", 2, 20.0, None), ("m1", 9, 90.0), ("m2", 2, 5.0), (None, 2, 7.0), ("m3", 9, 1.0)))
    served = store(view())

    done = served.materialize("reading", hour(5))
    one, other, unborn, nobody, null = (
        answer["reading"] for answer in served.get(["reading"], [{"machine": name} for name in ("m1", "m2", "m3", "m9", None)], at=hour(6))
    )

    assert (done.read, done.written, done.deleted, done.rows, done.newest, done.through) == (2, 2, 0, 2, hour(2), hour(5))
    assert (one.status, dict(one.values), one.event_time, one.age_s) == ("present", {"heat": 20.0, "state": None}, hour(2), 4 * 3600)
    assert one.statuses == {"heat": "present", "state": "missing"}
    assert other.values["heat"] == 5.0
    assert [answer.status for answer in (unborn, nobody, null)] == ["missing"] * 3
    assert nobody.statuses == {"heat": "missing", "state": "missing"}
    assert (nobody.values, nobody.event_time, nobody.age_s) == ({"heat": None, "state": None}, None, None)


def test_an_expired_row_is_not_served_and_says_so(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0)))
    served = store(view(ttl="2h"))
    served.materialize("reading", hour(2))

    young, old = (served.get(["reading:heat"], [{"machine": "m1"}], at=at)[0]["reading"] for at in (hour(3), hour(3.001)))

    assert (young.status, young.values["heat"]) == ("present", 10.0)
    assert (old.status, old.statuses, old.values["heat"], old.event_time) == ("expired", {"heat": "expired"}, None, hour(1))


def test_expiry_is_decided_by_the_clock_on_the_wall_when_no_moment_is_given(lake: Lake, store: Build) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    table = rows(("m1", 0, 1.0), ("m2", 0, 2.0))
    fill(lake, table.set_column(1, "at", pa.array([now, now - timedelta(hours=3)], pa.timestamp("us"))))
    served = store(view(ttl="2h"))
    served.materialize("reading", datetime.now(UTC) - timedelta(hours=2))
    served.materialize("reading", datetime.now(UTC) - timedelta(minutes=90))

    assert [answer["reading"].status for answer in served.get(["reading"], [{"machine": "m1"}, {"machine": "m2"}])] == [
        "missing",
        "expired",
    ]


def test_several_views_are_read_at_once_each_by_its_own_key(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0, "on"), ("m2", 2, 20.0, "off")))
    by_state = view(
        name="by_state",
        keys=[{"name": "state", "type": "varchar", "description": "State."}],
        features=[{"name": "heat", "type": "double", "description": "Degrees."}],
    )
    both = view(
        name="both",
        keys=[{"name": name, "type": "varchar", "description": "A part."} for name in ("machine", "state")],
        features=[{"name": "heat", "type": "double", "description": "Degrees."}],
    )
    served = store(view(), by_state, both)
    for name in ("reading", "by_state", "both"):
        served.materialize(name, hour(5))

    entities = [{"machine": "m2", "state": "on"}, {"machine": "m2", "state": "off"}]
    found = served.get(["both", "by_state:heat", "reading:state"], entities, at=hour(5))

    assert [list(answer) for answer in found] == [["both", "by_state", "reading"]] * 2
    assert [dict(answer["both"].values) for answer in found] == [{"heat": None}, {"heat": 20.0}]
    assert [dict(answer["by_state"].values) for answer in found] == [{"heat": 10.0}, {"heat": 20.0}]
    assert [dict(answer["reading"].values) for answer in found] == [{"state": "off"}, {"state": "off"}]
    assert served.get(["reading"], []) == []


def test_every_type_comes_back_as_it_went_in(lake: Lake, store: Build) -> None:
    values = {
        "yes": (pa.bool_(), "boolean", True),
        "small": (pa.int32(), "integer", -7),
        "big": (pa.int64(), "bigint", 2**62 + 1),
        "real": (pa.float64(), "double", 0.1 + 0.2),
        "text": (pa.string(), "varchar", 'aspas " e acentuação \U0001f600'),
        "day": (pa.date32(), "date", date(2026, 10, 31)),
        "moment": (pa.timestamp("us"), "timestamp", datetime(2026, 10, 31, 1, 2, 3, 4)),  # noqa: DTZ001 the lake's are naive
    }
    columns = {name: pa.array([value, None], arrow) for name, (arrow, _, value) in values.items()}
    at = [hour(1).replace(tzinfo=None)] * 2
    fill(lake, pa.table({"day_key": pa.array([date(2026, 1, 1), date(2026, 1, 2)]), "number": pa.array([1, 2]), "at": at, **columns}))
    keys = [{"name": "day_key", "type": "date", "description": "A day."}, {"name": "number", "type": "bigint", "description": "A number."}]
    features = [{"name": name, "type": type_, "description": "A value."} for name, (_, type_, _) in values.items()]
    served = store(view(keys=keys, features=features))
    served.materialize("reading", hour(2))

    full, empty = served.get(["reading"], [{"day_key": date(2026, 1, n), "number": n} for n in (1, 2)], at=hour(2))

    assert dict(full["reading"].values) == {name: value for name, (_, _, value) in values.items()}
    assert set(empty["reading"].values.values()) == {None}
    assert served.parity("reading").is_equal


def test_numbers_that_json_has_no_word_for_are_served(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, float("inf")), ("m2", 1, float("nan"))))
    served = store(view())
    served.materialize("reading", hour(2))

    assert [str(heat) for heat in heats(served, "m1", "m2")] == ["inf", "nan"]
    assert served.parity("reading").is_equal


def test_materializing_twice_changes_nothing(lake: Lake, store: Build) -> None:
    fill(lake, rows(*((f"m{number}", 1, float(number)) for number in range(2500))))
    served = store(view())

    assert served.materialize("reading", hour(2)).written == 2500
    assert served.materialize("reading", hour(2)).written == 0
    assert served.materialize("reading", hour(3), is_full=True).written == 0
    assert heats(served, "m0", "m2499") == [0.0, 2499.0]


def test_an_old_day_that_is_materialized_again_never_takes_the_place_of_a_newer_one(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m1", 5, 50.0), ("m2", 1, 20.0)))
    served = store(view())
    served.materialize("reading", hour(6))

    again = served.materialize("reading", hour(2))

    assert (again.written, again.through) == (0, hour(6))
    assert heats(served, "m1", "m2") == [50.0, 20.0]
    assert served.through("reading") == hour(6)


def test_a_store_keeps_a_newer_row_against_an_older_one(online: OnlineStore) -> None:
    new, old, same = (Kept('["m1"]', event, None, row) for event, row in ((5, b"[5]"), (4, b"[4]"), (5, b"[6]")))
    with online.writing("reading@1") as writer:
        assert (writer.put([new]), writer.put([old]), writer.put([new]), writer.put([same])) == (1, 0, 0, 1)
        writer.finish(9)

    assert online.read([("reading@1", ['["m1"]', '["m2"]']), ("other@1", ['["m1"]'])]) == [[same, None], [None]]
    with online.writing("reading@1") as writer:
        assert (writer.put([old], is_forced=True), writer.times(None), writer.times(5)) == (1, {'["m1"]': 4}, {})
    assert (online.through("reading@1"), online.count("reading@1"), online.newest("reading@1")) == (9, 1, 4)


def test_a_row_that_was_corrected_at_the_same_time_is_served_corrected(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m2", 1, 20.0)))
    served = store(view())
    served.materialize("reading", hour(2))
    fill(lake, rows(("m1", 1, 9.0), ("m2", 1, 20.0)))

    assert served.materialize("reading", hour(2)).written == 1
    assert heats(served, "m1", "m2") == [9.0, 20.0]


def test_a_row_that_was_taken_back_gives_way_to_the_one_before_it_or_to_none(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m1", 3, 30.0), ("m2", 3, 20.0)))
    served = store(view())
    served.materialize("reading", hour(4))
    fill(lake, rows(("m1", 1, 10.0)))

    done = served.materialize("reading", hour(4))

    assert (done.written, done.deleted, done.rows) == (1, 1, 1)
    assert heats(served, "m1", "m2") == [10.0, None]


def test_what_is_too_old_is_deleted(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m2", 4, 20.0)))
    served = store(view(ttl="2h"))
    assert served.materialize("reading", hour(3)).rows == 1

    done = served.materialize("reading", hour(5))

    assert (done.deleted, done.rows) == (1, 1)
    assert heats(served, "m1", "m2", at=5) == [None, 20.0]


def test_with_late_by_only_the_last_rows_are_read_and_a_full_one_finds_what_came_later(lake: Lake, store: Build) -> None:
    before = [(f"m{number}", 1, 1.0) for number in range(50)]
    fill(lake, rows(*before, ("m1", 10, 10.0), ("m2", 10, 20.0)))
    served = store(view(late_by="2h"))
    assert served.materialize("reading", hour(10)).read == 50
    fill(lake, rows(*before, ("m1", 11, 11.0), ("m3", 9, 9.0), ("m4", 5, 5.0)))  # m2's row was taken back, m4's came too late

    done = served.materialize("reading", hour(12))

    assert (done.read, done.written) == (2, 3)
    assert heats(served, "m1", "m2", "m3", "m4") == [11.0, 1.0, 9.0, 1.0]
    assert not served.parity("reading").is_equal
    served.materialize("reading", hour(12), is_full=True)
    assert heats(served, "m4") == [5.0]
    assert served.parity("reading").is_equal


def test_with_late_by_a_row_counts_from_when_it_was_created(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0, "", 1), ("m2", 1, 10.0, "", 1), ("m3", 8, 80.0, "", 8)))
    served = store(view(late_by="1h", **CREATED))
    served.materialize("reading", hour(8))
    fill(lake, rows(("m1", 1, 11.0, "", 9), ("m2", 1, 10.0, "", 1), ("m2", 0, 0.0, "", 9), ("m3", 7, 70.0, "", 9)))

    served.materialize("reading", hour(10))

    assert heats(served, "m1", "m2", "m3") == [11.0, 10.0, 70.0]  # corrected, kept, taken back
    assert served.parity("reading").is_equal


def test_a_view_that_is_declared_anew_never_serves_what_the_old_declaration_left(lake: Lake, online: OnlineStore, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0, "on")))
    store(view()).materialize("reading", hour(2))
    changed = store(view(features=[{"name": "state", "type": "varchar", "description": "What it does."}]))

    assert changed.get(["reading"], [{"machine": "m1"}], at=hour(2))[0]["reading"].status == "missing"
    assert changed.through("reading") is None
    changed.materialize("reading", hour(2))
    assert changed.get(["reading"], [{"machine": "m1"}], at=hour(2))[0]["reading"].values == {"state": "on"}
    assert online.count(view().space) == 0


def test_words_in_a_declaration_may_change_without_reading_everything_anew() -> None:
    assert view(description="The same in other words.", tags=["x"], late_by="1h").space == view().space
    assert view(ttl="1h").space != view().space != view(source={"table": "demo.others"}).space


def test_a_business_day_is_materialized_through_its_end_in_the_views_zone(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 26, 10.0), ("m2", 27.1, 20.0)))  # 23:00 and 00:06 of the next day in São Paulo
    served = store(view(event_time={"column": "at", "type": "timestamp", "timezone": "UTC"}))
    local = store(view(event_time={"column": "at", "type": "timestamp", "timezone": "America/Sao_Paulo"}))

    assert served.materialize("reading", date(2026, 10, 1)).through == hour(24)
    assert local.materialize("reading", date(2026, 10, 1)).through == hour(27)


def test_a_backfill_writes_what_was_known_at_the_end_of_each_day_and_can_be_repeated(lake: Lake, store: Build) -> None:
    fill(lake, rows(("m1", 1, 10.0), ("m1", 30, 30.0), ("m2", 50, 20.0)))
    served = store(view())
    days = [date(2026, 10, number) for number in (1, 2, 3)]
    served.materialize("reading", hour(100))

    for _ in range(2):
        assert served.backfill("reading", days[0], days[-1]) == dict(zip(days, (1, 1, 2), strict=True))

    with lake.connect() as db:
        found = db.execute("SELECT as_of, machine, heat FROM feature_store.reading ORDER BY ALL").fetchall()
    assert found == [(days[0], "m1", 10.0), (days[1], "m1", 30.0), (days[2], "m1", 30.0), (days[2], "m2", 20.0)]
    assert heats(served, "m1") == [30.0]
    with pytest.raises(ConfigError, match="comes before"):
        served.backfill("reading", days[1], days[0])


def test_what_cannot_be_asked_is_named(lake: Lake, store: Build) -> None:
    served = store(view(keys=[{"name": "machine", "type": "bigint", "description": "Machine."}]))

    with pytest.raises(NotFound, match="no feature view 'readings'; the known ones are reading"):
        served.get(["readings"], [])
    with pytest.raises(NotFound, match="no feature 'heta'; it has heat, state"):
        served.get(["reading:heta"], [])
    with pytest.raises(ConfigError, match="needs 'machine'; given were name"):
        served.get(["reading"], [{"name": 1}])
    for wrong in ("7", 7.0, True):
        with pytest.raises(ConfigError, match="must be a bigint"):
            served.get(["reading"], [{"machine": wrong}])
    for call in (served.get, served.materialize):
        with pytest.raises(ConfigError, match="carries no time zone"):
            naive = hour(1).replace(tzinfo=None)
            served.get(["reading"], [], at=naive) if call == served.get else served.materialize("reading", naive)
    with pytest.raises(NotFound, match="was never materialized"):
        served.parity("reading")
