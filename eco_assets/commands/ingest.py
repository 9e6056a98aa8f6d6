"""`eco ingest`: the resident process that reads machines (MQTT, OPC UA) into the inbox, and what it says of itself."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import ConfigError

app = typer.Typer(no_args_is_help=False, help="Read machines (MQTT, OPC UA) without end, until SIGTERM or Ctrl-C.")
HOME = "ingester"  # below ECO_HOME: state, lock and heartbeat of each connection


@app.callback(invoke_without_command=True)
@guarded
def ingest(
    context: typer.Context,
    connection: Annotated[list[str] | None, typer.Option("--connection", help="Only this connection; may be given again.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Run a small factory on this machine and read it.")] = False,
    batch_rows: Annotated[int, typer.Option(min=1, help="Readings that make a file.")] = 5_000,
    batch_seconds: Annotated[float, typer.Option(min=0.05, help="A reading waits no longer than this for its file.")] = 5.0,
    inbox_files: Annotated[int, typer.Option(min=1, help="Take nothing more when so many files wait to be loaded.")] = 5_000,
    inbox_mb: Annotated[float, typer.Option(min=0.001, help="Take nothing more when so many MB wait to be loaded.")] = 2_000.0,
    free_mb: Annotated[float, typer.Option(min=0, help="Take nothing more when fewer MB are free on the disk.")] = 500.0,
) -> None:
    """Read the configured connections into the inbox, until SIGTERM or Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    from eco_assets.aurion.stream.connections import stream_connections
    from eco_assets.aurion.stream.demo import factory
    from eco_assets.aurion.stream.inbox import Limits
    from eco_assets.aurion.stream.ingester import Ingester

    settings = open_platform().settings
    home, stop = settings.home / HOME, threading.Event()
    _log_to_stderr()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        configured = [] if demo else stream_connections(settings.connections_root, os.environ)
        chosen = stack.enter_context(factory(home / "demo")) if demo else configured
        names = [one.name for one in chosen]
        for name in connection or ():
            if name not in names:
                raise ConfigError(f"no stream connection {name!r} in {settings.connections_root}; there are: {', '.join(names) or 'none'}")
        chosen = [one for one in chosen if not connection or one.name in connection]
        if not chosen:
            raise ConfigError(
                f"no connection in {settings.connections_root} has the connector mqtt or opcua; `eco ingest --demo` shows one"
            )
        limits = Limits(batch_rows, batch_seconds, inbox_files, inbox_mb, free_mb)
        is_good = Ingester(chosen, settings.inbox, home, limits).run(stop)
    if not is_good:
        raise typer.Exit(1)


@app.command()
@guarded
def status(as_json: Json = False) -> None:
    """What each connection said last. Ends with 1 when one is not alive, failed, or takes nothing more."""
    from eco_assets.aurion.stream.ingester import heartbeats

    found = heartbeats(open_platform().settings.home / HOME)
    if as_json:
        console.as_json(found)
    elif not found:
        console.say("no ingester ever ran here; `eco ingest` starts one")
    else:
        shown = ("state", "rows", "rows_per_s", "files", "dead_letters", "gaps", "queue_depth", "lag_s")
        rows = [
            (name, *("dead" if key == "state" and not beat["is_alive"] and beat[key] != "stopped" else _plain(beat[key]) for key in shown))
            for name, beat in found.items()
        ]
        console.table("Stream connections", ("connection", *shown), rows)
        for name, beat in found.items():
            if beat["problem"]:
                console.say(f"! {name}: {beat['problem']}")
    if not all(beat["is_alive"] and beat["state"] == "reading" for beat in found.values()):
        raise typer.Exit(1)


def _plain(value: object) -> object:
    return "" if value is None else value


def _log_to_stderr() -> None:
    """Our own lines only: the libraries' would name endpoints and users."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("eco.ingest")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
