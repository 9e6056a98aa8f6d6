"""The shape of a REST source as configuration: where its streams are, how they are paged, what their cursor is, which deletes it tells.

A shape is a YAML file in `shapes/` (VTEX, Shopify, WooCommerce), or the configuration itself (connector `rest`). `{name}` in a text of a
shape file stands for a property of the connection. In `params` of a cursor, `{from}` and `{to}` stand for the window that is asked for.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from eco_assets.aurion.connectors.protocol import OPERATION, Config, Stream
from eco_assets.aurion.connectors.rows import arrow_type, moment
from eco_assets.errors import ConfigError

SHAPES = Path(__file__).parent / "shapes"


@dataclass(frozen=True)
class Cursor:
    """How changes are asked for. Values are seconds since 1970, or whole numbers."""

    field: str
    type: str = "timestamptz"
    params: Mapping[str, str] = default(default_factory=dict)
    time_format: str = "%Y-%m-%dT%H:%M:%SZ"
    resolution: float = 1
    is_ordered: bool = False
    lookback: float = 300
    start: str | int | None = None

    def value_in(self, row: Mapping[str, Any]) -> float | None:
        """The cursor's value in a row; None where it has none.

        Raises:
            ValueError: it has one that is no moment or number.
        """
        found = dig(row, self.field)
        if found in (None, ""):
            return None
        if self.type == "bigint":
            return int(str(found))
        return moment(found, naive="utc" if self.type == "timestamp_utc" else "never").timestamp()

    def text(self, value: float) -> str:
        """A value as the source wants it in a request."""
        return str(int(value)) if self.type == "bigint" else dt.datetime.fromtimestamp(value, dt.UTC).strftime(self.time_format)

    def query(self, since: float | None, until: float | None) -> dict[str, str]:
        """Parameters that ask for a window, a little more than it; those about a bound that there is not are left out."""
        bounds = {"from": None if since is None else since - self.resolution, "to": None if until is None else until + self.resolution}
        texts = {name: self.text(max(0, value)) for name, value in bounds.items() if value is not None}
        needs = {name: set(re.findall(r"\{(from|to)\}", template)) for name, template in self.params.items()}
        return {name: filled(self.params[name], texts) for name, wanted in needs.items() if wanted <= set(texts)}

    def beginning(self, config: Config) -> float | None:
        """Where the first reading begins."""
        told = config.get("start", self.start)
        if told is None or self.type == "bigint":
            return None if told is None else int(told)
        try:
            return moment(told, naive="utc").timestamp()
        except ValueError:
            raise ConfigError("`start` is no ISO 8601 moment, such as 2026-01-01T00:00:00Z") from None


@dataclass(frozen=True)
class Child:
    """Rows inside a row: `path` in it; `parent` copies fields of the row, child column by parent field."""

    name: str
    path: str
    parent: Mapping[str, str]
    key: tuple[str, ...]
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Endpoint:
    """A list that can be asked for."""

    path: str
    data: str = ""
    params: Mapping[str, Any] = default(default_factory=dict)
    paging: Mapping[str, Any] = default(default_factory=dict)
    total: Mapping[str, str] = default(default_factory=dict)
    cursor: Cursor | None = None
    key: tuple[str, ...] = ()

    @property
    def is_steady(self) -> bool:
        """Whether pages are found by what the source gave before, so that rows do not move between them."""
        return self.paging.get("type", "single_page") not in ("page_number", "offset")


@dataclass(frozen=True)
class RestStream:
    """One stream."""

    name: str
    endpoint: Endpoint
    key: tuple[str, ...]
    fields: Mapping[str, str]
    detail: str = ""
    children: tuple[Child, ...] = ()
    deletes: Mapping[str, Any] = default(default_factory=dict)

    def streams(self) -> list[Stream]:
        """As the protocol has it: the stream and its children."""
        cursor = self.endpoint.cursor.field.split(".")[0] if self.endpoint.cursor else None
        own = Stream(self.name, _schema(self.fields), self.key, cursor, tells_deletes=bool(self.deletes))
        return [own, *(Stream(child.name, _schema(child.fields), child.key, _first(child, cursor)) for child in self.children)]


@dataclass(frozen=True)
class Shape:
    """A source, ready to be read."""

    base_url: str
    auth: Mapping[str, Any]
    headers: Mapping[str, str]
    check: Mapping[str, Any]
    rate: Mapping[str, Any]
    streams: Mapping[str, RestStream]


@cache
def shape_file(name: str) -> Mapping[str, Any]:
    """A shape file's content.

    Raises:
        ConfigError: there is none of that name; lists those there are.
    """
    path = SHAPES / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"there is no shape `{name}`: there are {', '.join(sorted(p.stem for p in SHAPES.glob('*.yaml')))}")
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def shaped(described: Mapping[str, Any], config: Config) -> Shape:
    """A shape with the connection's values in it.

    Raises:
        ConfigError: a stream is not described well.
    """
    values = {**{k: v.get("default") for k, v in described.get("config", {}).get("properties", {}).items()}, **config}
    filled_in = _filled(described, {k: v for k, v in values.items() if isinstance(v, str | int | float) and not isinstance(v, bool)})
    streams = {name: _stream(name, told, config) for name, told in filled_in.get("streams", {}).items()}
    return Shape(
        config.get("base_url") or filled_in["base_url"],
        filled_in.get("auth", {}),
        {**filled_in.get("headers", {}), **filled_in.get("secret_headers", {})},
        filled_in.get("check", {}),
        filled_in.get("rate", {}),
        streams,
    )


def dig(value: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """A text with `{name}` replaced where there is such a value; anything else as it is."""
    if not isinstance(template, str):
        return template
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), template)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(inner, values) for name, inner in value.items() if name != "config"}
    return [_filled(inner, values) for inner in value] if isinstance(value, list) else filled(value, values)


def _stream(name: str, told: Mapping[str, Any], config: Config) -> RestStream:
    fields = dict(told.get("fields", {}))
    for word in fields.values():
        arrow_type(word)
    key = tuple(told.get("key", ()))
    endpoint = endpoint_of(told, config, key=key)
    used = [*key, *([endpoint.cursor.field.split(".")[0]] if endpoint.cursor else [])]
    missing = [column for column in used if column not in fields]
    if missing:
        raise ConfigError(f"`streams.{name}.fields` has no `{missing[0]}`, which is its key or cursor")
    children = tuple(
        Child(
            child,
            spec["path"],
            spec.get("parent", {}),
            tuple(spec.get("key", ())),
            {**_parent_words(spec, fields), **spec.get("fields", {})},
        )
        for child, spec in told.get("children", {}).items()
    )
    for child in children:
        if endpoint.cursor and endpoint.cursor.field not in child.parent.values():
            raise ConfigError(
                f"`streams.{name}.children.{child.name}.parent` must copy {endpoint.cursor.field}: a child changes with its row"
            )
    deletes = dict(told.get("deletes", {}))
    if "compare_keys" in deletes and "compare_keys_every_s" in config:
        deletes["compare_keys"] = {**deletes["compare_keys"], "every_s": config["compare_keys_every_s"]}
    return RestStream(name, endpoint, key, fields, told.get("detail", ""), children, deletes)


def endpoint_of(told: Mapping[str, Any], config: Config, fallback: Endpoint | None = None, key: Iterable[str] = ()) -> Endpoint:
    """A list, from its description; what that leaves out is as in `fallback`."""
    cursor = Cursor(**told["cursor"]) if "cursor" in told else None
    if cursor and "lookback" in config:
        cursor = Cursor(**{**told["cursor"], "lookback": config["lookback"]})
    base = fallback or Endpoint("", key=tuple(key))
    return Endpoint(
        told.get("path", base.path),
        told.get("data", base.data),
        {**base.params, **told.get("params", {})},
        told.get("paging", base.paging),
        told.get("total", base.total),
        cursor,
        base.key,
    )


def _parent_words(spec: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    return {ours: fields.get(theirs, "text") for ours, theirs in spec.get("parent", {}).items()}


def _first(child: Child, cursor: str | None) -> str | None:
    """A child changes with its parent: its cursor is the parent's, where it carries that."""
    return next((ours for ours, theirs in child.parent.items() if theirs == cursor), None)


def _schema(fields: Mapping[str, str]) -> pa.Schema:
    return pa.schema([(name, arrow_type(word)) for name, word in fields.items() if name != OPERATION])
