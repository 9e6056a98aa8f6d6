"""What the connectors of foreign runtimes share: which settings are secrets, and batches that end where the source says how to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from eco_assets.aurion.connectors.arrows import Rows, text
from eco_assets.aurion.connectors.protocol import Batch, State, Stream
from eco_assets.errors import SourceRefused

SECRET_WORDS = ("password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "private_key", "credential", "passphrase")
NO_SECRETS = ("token_url", "token_uri", "token_endpoint", "token_expiry", "page_token", "token_path", "expiration", "access_token_url")


def with_secrets_marked(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with `writeOnly` on what the source marks as a secret in its own way, and on texts whose name says that they are one."""
    marked = dict(schema)
    if isinstance(properties := schema.get("properties"), Mapping):
        marked["properties"] = {name: _marked(str(name), prop) for name, prop in properties.items()}
    for key in ("oneOf", "anyOf", "allOf"):
        if isinstance(options := schema.get(key), list):
            marked[key] = [with_secrets_marked(option) if isinstance(option, Mapping) else option for option in options]
    if isinstance(items := schema.get("items"), Mapping):
        marked["items"] = with_secrets_marked(items)
    return marked


def _marked(name: str, prop: Any) -> Any:
    if not isinstance(prop, Mapping):
        return prop
    marked = with_secrets_marked(prop)
    kinds = prop.get("type", "string")
    has_parts = any(prop.get(name) for name in ("properties", "oneOf", "anyOf", "const", "enum"))
    can_hold_one = not has_parts and bool({"string", "object"} & set([kinds] if isinstance(kinds, str) else kinds))
    says_so = any(word in name.lower() for word in SECRET_WORDS) and not any(word in name.lower() for word in NO_SECRETS)
    if prop.get("airbyte_secret") or prop.get("secret") is True or (says_so and can_hold_one):
        marked["writeOnly"] = True
    return marked


class Closing:
    """Records and states of several streams in, batches out: a batch closes when its stream says how to go on after it.

    A stream without a cursor is read whole: it is one batch at the end, and has no state.
    """

    def __init__(self, source: str, streams: Sequence[Stream], state: State) -> None:
        self.source, self.streams = source, {stream.name: stream for stream in streams}
        self.state = {name: state[name] for name in state}
        self.rows = {stream.name: Rows(stream.schema) for stream in streams}

    def record(self, stream: str, values: Mapping[str, Any]) -> None:
        """A record; one of a stream that was not asked for is the source's fault."""
        if stream not in self.rows:
            raise SourceRefused(f"{self.source} sent a record of {stream!r}, which was not asked for")
        self.rows[stream].add(values)

    def close(self, stream: str, state: Any) -> Iterator[Batch]:
        """What was recorded of the stream, with the state after it."""
        if stream in self.streams and self.streams[stream].cursor is not None:
            if not len(self.rows[stream]) and self.state.get(stream) == state:
                return
            self.state = {**self.state, stream: state}
            yield self._batch(stream)

    def rest(self) -> Iterator[Batch]:
        """At the end of a reading: whole streams, and what came after the last state (it is read again next time)."""
        for stream, rows in self.rows.items():
            if len(rows):
                yield self._batch(stream)

    def forget(self) -> None:
        """Remove what was not yielded."""
        for rows in self.rows.values():
            rows.forget()

    def _batch(self, name: str) -> Batch:
        stream, rows = self.streams[name], self.rows[name].take()
        first, last = _range(rows, stream.cursor)
        span = ", whole" if stream.cursor is None else f", {stream.cursor} {first} to {last}" if rows.num_rows else ", nothing new"
        return Batch(name, rows, dict(self.state), f"{self.source}, stream {name}{span}", first, last, {"is_whole": stream.cursor is None})


def _range(rows: pa.Table, cursor: str | None) -> tuple[str | None, str | None]:
    if cursor is None or cursor not in rows.schema.names or not rows.num_rows:
        return None, None
    found = pc.min_max(rows[cursor]).as_py()
    return text(found["min"]), text(found["max"])
