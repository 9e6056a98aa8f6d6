"""`eco resident`: the warm worker that carries decisions out as soon as their checks passed."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, quiet
from eco_assets.commands.shared import platform as open_platform


@guarded
def resident(
    status: Annotated[bool, typer.Option("--status", help="Say how it stands, and end.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Carry out what there is now, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Carry out accepted decisions as soon as they are made, until Ctrl-C; `eco dev` starts one."""
    from eco_assets.resident.outbox import Outbox

    platform = open_platform()
    outbox = Outbox(platform.settings.resident)
    if status:
        found = {"is_at_work": outbox.is_worked_on(), **outbox.status()}
        console.as_json(found) if as_json else console.say("; ".join(f"{name}: {value}" for name, value in found.items()))
        return
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with outbox.working(), quiet():
        from eco_assets.defs.resident import opened

        with opened(platform, outbox) as worker:
            if once:
                done = worker.turn()
                console.as_json(done) if as_json else console.say(f"{len(done)} day(s) carried out")
                return
            console.say("resident worker: ready")
            worker.serve(stopped)


__all__ = ["resident"]
