"""Sources of omniload, a library of dlt sources with one class a URI scheme, all in one environment.

A connection names its tables, with key and cursor where the source does not tell them. A table comes in one batch: dlt's own state, which
says how to go on, is final only when the table has been read.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from eco_assets.aurion.connectors.child import Worker, messages
from eco_assets.aurion.connectors.environments import Environments, read_lock
from eco_assets.aurion.connectors.foreign import Closing, with_secrets_marked
from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.aurion.connectors.scrub import Scrubber, scrubber
from eco_assets.aurion.connectors.validation import validate
from eco_assets.errors import SourceRefused

LOCK = "omniload"
TABLES = {
    "type": "array",
    "minItems": 1,
    "description": "The tables to read, by the names that the source gives them.",
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "key": {"type": "array", "items": {"type": "string"}},
            "cursor": {"type": "string", "description": "Column that grows with every change; without it the table is read whole."},
        },
    },
}
_TYPES = {
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "binary": pa.binary(),
    "time": pa.time64("us"),
}


@dataclass(frozen=True)
class OmniloadConnector:
    """One URI scheme."""

    name: str
    environments: Environments
    schema: Mapping[str, Any]
    scheme: str
    silence_s: float = 600.0

    def spec(self) -> Spec:
        """The URI or its parameters, and the tables."""
        return Spec(with_secrets_marked(self.schema), "https://omniload.readthedocs.io")

    def check(self, config: Config) -> None:
        """As the protocol says; the first table is asked for its first rows."""
        if not any(message["type"] == "CHECKED" for message in self._run("check", config)):
            raise SourceRefused(f"{self.name} did not say whether the connection works")

    def discover(self, config: Config) -> Sequence[Stream]:
        """The tables of the configuration, with what the source tells of them."""
        named = {table["name"]: table for table in config.get("tables", [])}
        return [_stream(message, named[message["name"]]) for message in self._run("discover", config) if message["type"] == "STREAM"]

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        """As the protocol says."""
        closing = Closing(f"{self.scheme}://", streams, state)
        folder = Path(tempfile.mkdtemp(prefix="eco-read-"))
        try:
            yield from self._closed(closing, self._run("read", config, streams, state, folder))
            yield from closing.rest()
        finally:
            closing.forget()
            shutil.rmtree(folder, ignore_errors=True)

    def _closed(self, closing: Closing, told: Iterator[dict[str, Any]]) -> Iterator[Batch]:
        for message in told:
            if message["type"] == "RECORD":
                closing.record(message["stream"], message["record"])
            elif message["type"] == "ROWS":
                with pa.memory_map(message["path"]) as source:
                    closing.rows[message["stream"]].add_table(pa.ipc.open_file(source).read_all())
                Path(message["path"]).unlink()
            elif message["type"] == "STATE":
                yield from closing.close(message["stream"], message["state"])

    def _run(
        self, command: str, config: Config, streams: Sequence[Stream] | None = None, state: State | None = None, folder: Path | None = None
    ) -> Iterator[dict[str, Any]]:
        spec = self.spec()
        validate(config, spec)
        chosen = {stream.name: stream for stream in streams} if streams is not None else None
        tables = [table for table in config["tables"] if chosen is None or table["name"] in chosen]
        going_on = {name: (state or {})[name] for name, stream in (chosen or {}).items() if stream.cursor and name in (state or {})}
        task = {"command": command, "uri": self.uri(config), "tables": tables, "state": going_on, "folder": str(folder)}
        return messages(Worker(self._python, "omniload_worker.py", self.name, self.silence_s), task, scrubber(spec, config))

    def uri(self, config: Config) -> str:
        """The URI that omniload takes, built of the configuration."""
        if "uri" in config:
            return str(config["uri"])
        given = {name: value for name, value in config.items() if name not in ("tables", "host")}
        return f"{self.scheme}://{config.get('host', '')}?{urlencode(given)}"

    def prepare(self) -> None:
        """Make what it runs in, where that is missing; else the first call does."""
        _ = self._python

    @cached_property
    def _python(self) -> Path:
        return self.environments.python(LOCK, read_lock(LOCK))


def describe(environments: Environments) -> dict[str, Any]:
    """Of every scheme: its class, its licence, and the configuration schema that its code tells; or why it cannot be imported."""
    worker = Worker(environments.python(LOCK, read_lock(LOCK)), "omniload_worker.py", "omniload")
    for message in messages(worker, {"command": "describe"}, Scrubber([])):
        if message["type"] == "CLASSES":
            return {scheme: {**found, "schema": _schema(scheme, found)} for scheme, found in message["classes"].items()}
    raise SourceRefused("omniload told nothing of its sources")


def _schema(scheme: str, found: Mapping[str, Any]) -> dict[str, Any] | None:
    if "error" in found:
        return None
    if found["parameters"] is None:
        uri = {
            "type": "string",
            "pattern": f"^{scheme.replace('+', '[+]')}://",
            "writeOnly": True,
            "description": "SQLAlchemy URL, password included.",
        }
        return {"type": "object", "required": ["uri", "tables"], "properties": {"uri": uri, "tables": TABLES}}
    if not found["parameters"]:
        return None
    host = {"host": {"type": "string", "description": "Host name of the service."}} if found["has_host"] else {}
    named = {name: {"type": "string"} for name in found["parameters"]}
    return {"type": "object", "required": ["tables"], "properties": {**host, **named, "tables": TABLES}}


def _stream(told: Mapping[str, Any], table: Mapping[str, Any]) -> Stream:
    fields = [(name, _arrow(column)) for name, column in told["columns"].items()]
    key, cursor = tuple(table.get("key") or told["key"]), table.get("cursor")
    known = {name for name, _ in fields}
    fields += [(name, pa.string()) for name in (*key, *([cursor] if cursor else [])) if name not in known]
    return Stream(told["name"], pa.schema(fields), key, cursor)


def _arrow(column: Mapping[str, Any]) -> pa.DataType:
    kind = column.get("data_type", "text")
    if kind == "timestamp":
        return pa.timestamp("us", tz="UTC") if column.get("timezone", True) else pa.timestamp("us")
    if kind == "decimal":
        return pa.decimal128(min(column.get("precision") or 38, 38), column.get("scale") or 9)
    return _TYPES.get(kind, pa.string())
