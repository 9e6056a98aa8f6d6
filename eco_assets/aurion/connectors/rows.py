"""Values to typed Arrow columns, exactly: for native connectors that get rows as Python values (JSON, drivers without Arrow).

Nothing is rounded or guessed; a time is kept to the microsecond. A column in which a value does not fit its declared type is delivered as
text in that batch: the landing then sees the drift by name and quarantines it, instead of getting a null or a number that nobody sent.
Decimals never pass through a float.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from eco_assets.errors import ConfigError

_WORDS: dict[str, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "timestamp_utc": pa.timestamp("us", "UTC"),
    "binary": pa.binary(),
}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def arrow_type(word: str) -> pa.DataType:
    """The Arrow type of a type word: `text`, `bigint`, `decimal(18,2)`, `timestamptz`...

    `timestamptz` wants an offset in the text; `timestamp_utc` takes a text without one as UTC.

    Raises:
        ConfigError: there is no such word; lists those there are.
    """
    if word in _WORDS:
        return _WORDS[word]
    found = _DECIMAL.fullmatch(word)
    if found is None or not 0 < int(found[1]) <= 76:
        raise ConfigError(f"there is no type `{word}`: use one of {', '.join(_WORDS)} or decimal(p,s)")
    return decimal_type(int(found[1]), int(found[2]))


def decimal_type(precision: int, scale: int) -> pa.DataType:
    """The narrowest Arrow decimal that holds it; 76 digits is the widest there is."""
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def read_json(text: str | bytes) -> Any:
    """JSON with numbers kept exact: integers of any size, decimals as `Decimal`."""
    return json.loads(text, parse_float=Decimal)


def write_json(value: Any) -> str:
    """Canonical JSON (sorted keys, no spaces) that keeps a `Decimal` digit by digit, which `json.dumps` cannot."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(k), ensure_ascii=False)}:{write_json(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(write_json(item) for item in value) + "]"
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(as_text(value), ensure_ascii=False)


def as_text(value: Any) -> str | None:
    """A value as text that loses nothing: strings as they are, containers as JSON, times as ISO 8601, bytes as hex."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return write_json(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def column(values: Sequence[Any], word: str) -> pa.Array:
    """A column of the word's type, or of text where a value does not fit it."""
    wanted = arrow_type(word)
    convert: Callable[[Any], Any] = _CONVERTERS.get(word, _decimal)
    try:
        return pa.array([None if value is None else convert(value) for value in values], type=wanted)
    except (ValueError, TypeError, OverflowError, InvalidOperation, pa.ArrowException):
        return pa.array([as_text(value) for value in values], type=pa.string())


def typed(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    """A column from a database driver's values: as they are where they fit, else by the word of the type, else as text."""
    bent = {"int64": float, "int32": float, "int16": float, "date32[day]": dt.datetime, "string": bytes}.get(str(wanted))
    if bent and any(isinstance(value, bent) for value in values):  # Arrow would cut or decode these in silence
        return column(values, word_of(wanted))
    try:
        return pa.array(values, type=wanted)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return column(values, word_of(wanted))


def word_of(wanted: pa.DataType) -> str:
    """The type word of an Arrow type; what has none is text."""
    if pa.types.is_decimal(wanted):
        return f"decimal({wanted.precision},{wanted.scale})"
    if pa.types.is_timestamp(wanted):
        return "timestamp_utc" if wanted.tz else "timestamp"
    if pa.types.is_integer(wanted):
        return "bigint"
    if pa.types.is_floating(wanted):
        return "double"
    return next((word for word, has in _WORDS.items() if has == wanted), "text")


def table(rows: Iterable[Mapping[str, Any]], fields: Mapping[str, str]) -> pa.Table:
    """Rows as a table: the declared fields in their order and types, then every other field that came, as text (containers as JSON)."""
    rows = list(rows)
    extra = dict.fromkeys(name for row in rows for name in row if name not in fields)
    words = {**fields, **dict.fromkeys(extra, "text")}
    return pa.table({name: column([row.get(name) for row in rows], word) for name, word in words.items()})


def _text(value: Any) -> Any:
    return as_text(value)


def _json(value: Any) -> Any:
    return write_json(value)


def _blank(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An empty string is how an API writes "nothing" in a field that is not text."""
    return lambda value: None if isinstance(value, str) and not value.strip() else convert(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (not isinstance(value, str) and value != int(value)):
        raise ValueError(value)
    return int(value)


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        raise TypeError(value)
    if isinstance(value, str) and not value.strip():
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False}[value.strip().lower()]
    if value not in (0, 1):
        raise ValueError(value)
    return bool(value)


def _date(value: Any) -> dt.date:
    if isinstance(value, str):
        return dt.date.fromisoformat(value.strip())
    if isinstance(value, dt.datetime) and value.time() == dt.time(0):
        return value.date()
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise TypeError(value)
    return value


def _time(value: Any) -> dt.time:
    if isinstance(value, dt.timedelta) and dt.timedelta(0) <= value < dt.timedelta(days=1):
        return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + value).time()
    return value if isinstance(value, dt.time) else dt.time.fromisoformat(value)


def moment(value: Any, *, naive: str) -> dt.datetime:
    """A point in time from ISO 8601 text or a datetime.

    Args:
        value: text or datetime.
        naive: what a value without an offset is: `utc` (it means UTC), `only` (it must have none), `never` (it must have one).

    Raises:
        ValueError: it is no time, or has an offset where it may not, or none where it must.
    """
    when = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value).strip())
    if when.tzinfo is None:
        if naive == "never":
            raise ValueError(f"{value} has no offset")
        return when if naive == "only" else when.replace(tzinfo=dt.UTC)
    if naive == "only":
        raise ValueError(f"{value} has an offset")
    return when.astimezone(dt.UTC)


def _double(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _binary(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else bytes.fromhex(value)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "json": _json,
    "boolean": _blank(_boolean),
    "integer": _blank(_integer),
    "bigint": _blank(_integer),
    "double": _blank(_double),
    "date": _blank(_date),
    "time": _blank(_time),
    "timestamp": _blank(lambda value: moment(value, naive="only")),
    "timestamptz": _blank(lambda value: moment(value, naive="never")),
    "timestamp_utc": _blank(lambda value: moment(value, naive="utc")),
    "binary": _binary,
}
