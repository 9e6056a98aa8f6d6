"""Turns one MQTT message into readings, or says why it cannot. Knows nothing of brokers and files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from eco_assets.aurion.stream.config import MqttConfig, Topic
from eco_assets.aurion.stream.events import AHEAD_US, Event, identity, micros

_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_LATEST_US = 4_102_444_800 * 1_000_000  # 2100-01-01; what lies beyond is a wrong unit, not a date
_QUALITIES = ("good", "uncertain", "bad")


class Poisoned(Exception):
    """A message that is not what its topic promises; says what is wrong."""


class Reader:
    """Reads the messages of one connection."""

    def __init__(self, connection: str, config: MqttConfig) -> None:
        self._connection = connection
        self._namespace = config.namespace or connection
        self._topics = [(_matcher(topic), topic) for topic in config.topics]

    def read(self, topic: str, payload: bytes, *, is_retained: bool, received_at: int) -> tuple[list[Event], str]:
        """The readings of a message, and what is wrong with the rest of it ("" when nothing is).

        A reading that is good is kept even if another one of the same message is not.

        Raises:
            Poisoned: nothing of it can be read.
        """
        for match, mapping in self._topics:
            levels = match(topic)
            if levels is not None:
                try:
                    return self._events(mapping, levels, topic, payload, is_retained, received_at)
                except UnicodeEncodeError:
                    raise Poisoned("a text holds half a surrogate pair") from None
        raise Poisoned("no topic of the connection matches")

    def _events(
        self, mapping: Topic, levels: Mapping[str, str], topic: str, payload: bytes, is_retained: bool, received_at: int
    ) -> tuple[list[Event], str]:
        document = _document(mapping, payload)
        machine = levels.get("machine") or _word(document, mapping.machine, "machine")
        measured_at = received_at if mapping.timestamp == "received" else _moment(_at(document, mapping.timestamp), mapping)
        quality = _quality(_at(document, mapping.quality)) if mapping.quality else "good"
        message = identity(self._namespace, topic, *_told_apart_by(mapping, document, measured_at, payload))
        events, wrong = [], []
        for tag, raw in _readings(mapping, levels, document):
            try:
                value, text = _reading(raw, mapping)
            except Poisoned as error:
                wrong.append(f"{tag}: {error}")
                continue
            is_ahead = measured_at > received_at + AHEAD_US
            row = (machine, tag, measured_at, value, text, mapping.units.get(tag), quality, "mqtt", self._connection, topic)
            events.append(Event(identity(message, tag), *row, False, is_retained, is_ahead, received_at))
        if not events:
            raise Poisoned("; ".join(wrong) or "it holds no reading")
        return events, "; ".join(wrong)


def _told_apart_by(mapping: Topic, document: Any, measured_at: int, payload: bytes) -> tuple[object, object]:
    """What no other message of the topic shares, and a redelivery does."""
    if not mapping.id:
        return measured_at, payload.hex()
    given = _at(document, mapping.id)
    if not isinstance(given, str | int) or isinstance(given, bool):
        raise Poisoned(f"{mapping.id} is missing: it is the message's id")
    # A machine that restarts counts from 0 again: the source's time, where there is one, keeps the two apart.
    return "" if mapping.timestamp == "received" else measured_at, given


def _matcher(mapping: Topic) -> Callable[[str], dict[str, str] | None]:
    parts = []
    for level in mapping.topic.split("/"):
        named = re.fullmatch(r"\{(\w+)\}", level)
        parts.append(f"(?P<{named[1]}>[^/]+)" if named else "[^/]*" if level == "+" else ".*" if level == "#" else re.escape(level))
    pattern = re.compile("/".join(parts).replace("/.*", "(?:/.*)?"))

    def match(topic: str) -> dict[str, str] | None:
        found = pattern.fullmatch(topic)
        return found.groupdict() if found else None

    return match


def _document(mapping: Topic, payload: bytes) -> Any:
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise Poisoned(f"the payload is not UTF-8 (byte {error.start})") from None
    if mapping.payload == "text":
        return {mapping.value: text}
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise Poisoned("the payload is nested too deeply") from None
    except ValueError as error:
        raise Poisoned(f"the payload is not JSON: {_first_words(error)}") from None
    if mapping.payload == "number":
        return {mapping.value: document}
    if not isinstance(document, dict):
        raise Poisoned(f"the payload is not a JSON object but {type(document).__name__}")
    return document


def _first_words(error: ValueError) -> str:
    """What the JSON reader says, without the digits of a number that was too long for it."""
    return str(error).split(";")[0][:120]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _at(document: Any, path: str) -> Any:
    """The value at a dotted path, or None. A name that itself holds dots is found as well."""
    if isinstance(document, dict) and path in document:
        return document[path]
    for name in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def _word(document: Any, path: str, what: str) -> str:
    found = _at(document, path)
    if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
        raise Poisoned(f"{path} is missing or not a name: it is the {what}")
    return _whole(str(found))


def _whole(text: str) -> str:
    """The text, if it can be written down at all: JSON lets half a surrogate pair pass."""
    text.encode()
    return text


def _moment(raw: Any, mapping: Topic) -> int:
    try:
        if mapping.timestamp_format == "iso":
            if not isinstance(raw, str):
                raise Poisoned(f"{mapping.timestamp} is missing or not ISO 8601 text")
            us = micros(datetime.fromisoformat(raw))
        elif isinstance(raw, bool) or not isinstance(raw, int | float):
            raise Poisoned(f"{mapping.timestamp} is missing or not a number")
        elif mapping.timestamp_format == "ns":
            us = int(raw) // 1_000
        else:
            us = round(raw * _UNITS[mapping.timestamp_format])
    except (ValueError, OverflowError) as error:
        raise Poisoned(f"{mapping.timestamp} is not a moment: {error}") from None
    if not 0 <= us < _LATEST_US:
        raise Poisoned(f"{mapping.timestamp} is not between 1970 and 2100: look at timestamp_format")
    return us


def _quality(raw: Any) -> str:
    if not isinstance(raw, str) or raw.lower() not in _QUALITIES:
        raise Poisoned(f"the quality is not one of {', '.join(_QUALITIES)}")
    return raw.lower()


def _readings(mapping: Topic, levels: Mapping[str, str], document: Any) -> Iterator[tuple[str, Any]]:
    if mapping.values is None:
        yield levels.get("tag") or _word(document, mapping.tag, "tag"), _at(document, mapping.value)
    elif mapping.values == "*":
        inside = _at(document, mapping.value)
        if not isinstance(inside, dict):
            raise Poisoned(f"{mapping.value} is missing or not an object of readings")
        yield from inside.items()
    else:
        for tag, path in mapping.values.items():
            found = _at(document, path)
            if found is not None:  # a machine sends what changed
                yield tag, found


def _reading(raw: Any, mapping: Topic) -> tuple[float | None, str | None]:
    if mapping.payload == "text":
        return None, raw
    if isinstance(raw, bool):
        return float(raw), None
    if isinstance(raw, int | float):
        try:
            value = float(raw)
        except OverflowError:
            raise Poisoned("the number is too large") from None
        if not math.isfinite(value):
            raise Poisoned("the number is not finite")
        return value, None
    if isinstance(raw, str) and mapping.values != "*" and mapping.payload == "json":
        return None, _whole(raw)
    raise Poisoned(f"not a reading but {'nothing' if raw is None else type(raw).__name__}")
