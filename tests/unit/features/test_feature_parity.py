"""Parity finds every way in which what is served may differ from what training would see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from feature_house import CREATED, fill, hour, rows, view
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eco_assets.aurion.features.online import Kept, OnlineStore
from eco_assets.aurion.features.online_sqlite import SqliteStore
from eco_assets.aurion.features.parity import Parity
from eco_assets.aurion.features.store import FeatureStore
from eco_assets.lake import Lake

Build = Callable[..., FeatureStore]


@pytest.fixture
def served(lake: Lake, store: Build) -> FeatureStore:
    fill(lake, rows(*((f"m{number}", 1 + number, float(number), "on") for number in range(30))))
    built = store(view(ttl="1d"))
    built.materialize("reading", hour(40))
    return built


def differing(found: Parity) -> set[tuple[str, str]]:
    return {(one.key, one.feature) for one in found.mismatches}


def test_what_was_just_materialized_is_equal_at_its_own_moment_even_when_newer_rows_came(lake: Lake, served: FeatureStore) -> None:
    found = served.parity("reading")
    assert (found.is_equal, found.moment, found.checked) == (True, hour(40), 15)  # the other half is too old

    fill(lake, rows(*((f"m{number}", 1 + number, float(number), "on") for number in range(30)), ("m1", 41, 99.0, "new")))
    assert served.parity("reading").is_equal


def test_a_served_value_that_was_changed_is_found(online: OnlineStore, served: FeatureStore) -> None:
    event = int(hour(30).timestamp() * 1e6)
    with online.writing(served.view("reading").space) as writer:
        writer.put([Kept('["m29"]', event, event + 10**12, b'[28.5,"on"]')], is_forced=True)

    found = served.parity("reading")

    assert differing(found) == {('["m29"]', "heat")}
    assert (found.mismatches[0].offline, found.mismatches[0].online) == ("29.0", "28.5")


def test_a_key_that_is_not_served_and_one_that_should_not_be_are_found(online: OnlineStore, served: FeatureStore) -> None:
    with online.writing(served.view("reading").space) as writer:
        writer.delete(['["m29"]'])
        writer.put([Kept('["ghost"]', int(hour(39).timestamp() * 1e6), None, b'[1.0,"on"]')])

    assert differing(served.parity("reading")) == {
        (key, name) for key in ('["m29"]', '["ghost"]') for name in ("heat", "state", "event_time")
    }


def test_a_lake_that_changed_after_the_last_materialization_is_found(lake: Lake, served: FeatureStore) -> None:
    fill(lake, rows(*((f"m{number}", 1 + number, float(number), "off" if number == 20 else "on") for number in range(30))))

    assert differing(served.parity("reading")) == {('["m20"]', "state")}


def test_no_more_keys_than_asked_are_compared(served: FeatureStore) -> None:
    assert 3 <= served.parity("reading", sample=3).checked <= 6


def test_personal_keys_and_values_are_masked(lake: Lake, store: Build) -> None:
    fill(lake, rows(("maria@example.org", 1, 36.6, "febril")))
    key = {"name": "machine", "type": "varchar", "description": "Person.", "is_personal": True}
    features = [{"name": "state", "type": "varchar", "description": "Diagnosis.", "is_personal": True}]
    built = store(view(keys=[key], features=features))
    built.materialize("reading", hour(2))
    fill(lake, rows(("maria@example.org", 1, 36.6, "curada")))

    found = built.parity("reading")

    assert len(found.mismatches) == 1
    assert not any(word in str(found) for word in ("maria", "febril", "curada"))


NAMES = st.sampled_from(["m1", "m2", "m3"])
READING = st.tuples(NAMES, st.integers(0, 12), st.sampled_from([None, 1.0, 2.0]), st.sampled_from(["a", "b"]), st.integers(0, 14))
STEPS = st.lists(st.tuples(st.lists(READING, max_size=12), st.integers(0, 14)), min_size=2, max_size=3)


@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(STEPS, st.sampled_from([None, "3h"]), st.booleans())
def test_whatever_happens_to_the_lake_a_materialization_makes_both_sides_equal(
    lake: Lake,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[list[tuple[object, ...]], int]],
    ttl: str | None,
    has_created: bool,
) -> None:
    of = view(ttl=ttl, **(CREATED if has_created else {}))
    built = FeatureStore(lake, SqliteStore(tmp_path_factory.mktemp("online") / "online.db"), {"reading": of})
    newest = hour(0)
    for table, through in steps:
        fill(lake, rows(*table))
        newest = max(newest, hour(through))
        assert built.materialize("reading", hour(through)).through == newest
        assert built.parity("reading").mismatches == ()
