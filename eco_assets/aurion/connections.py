"""Connections: a connector with a configuration and a contract for each stream, as a folder of files that a person reads and edits.

    <connections>/<name>/connection.yaml          {name, connector, domain, config, streams: {stream: {entity}}}
    <connections>/<name>/<entity>.odcs.yaml       what the stream promises

Secrets are never in these files: a value `${NAME}` is taken from the environment variable NAME when the connection is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_assets.aurion.connectors.protocol import Connector, Spec, Stream
from eco_assets.aurion.drafts import draft, identifier
from eco_assets.contracts.contract import Contract, read_contract
from eco_assets.errors import ConfigError, ContractError, NotFound

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Connection:
    """One connection as its file has it; `config` still holds the names of the secrets, not the secrets."""

    name: str
    connector: str
    domain: str
    config: Mapping[str, Any]
    streams: Mapping[str, str]  # stream to entity
    folder: Path

    def contracts(self) -> list[tuple[str, Contract]]:
        """Each stream's name with its contract. Raises `ContractError` as `read_contract` does."""
        found = []
        for stream, entity in self.streams.items():
            contract = read_contract(self.folder / f"{entity}.odcs.yaml")
            if (contract.domain, contract.entity) != (self.domain, entity) or contract.server != "connection":
                raise ContractError(f"{contract.path}: it must describe {self.domain}.{entity} of server connection")
            found.append((stream, contract))
        return found

    def settled(self, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The configuration with its secrets. Raises `ConfigError` that names a variable which is not set."""
        return settle(self.config, environ)


def read_connection(root: Path, name: str) -> Connection:
    """One connection of the folder.

    Raises:
        NotFound: there is none of this name; lists those there are.
        ConfigError: its file is malformed.
    """
    path = root / name / "connection.yaml"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound(f"no connection {name!r} in {root}; there are: {', '.join(names(root)) or 'none, see `eco connectors add`'}")
    return _parsed(path)


def names(root: Path) -> list[str]:
    """Names of all connections."""
    return sorted(path.parent.name for path in root.glob("*/connection.yaml"))


def connections(root: Path) -> list[Connection]:
    """All connections. Raises `ConfigError` as `read_connection` does."""
    return [read_connection(root, name) for name in names(root)]


def open_connector(name: str, root: Path, runtimes: Path) -> Connector:
    """The connector of a connection, ready to be called with its settled configuration."""
    from eco_assets.aurion.connectors.registry import Registry

    return Registry.load().connector(read_connection(root, name).connector, runtimes)


def settle(config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A configuration with `${NAME}` replaced. Raises `ConfigError` that names a variable which is not set."""
    return {name: _settled(value, environ if environ is not None else os.environ) for name, value in config.items()}


@dataclass(frozen=True)
class Draft:
    """A connection to be written: the configuration as given, and the streams that were chosen, with an entity each."""

    name: str
    connector: str
    domain: str
    config: Mapping[str, Any]
    streams: Sequence[Stream]


def write_connection(root: Path, new: Draft, spec: Spec) -> tuple[Connection, dict[str, str]]:
    """Write the folder of a new connection: its file, with secrets replaced by names of variables, and a draft contract a stream.

    Returns:
        The connection, and the variables to be set: name to what it holds.

    Raises:
        ConfigError: the name is taken or malformed.
        ContractError: a stream cannot be described, such as one that is read by changes and has no key.
    """
    import yaml

    folder = root / new.name
    if not _NAME.fullmatch(new.name):
        raise ConfigError(f"{new.name!r} is no name for a connection: small letters, digits, - and _, a letter first")
    if folder.exists():
        raise ConfigError(f"{folder} is there already; choose another name, or edit it")
    entities = {stream.name: identifier(stream.name) for stream in new.streams}
    twice = sorted(name for name, entity in entities.items() if list(entities.values()).count(entity) > 1)
    if twice:
        raise ConfigError(f"the streams {', '.join(twice)} would fill the same table; choose one of them with --stream")
    drafts = {entities[stream.name]: draft(stream, new.domain, entities[stream.name], new.connector) for stream in new.streams}
    variables: dict[str, str] = {}
    prefix = new.name.upper().replace("-", "_")
    prefix = f"CONNECTION_{prefix}" if prefix.startswith("ECO") else prefix  # ECO_ variables are settings, and an unknown one is an error
    config = _with_variables(dict(new.config), spec.secrets, prefix, variables)
    document = {
        "name": new.name,
        "connector": new.connector,
        "domain": new.domain,
        "config": config,
        "streams": {name: {"entity": entity} for name, entity in entities.items()},
    }
    making = root / f".{new.name}.making"
    making.mkdir(parents=True, exist_ok=True)
    (making / "connection.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for entity, contract in drafts.items():
        text = yaml.safe_dump(contract, sort_keys=False, allow_unicode=True, width=140)
        (making / f"{entity}.odcs.yaml").write_text(text, encoding="utf-8")
    making.rename(folder)
    return read_connection(root, new.name), variables


def _parsed(path: Path) -> Connection:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        streams = {str(stream): str(options["entity"]) for stream, options in found["streams"].items()}
        connection = Connection(found["name"], found["connector"], found["domain"], found.get("config") or {}, streams, path.parent)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: {error!r}; it needs name, connector, domain, config and streams: {{stream: {{entity}}}}") from error
    if connection.name != path.parent.name:
        raise ConfigError(f"{path}: its name is {connection.name!r}, its folder's is {path.parent.name!r}")
    return connection


def _settled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _settled(part, environ) for name, part in value.items()}
    if isinstance(value, list):
        return [_settled(part, environ) for part in value]
    return _VARIABLE.sub(lambda found: _variable(found[1], environ), value) if isinstance(value, str) else value


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ConfigError(f"the environment variable {name} is not set; the connection takes a secret from it")
    return environ[name]


def _with_variables(value: Any, secrets: frozenset[str], prefix: str, variables: dict[str, str], path: tuple[str, ...] = ()) -> Any:
    """The configuration with `${VARIABLE}` for every text below a property that is a secret."""
    if isinstance(value, Mapping):
        return {name: _with_variables(part, secrets, prefix, variables, (*path, str(name))) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_variables(part, secrets, prefix, variables, (*path, str(number))) for number, part in enumerate(value)]
    if not secrets.intersection(path) or value is None or isinstance(value, bool) or _VARIABLE.search(str(value)):
        return value
    variable = re.sub(r"[^A-Z0-9]+", "_", "_".join([prefix, *path]).upper())
    variables[variable] = ".".join(path)
    return f"${{{variable}}}"
