"""The configured connections that are followed without end: those whose connector is `mqtt` or `opcua`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eco_assets.aurion.connections import connections
from eco_assets.aurion.stream.config import MqttConfig, OpcuaConfig, parse
from eco_assets.errors import ConfigError

KINDS = ("mqtt", "opcua")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")  # it begins the name of every spool file


@dataclass(frozen=True)
class StreamConnection:
    """A source that is followed without end."""

    name: str
    connector: str
    config: MqttConfig | OpcuaConfig = field(repr=False)


def stream_connections(folder: Path, environment: Mapping[str, str]) -> list[StreamConnection]:
    """The stream connections of this folder by name, with the secrets of the environment.

    Raises:
        ConfigError: one is malformed, or names an environment variable that is not set; no secret is in the message.
    """
    chosen = [one for one in connections(folder) if one.connector in KINDS]
    return [stream_connection(one.name, one.connector, one.settled(environment)) for one in chosen]


def stream_connection(name: str, connector: str, config: Mapping[str, Any]) -> StreamConnection:
    """One connection from a configuration whose secrets are filled in. Raises `ConfigError` as `stream_connections` does."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name for a connection: use small letters, digits, - and _")
    try:
        parsed = parse(MqttConfig, config) if connector == "mqtt" else parse(OpcuaConfig, config)
        return StreamConnection(name, connector, parsed)
    except ConfigError as error:
        raise ConfigError(f"connection {name}: {error}") from None
