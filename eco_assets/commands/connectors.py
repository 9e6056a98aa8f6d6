"""`eco connectors`: what the registry holds, and a connector's four calls. Nothing here needs the lake."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, quiet
from eco_assets.errors import ConfigError
from eco_assets.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Connectors: the registry, their check, catalogue and rows, and new connections.")
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML or JSON; ${NAME} is taken from the environment. For a registry name.")
]
Streams = Annotated[list[str] | None, typer.Option("--stream", help="A stream; may be given several times. All by default.")]
MASKED = "***"


@app.command("list")
@guarded
def list_connectors(
    level: Annotated[int, typer.Option(help="Only this level or higher.", min=0, max=5)] = 0,
    runtime: Annotated[str, typer.Option(help="native, airbyte, singer or omniload.")] = "",
    count: Annotated[bool, typer.Option("--count", help="Only how many, by runtime and in all, from the evidence files.")] = False,
    as_json: Json = False,
) -> None:
    """Connectors of the registry with pin, licence and the level that was reached."""
    from eco_assets.aurion.connectors.registry import RUNTIMES, Registry

    rows = [entry.row() for entry in Registry.load().entries.values()]
    rows = [row for row in rows if row["level"] >= level and runtime in ("", row["runtime"])]
    if count:
        counts = {name: sum(row["runtime"] == name for row in rows) for name in RUNTIMES} | {"all": len(rows)}
        if as_json:
            console.as_json(counts)
        else:
            console.table(f"Connectors at level {level} or above", ("runtime", "connectors"), counts.items())
    elif as_json:
        console.as_json(rows)
    else:
        console.table("Connectors", rows[0] if rows else ("name",), (row.values() for row in rows))


@app.command()
@guarded
def show(name: str, as_json: Json = False) -> None:
    """One connector: what it takes and what its level stands on."""
    from eco_assets.aurion.connectors.protocol import Spec
    from eco_assets.aurion.connectors.registry import Registry

    entry = Registry.load().entry(name)
    with quiet():
        schema = _connector_of(name)[0].spec().schema if "schema" in entry.found or entry.wanted.runtime == "native" else {}
    if as_json:
        console.as_json({**entry.row(), **entry.found, "schema": schema})
        return
    console.table(name, ("", ""), [(key, value) for key, value in entry.row().items() if key != "name"])
    secrets, required = Spec(schema).secrets, schema.get("required", [])
    rows = [
        (key, _kind(prop), key in required, key in secrets, str(prop.get("description", ""))[:80])
        for key, prop in schema.get("properties", {}).items()
    ]
    console.table("Configuration", ("property", "type", "required", "secret", "description"), rows)
    evidence = [(one["level"], one["at"], "yes" if one["is_ok"] else "no", one["ran"], one["outcome"]) for one in entry.evidence]
    console.table("Evidence", ("level", "date", "reached", "what was run", "outcome"), evidence)


@app.command()
@guarded
def check(name: str, config: ConfigFile = None) -> None:
    """Reach the source of a connection, or of a registry name with --config, and be let in."""
    connector, settled = _opened(name, config)
    with quiet():
        connector.check(settled)
    console.say(f"{name}: reached, and let in.")


@app.command()
@guarded
def discover(name: str, config: ConfigFile = None, as_json: Json = False) -> None:
    """Streams that the source offers, with key and cursor."""
    connector, settled = _opened(name, config)
    with quiet():
        streams = connector.discover(settled)
    rows = [{"stream": one.name, "columns": len(one.schema), "key": ", ".join(one.key), "cursor": one.cursor or ""} for one in streams]
    if as_json:
        console.as_json(
            [{**row, "columns": {field.name: str(field.type) for field in one.schema}} for row, one in zip(rows, streams, strict=True)]
        )
    else:
        console.table(f"Streams of {name}", ("stream", "columns", "key", "cursor"), (row.values() for row in rows))


@app.command()
@guarded
def read(
    name: str,
    config: ConfigFile = None,
    stream: Streams = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows of each stream; 10 when they are printed.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a Parquet file a stream; else rows are printed, personal data masked.")
    ] = None,
) -> None:
    """Read from the beginning. Moves no cursor and touches no lake."""
    connector, settled = _opened(name, config)
    with quiet():
        for one in _chosen(connector.discover(settled), stream):
            rows = _rows(connector, settled, one, limit or (None if out else 10))
            if out:
                _write(rows, out / f"{_file_name(one.name)}.parquet")
                console.say(f"{one.name}: {rows.num_rows} rows in {out / _file_name(one.name)}.parquet")
            else:
                _print(one.name, rows)


@app.command()
@guarded
def add(
    name: str,
    connection: Annotated[str, typer.Option("--as", help="Name of the new connection.")],
    config: Annotated[Path, typer.Option(help="YAML or JSON with the connector's configuration; secrets are replaced by ${VARIABLE}.")],
    domain: Annotated[str, typer.Option(help="Domain that the tables belong to.")],
    stream: Streams = None,
    key: Annotated[list[str] | None, typer.Option("--key", help="STREAM=column,column where the source names no key.")] = None,
) -> None:
    """Write a connection with a draft contract for each stream; it is read by the next sync."""
    from eco_assets.aurion.connections import Draft, settle, write_connection

    connector, _ = _connector_of(name)
    given = _read_config(config)
    settled = settle(given)
    with quiet():
        connector.check(settled)
        streams = [_keyed(one, _keys(key or [])) for one in _chosen(connector.discover(settled), stream)]
    root = Settings.from_env().connections_root
    made, variables = write_connection(root, Draft(connection, name, domain, given, streams), connector.spec())
    console.say(f"{made.folder}: connection.yaml and {len(streams)} draft contracts. Look at the contracts, their classification first.")
    for variable, what in variables.items():
        console.say(f"Set {variable} to the connection's {what} before it is used.")


@app.command()
@guarded
def sweep(
    shard: Annotated[str, typer.Option(help="i/n: every n-th connector from the i-th on.")] = "1/1",
    only: Annotated[str, typer.Option(help="A runtime, or a part of a name.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Also what has evidence of its pinned version.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Also what failed.")] = False,
    level: Annotated[int, typer.Option(min=1, max=4, help="Highest level to try for; 4 runs the conformance tests.")] = 3,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between two packages.")] = 1.0,
) -> None:
    """Bring the registry's evidence up to date: asks the package index for what `registry/wanted.yaml` lists, writes into the checkout."""
    from eco_assets.aurion.connectors.sweep import sweep as swept

    runtimes = Settings.from_env().runtimes
    for one in swept(runtimes, shard=shard, only=only, again=again, retry=retry, highest=level, pause_s=pause):
        console.say(f"{one.name}: level {one.level}, {one.outcome}")


