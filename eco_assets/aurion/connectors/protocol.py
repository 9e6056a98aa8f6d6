"""What a connector is: four calls, whatever runs behind them. Add nothing here that only one runtime knows.

    spec()                            the configuration that it takes, as JSON Schema
    check(config)                     is the source reachable with it, and are we let in?
    discover(config)                  which streams are there, with their columns, keys and cursors
    read(config, streams, state)      rows as Arrow, each batch with the state that reading goes on from

The one promise that "nothing lost, nothing twice" rests on: `batch.state` describes exactly what was delivered up to and including that
batch. Whoever commits the rows and the state in one transaction may be killed at any moment and reads on from what was committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

OPERATION = "_eco_op"  # an optional column of a batch: "upsert" (the default) or "delete", by the stream's key

Config = Mapping[str, Any]
State = dict[str, Any]  # JSON; one entry a stream, opaque to everyone but the connector that wrote it


@dataclass(frozen=True)
class Spec:
    """The configuration that a connector takes.

    `schema` is a JSON Schema (draft 7 or later) of type object. A property that is a secret has `"writeOnly": true`; its value never
    reaches a log, an error, a state or a page.
    """

    schema: Mapping[str, Any]
    documentation: str = ""

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the secret properties, at any depth."""
        return frozenset(_secrets(self.schema))


@dataclass(frozen=True)
class Stream:
    """One table of a source. `key` is empty where the source has none; `cursor` is the column that grows with every change."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...] = ()
    cursor: str | None = None
    tells_deletes: bool = False


@dataclass(frozen=True)
class Batch:
    """Rows of one stream, and where reading goes on after them.

    `origin` says where the rows came from in words a person can look up: a file, a page, a cursor range.
    An empty batch is allowed: it moves the state only.
    """

    stream: str
    rows: pa.Table
    state: State
    origin: str = ""
    cursor_from: str | None = None
    cursor_to: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Connector(Protocol):
    """One kind of source. Stateless: everything that a call needs is in its arguments."""

    def spec(self) -> Spec:
        """The configuration that it takes; never touches the network."""

    def check(self, config: Config) -> None:
        """Reach the source and be let in.

        Raises:
            ConfigError: the configuration is incomplete or malformed; names the property.
            SourceRefused: the source does not let us in.
            SourceUnavailable: the source did not answer; try again later.
        """

    def discover(self, config: Config) -> Sequence[Stream]:
        """The streams that the source offers. Raises as `check` does."""

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        """Rows of the chosen streams from `state` on ({} reads from the beginning).

        A stream without a cursor is read whole every time. 429 and 5xx answers are retried inside, within the bounds of the configuration.

        Raises:
            SourceRefused, SourceUnavailable, ConfigError: as `check` does; what was yielded before stays valid.
        """


def _secrets(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, prop in schema.get("properties", {}).items():
        if isinstance(prop, Mapping):
            if prop.get("writeOnly") or prop.get("airbyte_secret"):
                yield name
            yield from _secrets(prop)
    for key in ("oneOf", "anyOf", "allOf"):
        for option in schema.get(key, []):
            if isinstance(option, Mapping):
                yield from _secrets(option)
    items = schema.get("items")
    if isinstance(items, Mapping):
        yield from _secrets(items)
