"""Airbyte sources: declarative manifests, all run by one shared environment, and Python sources, each in an environment of its own."""

from __future__ import annotations

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
from eco_assets.errors import ConfigError, SourceRefused

SHARED = "airbyte-cdk"


@dataclass(frozen=True)
class AirbyteConnector:
    """One source. `requirement` is the wheel of a manifest; with `script`, of a Python source. `manifest` is a file of one's own."""

    name: str
    environments: Environments
    schema: Mapping[str, Any]
    documentation: str = ""
    requirement: str = ""
    hashes: tuple[str, ...] = ()
    manifest: Path | None = None
    script: str = ""
    silence_s: float = 600.0

    def spec(self) -> Spec:
        """The connection specification of the source, as its package has it."""
        return Spec(with_secrets_marked(self.schema), self.documentation)

    def check(self, config: Config) -> None:
        """As the protocol says."""
        if not any(message["type"] == "CONNECTION_STATUS" for message in list(self._run("check", config))):
            raise SourceRefused(f"{self.name} did not say whether the connection works")

    def discover(self, config: Config) -> Sequence[Stream]:
        """As the protocol says."""
        for message in self._run("discover", config):
            if message["type"] == "CATALOG":
                return [_stream(found) for found in message["catalog"]["streams"]]
        raise SourceRefused(f"{self.name} gave no catalogue")

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        """As the protocol says."""
        closing = Closing(self.requirement or self.name, streams, state)
        sent = [_state_message(stream, state[stream.name]) for stream in streams if stream.cursor and stream.name in state]
        try:
            for message in self._run("read", config, {"streams": [_configured(stream) for stream in streams]}, sent):
                if message["type"] == "RECORD":
                    closing.record(message["record"]["stream"], message["record"]["data"])
                elif message["type"] == "STATE":
                    found = message["state"]
                    if "stream" not in found:
                        raise SourceRefused(f"{self.name} keeps one state for all streams, which cannot be committed stream by stream")
                    yield from closing.close(found["stream"]["stream_descriptor"]["name"], found["stream"].get("stream_state"))
            yield from closing.rest()
        finally:
            closing.forget()

    def _run(self, command: str, config: Config, catalog: Any = None, state: Any = None) -> Iterator[dict[str, Any]]:
        spec = self.spec()
        validate(config, spec)
        task = {"command": command, "config": dict(config), "catalog": catalog, "state": state, "spec": self.schema, **self._where}
        return messages(Worker(self._python, "airbyte_worker.py", self.name, self.silence_s), task, scrubber(spec, config))

    def prepare(self) -> None:
        """Make what it runs in, where that is missing; else the first call does."""
        _ = self._python, self._where

    @cached_property
    def _where(self) -> dict[str, str]:
        if self.script:
            return {"script": self.script}
        if self.manifest:
            return {"manifest": str(self.manifest)}
        return {"manifest": str(manifest_in(self.environments.package(self.requirement, self.hashes)))}

    @cached_property
    def _python(self) -> Path:
        if self.script:
            return self.environments.python(self.requirement.partition("==")[0], self.environments.lock(self.requirement))
        return self.environments.python(SHARED, read_lock(SHARED))


def manifest_in(folder: Path) -> Path:
    """The manifest of an unpacked wheel."""
    found = sorted(folder.glob("source_*/manifest.yaml"))
    if len(found) != 1:
        raise ConfigError(f"{folder.name} holds {len(found)} manifests where one is expected")
    return found[0]


def _stream(found: Mapping[str, Any]) -> Stream:
    schema = schema_of(found.get("json_schema") or {})
    cursor = ".".join(found.get("default_cursor_field") or []) or None
    is_incremental = "incremental" in (found.get("supported_sync_modes") or [])
    key = tuple(path[0] for path in found.get("source_defined_primary_key") or [] if len(path) == 1)
    if len(key) != len(found.get("source_defined_primary_key") or []):
        key = ()  # a key inside an object is no column here
    named = [*key, *([cursor] if is_incremental and cursor else [])]
    for name in named:
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    return Stream(found["name"], schema, key, cursor if is_incremental else None)


def _configured(stream: Stream) -> dict[str, Any]:
    mode = "incremental" if stream.cursor else "full_refresh"
    return {
        "stream": {
            "name": stream.name,
            "json_schema": {"type": "object", "properties": {name: {} for name in stream.schema.names}},
            "supported_sync_modes": ["full_refresh", *(["incremental"] if stream.cursor else [])],
        },
        "sync_mode": mode,
        "destination_sync_mode": "append",
        **({"cursor_field": stream.cursor.split(".")} if stream.cursor else {}),
        **({"primary_key": [[name] for name in stream.key]} if stream.key else {}),
    }


def _state_message(stream: Stream, blob: Any) -> dict[str, Any]:
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": stream.name}, "stream_state": blob}}
