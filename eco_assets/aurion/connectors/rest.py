"""The e-commerce REST connector: one engine, shapes by configuration, behind the protocol's four calls.

Shapes are in `rest_schema.py`, `rest_shape.py` and `shapes/`, requests in `rest_http.py` and `rest_words.py`, lists in `rest_pages.py`,
what a reading takes in `rest_sweep.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.aurion.connectors.rest_http import body, client, limits_of, server_now
from eco_assets.aurion.connectors.rest_pages import Lists
from eco_assets.aurion.connectors.rest_schema import COMMON, SHAPE_SCHEMA
from eco_assets.aurion.connectors.rest_shape import RestStream, Shape, shape_file, shaped
from eco_assets.aurion.connectors.rest_sweep import Sweep, lists_of
from eco_assets.aurion.connectors.rest_words import authentication, paginator
from eco_assets.aurion.connectors.scrub import scrubber
from eco_assets.aurion.connectors.validation import validate
from eco_assets.errors import ConfigError, SourceRefused


class RestConnector:
    """A REST source of one shape: a name of `shapes/`, or `rest`, whose whole shape is configuration."""

    def __init__(self, shape: str = "rest") -> None:
        self.described: Mapping[str, Any] | None = None if shape == "rest" else shape_file(shape)

    def spec(self) -> Spec:
        """The configuration that it takes."""
        if self.described is None:
            properties, required, told = {**SHAPE_SCHEMA, **COMMON}, ["base_url", "streams"], ""
        else:
            own = self.described["config"]
            address = {"type": "string", "pattern": "^https?://", "description": "instead of the source's own address"}
            properties = {"base_url": address, **own["properties"], **COMMON}
            required, told = own["required"], self.described.get("documentation", "")
        return Spec({"type": "object", "required": required, "properties": properties, "additionalProperties": False}, told)

    def check(self, config: Config) -> None:
        """Ask for what the shape names as its check, or for the first page of its first list."""
        shape = self._shape(config)
        lists = self._lists(shape, config)
        if shape.check:
            body(lists.get(shape.check["path"], shape.check.get("params")), lists.scrub)
        elif shape.streams:
            with closing(lists.chunks(next(iter(shape.streams.values())).endpoint, None, None)) as chunks:
                next(chunks, None)

    def discover(self, config: Config) -> Sequence[Stream]:
        """The streams of the shape; a source is asked only whether it lets us in."""
        self.check(config)
        return [stream for described in self._shape(config).streams.values() for stream in described.streams()]

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Generator[Batch]:
        """Rows of the streams; those of one list share its requests."""
        shape = self._shape(config)
        lists = self._lists(shape, config)
        state = dict(state)
        wanted = [stream.name for stream in streams]
        for described in shape.streams.values():
            names = [stream.name for stream in described.streams() if stream.name in wanted]
            if not names:
                continue
            now = server_now(lists.get(shape.check.get("path", described.endpoint.path), shape.check.get("params")))
            cursor = described.endpoint.cursor
            start = cursor.beginning(config) if cursor else None
            with closing(Sweep(lists, described, names, state, now, start).parts()) as parts:
                for part in parts:
                    state = {**state, part.stream: part.entry}
                    told = f" {part.cursor_from} to {part.cursor_to}" if part.cursor_to else ""
                    origin = f"{shape.base_url}/{described.endpoint.path.lstrip('/')}{told}"
                    yield Batch(part.stream, part.rows, state, origin, part.cursor_from, part.cursor_to)
        unknown = set(wanted) - {stream.name for described in shape.streams.values() for stream in described.streams()}
        if unknown:
            raise SourceRefused(f"there is no stream `{sorted(unknown)[0]}` in this shape; there are {', '.join(shape.streams)}")

    def _shape(self, config: Config) -> Shape:
        validate(config, self.spec())
        shape = shaped(config if self.described is None else self.described, config)
        for stream in shape.streams.values():
            _refuse_unreadable(stream)
        return shape

    def _lists(self, shape: Shape, config: Config) -> Lists:
        scrub = scrubber(self.spec(), config)
        limits = limits_of(config, shape.rate)
        return Lists(client(shape.base_url, authentication(shape.auth), shape.headers, limits, scrub), scrub)


def _refuse_unreadable(stream: RestStream) -> None:
    for endpoint in lists_of(stream):
        paginator(endpoint.paging)
    if stream.deletes and not (stream.key and stream.endpoint.cursor):
        raise ConfigError(
            f"`streams.{stream.name}.deletes` needs a key and a cursor; a list without a cursor is read whole, which tells deletes"
        )
    if "endpoint" in stream.deletes and not {"path", "cursor", "key"} <= set(stream.deletes["endpoint"]):
        raise ConfigError(f"`streams.{stream.name}.deletes.endpoint` needs path, cursor and key")
