"""Taps of the Singer SDK, each in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from eco_assets.aurion.connectors.arrows import schema_of
from eco_assets.aurion.connectors.child import Worker, messages
from eco_assets.aurion.connectors.environments import Environments, read_lock
from eco_assets.aurion.connectors.foreign import Closing, with_secrets_marked
from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.aurion.connectors.scrub import scrubber
from eco_assets.aurion.connectors.validation import validate
from eco_assets.errors import SourceRefused

# Set while the tap has not yet read everything up to its bookmark: going on from it would read from the start, so no batch ends there.
UNFINISHED = "progress_markers"


@dataclass(frozen=True)
class SingerConnector:
    """One tap. `package` names its lock and environment, `script` its console script."""

    name: str
    environments: Environments
    schema: Mapping[str, Any]
    package: str
    script: str
    documentation: str = ""
    silence_s: float = 600.0

    def spec(self) -> Spec:
        """The settings that the tap lists with `--about`."""
        return Spec(with_secrets_marked({"type": "object", **self.schema}), self.documentation)

    def check(self, config: Config) -> None:
        """As the protocol says; the tap tries one record of a stream."""
        if not any(message["type"] == "CHECKED" for message in self._run("check", config)):
            raise SourceRefused(f"{self.name} did not say whether the connection works")

    def discover(self, config: Config) -> Sequence[Stream]:
        """As the protocol says."""
        return [_stream(found) for found in self._catalog(config)["streams"]]

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        """As the protocol says."""
        catalog = _selected(self._catalog(config), {stream.name for stream in streams})
        sent = {"bookmarks": {stream.name: state[stream.name] for stream in streams if stream.cursor and stream.name in state}}
        closing = Closing(self.package, streams, state)
        try:
            for message in self._run("read", config, catalog, sent):
                if message["type"] == "RECORD" and message["stream"] in closing.streams:
                    closing.record(message["stream"], message["record"])
                elif message["type"] == "STATE":
                    for name, bookmark in (message["value"].get("bookmarks") or {}).items():
                        if UNFINISHED not in json.dumps(bookmark):
                            yield from closing.close(name, bookmark)
            yield from closing.rest()
        finally:
            closing.forget()

    def _catalog(self, config: Config) -> dict[str, Any]:
        for message in self._run("discover", config):
            if message["type"] == "CATALOG":
                return dict(message["catalog"])
        raise SourceRefused(f"{self.name} gave no catalogue")

    def _run(self, command: str, config: Config, catalog: Any = None, state: Any = None) -> Iterator[dict[str, Any]]:
        spec = self.spec()
        validate(config, spec)
        task = {"command": command, "script": self.script, "config": dict(config), "catalog": catalog, "state": state}
        return messages(Worker(self._python, "singer_worker.py", self.name, self.silence_s), task, scrubber(spec, config))

    def prepare(self) -> None:
        """Make what it runs in, where that is missing; else the first call does."""
        _ = self._python

    @cached_property
    def _python(self) -> Path:
        return self.environments.python(self.package, read_lock(self.package))


def _stream(found: Mapping[str, Any]) -> Stream:
    schema = schema_of(found.get("schema") or {})
    top = _of_table(found)
    key = tuple(found.get("key_properties") or top.get("table-key-properties") or ())
    cursor = found.get("replication_key") or top.get("replication-key") or next(iter(top.get("valid-replication-keys") or ()), None)
    for name in (*key, *([cursor] if cursor else [])):
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    return Stream(found["tap_stream_id"], schema, key, cursor)


def _selected(catalog: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The catalogue with exactly these streams selected."""
    streams = []
    for found in catalog["streams"]:
        others = [one for one in found.get("metadata") or [] if one.get("breadcrumb")]
        table = {"breadcrumb": [], "metadata": {**_of_table(found), "selected": found["tap_stream_id"] in names}}
        streams.append({**found, "metadata": [*others, table]})
    unknown = names - {found["tap_stream_id"] for found in streams}
    if unknown:
        raise SourceRefused(f"the source offers no stream {', '.join(sorted(unknown))}")
    return {**catalog, "streams": streams}


def _of_table(found: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the stream itself, not of its columns."""
    return next((dict(one["metadata"]) for one in found.get("metadata") or [] if not one.get("breadcrumb")), {})
