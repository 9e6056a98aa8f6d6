"""What becomes of one MQTT message: readings, or a reason why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eco_assets.aurion.stream.config import MqttConfig, parse
from eco_assets.aurion.stream.events import Event, micros, moment
from eco_assets.aurion.stream.payloads import Poisoned, Reader
from eco_assets.errors import ConfigError

NOW = 1_800_000_000_000_000
ONE = {"topic": "fabrica/{machine}/{tag}", "timestamp": "ts"}
MANY = {"topic": "fabrica/{machine}/telemetria", "timestamp": "ts", "id": "seq", "value": "v", "values": "*", "units": {"Pressao": "bar"}}


def reader(*topics: dict[str, Any], name: str = "line") -> Reader:
    return Reader(name, parse(MqttConfig, {"host": "h", "topics": list(topics)}))


def read(topic: dict[str, Any], payload: object, at: str = "fabrica/m1/Pressao", received_at: int = NOW) -> list[Event]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    events, wrong = reader(topic).read(at, raw, is_retained=False, received_at=received_at)
    assert wrong == ""
    return events


def test_a_reading_takes_machine_and_sensor_from_the_topic() -> None:
    (event,) = read(ONE, {"ts": "2026-01-02T03:04:05.678901Z", "value": 1.5})
    assert (event.machine_id, event.tag, event.value, event.quality, event.source) == ("m1", "Pressao", 1.5, "good", "mqtt")
    assert moment(event.measured_at).isoformat() == "2026-01-02T03:04:05.678901+00:00"


def test_a_zone_is_turned_into_utc_and_a_moment_without_one_is_utc() -> None:
    (near,) = read(ONE, {"ts": "2026-01-02T00:00:00-03:00", "value": 1})
    (plain,) = read(ONE, {"ts": "2026-01-02T03:00:00", "value": 1})
    assert near.measured_at == plain.measured_at


@pytest.mark.parametrize(
    ("unit", "number"),
    [("s", 1_700_000_000.5), ("ms", 1_700_000_000_500), ("us", 1_700_000_000_500_000), ("ns", 1_700_000_000_500_000_123)],
)
def test_a_number_is_a_moment_in_the_unit_that_is_configured(unit: str, number: float) -> None:
    (event,) = read({**ONE, "timestamp_format": unit}, {"ts": number, "value": 1})
    assert event.measured_at == 1_700_000_000_500_000


def test_a_message_with_many_sensors_gives_a_row_each_with_its_unit() -> None:
    events = read(MANY, {"ts": "2026-01-02T03:04:05Z", "seq": 7, "v": {"Pressao": 1, "ligada": True}}, "fabrica/m1/telemetria")
    assert [(event.tag, event.value, event.unit) for event in events] == [("Pressao", 1.0, "bar"), ("ligada", 1.0, None)]
    assert len({event.event_id for event in events}) == 2


def test_named_sensors_are_found_at_dotted_paths_and_one_that_is_missing_is_left_out() -> None:
    topic = {"topic": "a", "machine": "m.name", "timestamp": "ts", "values": {"P": "data.p", "T": "data.t"}}
    (event,) = read(topic, {"m": {"name": 4}, "ts": "2026-01-02T03:04:05Z", "data": {"p": 2}}, "a")
    assert (event.machine_id, event.tag, event.value) == ("4", "P", 2.0)


def test_a_bare_number_and_a_bare_text_are_read_where_configured() -> None:
    bare = {"topic": "fabrica/{machine}/{tag}", "timestamp": "received"}
    (number,) = read({**bare, "payload": "number"}, b" 21.5 ")
    (text,) = read({**bare, "payload": "text"}, "ligada ção".encode())
    assert number.value == 21.5 and number.measured_at == NOW
    assert (text.value, text.text) == (None, "ligada ção")


def test_a_redelivered_message_has_the_same_ids_whenever_it_arrives() -> None:
    payload = {"ts": "2026-01-02T03:04:05Z", "seq": 7, "v": {"P": 1}}
    first = read(MANY, payload, "fabrica/m1/telemetria")
    again = read(MANY, payload, "fabrica/m1/telemetria", received_at=NOW + 10**9)
    assert [event.event_id for event in first] == [event.event_id for event in again]


def test_a_machine_that_counts_from_zero_again_is_not_taken_for_a_redelivery() -> None:
    before = read(MANY, {"ts": "2026-01-02T03:04:05Z", "seq": 0, "v": {"P": 1}}, "fabrica/m1/telemetria")
    after = read(MANY, {"ts": "2026-01-02T04:04:05Z", "seq": 0, "v": {"P": 1}}, "fabrica/m1/telemetria")
    assert before[0].event_id != after[0].event_id


def test_an_id_alone_tells_messages_apart() -> None:
    topic = {"topic": "fabrica/{machine}/{tag}", "id": "seq", "timestamp": "received"}
    ids = [read(topic, {"seq": seq, "value": 1}, received_at=at)[0].event_id for seq, at in ((1, NOW), (1, NOW + 5), (2, NOW))]
    assert ids[0] == ids[1] != ids[2]


def test_two_connections_keep_equal_topics_apart_unless_they_share_a_namespace() -> None:
    def event_id(name: str, **more: str) -> str:
        made = Reader(name, parse(MqttConfig, {"host": "h", "topics": [ONE], **more}))
        events, _ = made.read("fabrica/m/t", b'{"ts": "2026-01-02", "value": 1}', is_retained=False, received_at=NOW)
        return events[0].event_id

    assert event_id("a") != event_id("b")
    assert event_id("a", namespace="n") == event_id("b", namespace="n")


def test_a_clock_that_runs_ahead_is_flagged_and_kept() -> None:
    (ahead,) = read(ONE, {"ts": "2030-01-01T00:00:00Z", "value": 1}, received_at=micros(moment(NOW)))
    assert ahead.is_ahead_of_clock and moment(ahead.measured_at).year == 2030


GOOD = {"ts": "2026-01-02T03:04:05Z", "value": 1}
POISON: list[tuple[str, bytes, str]] = [
    ("not JSON", b'{"ts": ', "not JSON"),
    ("empty", b"", "not JSON"),
    ("not UTF-8", b'{"value": "\xff\xfe"}', "not UTF-8"),
    ("a list", b"[1, 2]", "not a JSON object"),
    ("NaN", b'{"ts": "2026-01-02", "value": NaN}', "NaN"),
    ("infinite", b'{"ts": "2026-01-02", "value": 1e999}', "not finite"),
    ("too large", b'{"ts": "2026-01-02", "value": ' + b"9" * 400 + b"}", "too large"),
    ("too many digits", b'{"ts": "2026-01-02", "value": ' + b"9" * 5_000 + b"}", "not JSON"),
    ("null", b'{"ts": "2026-01-02", "value": null}', "nothing"),
    ("an object", b'{"ts": "2026-01-02", "value": {}}', "dict"),
    ("no timestamp", b'{"value": 1}', "ts is missing"),
    ("a timestamp of another kind", b'{"ts": 5, "value": 1}', "not ISO 8601"),
    ("no moment", b'{"ts": "yesterday", "value": 1}', "not a moment"),
    ("before 1970", b'{"ts": "1900-01-01", "value": 1}', "between 1970 and 2100"),
    ("half a surrogate pair", b'{"ts": "2026-01-02", "value": "\\ud800"}', "surrogate"),
    ("nested without end", b'{"a":' * 50_000, "nested too deeply"),
]


@pytest.mark.parametrize(("payload", "reason"), [pytest.param(payload, reason, id=name) for name, payload, reason in POISON])
def test_a_poisoned_message_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(Poisoned, match=reason):
        reader(ONE).read("fabrica/m1/Pressao", payload, is_retained=False, received_at=NOW)


def test_a_bad_sensor_is_named_and_the_good_ones_of_its_message_are_kept() -> None:
    raw = b'{"ts": "2026-01-02", "seq": 1, "v": {"P": 1, "T": "hot", "Q": 2}}'
    events, wrong = reader(MANY).read("fabrica/m1/telemetria", raw, is_retained=False, received_at=NOW)
    assert [event.tag for event in events] == ["P", "Q"]
    assert wrong.startswith("T: not a reading")


def test_seconds_that_are_milliseconds_are_refused_instead_of_becoming_the_year_55000() -> None:
    with pytest.raises(Poisoned, match="timestamp_format"):
        reader({**ONE, "timestamp_format": "s"}).read(
            "fabrica/m/t", b'{"ts": 1700000000000, "value": 1}', is_retained=False, received_at=NOW
        )


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        ({"topic": "a/{machine}/{tag}"}, "`timestamp` is needed"),
        ({"topic": "a/{machine}", "timestamp": "ts"}, "`tag` or `values` is needed"),
        ({"topic": "a/{tag}", "timestamp": "ts"}, "`machine` is needed"),
        ({"topic": "a/{machine}/{sensor}", "timestamp": "ts"}, "machine"),
        ({"topic": "a/{machine}/{tag}", "payload": "number", "timestamp": "ts"}, "bare payload"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_before_anything_is_read(topic: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted):
        reader(topic)


def test_a_malformed_configuration_never_shows_a_value() -> None:
    with pytest.raises(ConfigError) as told:
        parse(MqttConfig, {"host": "h", "topics": [ONE], "password": {"hidden": "s3cret"}, "port": "s3cret"})
    assert "s3cret" not in str(told.value) and "port" in str(told.value)