def _kind(prop: Mapping[str, Any]) -> str:
    kinds = prop.get("type", "one of several")
    return kinds if isinstance(kinds, str) else " or ".join(kind for kind in kinds if kind != "null")


def _connector_of(name: str) -> tuple[Any, Any]:
    from eco_assets.aurion.connectors.registry import Registry

    registry = Registry.load()
    return registry.connector(name, Settings.from_env().runtimes), registry.entry(name)


def _opened(name: str, config: Path | None) -> tuple[Any, dict[str, Any]]:
    """A connector with its configuration: of the registry when a file is given, else of a connection."""
    from eco_assets.aurion.connections import read_connection, settle

    if config is not None:
        return _connector_of(name)[0], settle(_read_config(config))
    found = read_connection(Settings.from_env().connections_root, name)
    return _connector_of(found.connector)[0], found.settled()


def _read_config(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML or JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path} must hold the connector's configuration as an object")
    return found


def _chosen(streams: Sequence[Any], names: list[str] | None) -> list[Any]:
    known = {one.name: one for one in streams}
    missing = sorted(set(names or []) - set(known))
    if missing:
        raise ConfigError(f"no stream {', '.join(missing)}; the source offers {', '.join(sorted(known))}")
    return [known[name] for name in names or known]


def _keys(given: list[str]) -> dict[str, tuple[str, ...]]:
    pairs = [item.partition("=") for item in given]
    return {stream: tuple(columns.split(",")) for stream, _, columns in pairs}


def _keyed(stream: Any, keys: Mapping[str, tuple[str, ...]]) -> Any:
    key = keys.get(stream.name, stream.key)
    missing = set(key) - set(stream.schema.names)
    if missing:
        raise ConfigError(f"stream {stream.name} has no column {', '.join(sorted(missing))}")
    return replace(stream, key=key)


def _rows(connector: Any, config: dict[str, Any], stream: Any, limit: int | None) -> Any:
    from eco_assets.aurion.connectors.arrows import united

    taken, found = [], 0
    reading = connector.read(config, [stream], {})
    for batch in reading:
        taken.append(batch.rows)
        found += batch.rows.num_rows
        if limit is not None and found >= limit:
            reading.close()
            break
    rows = united(taken) if taken else stream.schema.empty_table()
    return rows.slice(0, limit) if limit is not None else rows


def _print(name: str, rows: Any) -> None:
    from eco_assets.aurion.drafts import PERSONAL, identifier

    hidden = {column for column in rows.schema.names if PERSONAL.search(identifier(column))}
    shown = [[MASKED if column in hidden and value is not None else value for column, value in row.items()] for row in rows.to_pylist()]
    console.table(f"{name}: {len(shown)} rows", rows.schema.names, ([str(value) for value in row] for row in shown))


def _write(rows: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_suffix(f".{os.getpid()}.tmp")
    pq.write_table(rows, making, compression="zstd")
    making.replace(path)


def _file_name(stream: str) -> str:
    from eco_assets.aurion.drafts import identifier

    return identifier(stream)
