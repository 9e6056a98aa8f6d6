"""`eco jorge`: queues and their pressure, health, and what people do to running work. Every act is audited in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, operator
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import ConfigError, DoorUnavailable, NotFound

if TYPE_CHECKING:
    from eco_assets.jorge.engine import Engine
    from eco_assets.jorge.queues import QueueSpec
    from eco_assets.jorge.workflow import Workflow
    from eco_assets.platform import Platform

WAIT_S = 120.0  # for a resident worker to end what was queued; it goes on after that all the same
app = typer.Typer(no_args_is_help=True, help="Jorge OS: status, health, pause, resume, drain, cancel, fork, retain.")
Who = Annotated[str, typer.Argument(help="An agent.")]
Order = Annotated[str, typer.Argument(help="An order's id, or a prefix of it.")]
By = Annotated[str, typer.Option("--by", help="Who does it; who runs the command by default.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the ledger.")]


@app.command()
@guarded
def status(order_id: Annotated[str, typer.Argument(help="An order, for its steps.")] = "", as_json: Json = False) -> None:
    """Every queue: state, what waits, pressure, dead letters; or one order with its steps."""
    from eco_assets.jorge.controls import one, overview

    platform = open_platform()
    if order_id:
        with engine_port(platform) as port:
            found = one(port, order_id)
            _tell_order({**found, "history": port.history(found["id"])}, as_json)
        return
    with _port_or_none(platform) as port:
        told = overview(port, platform.ledger, queues(platform))
    if as_json:
        console.as_json(told)
        return
    columns = ("agent", "state", "queued", "running", "oldest s", "depth", "pressure", "dead letters")
    console.table("Queues", columns, [tuple(each.values()) for each in told])


@app.command()
@guarded
def health(
    reach: Annotated[bool, typer.Option("--reach", help="Ask each door's far side too.")] = False,
    as_json: Json = False,
) -> None:
    """Ledger, database, workers, each agent, each door; exit code 1 where something is wrong."""
    from eco_assets.jorge.health import of_platform

    found = of_platform(open_platform(), reach=reach)
    if as_json:
        console.as_json(found)
    else:
        console.table("Jorge OS", ("", "what", "finding"), [("ok" if f["is_ok"] else "BAD", f["name"], f["finding"]) for f in found])
    if not all(each["is_ok"] for each in found):
        raise typer.Exit(1)


@app.command()
@guarded
def pause(agent: Who, by: By = "", why: Why = "") -> None:
    """Start no further order of an agent, and hand it none; what runs ends."""
    from eco_assets.jorge.controls import pause as stop

    platform, name = open_platform(), queue(agent)
    with engine_port(platform) as port:
        stop(port, platform.ledger, name, by=by or operator(), why=why)
    console.say(f"{agent} is paused; `eco jorge resume {agent}` goes on")


@app.command()
@guarded
def resume(agent: Who, by: By = "", why: Why = "") -> None:
    """Start an agent's orders again."""
    from eco_assets.jorge.controls import resume as go_on

    platform = open_platform()
    spec = queues(platform)[queue(agent)]
    with engine_port(platform) as port:
        go_on(port, platform.ledger, spec, by=by or operator(), why=why)
    console.say(f"{agent} goes on, {spec.concurrency} orders at once")


@app.command()
@guarded
def drain(
    agent: Who, by: By = "", why: Why = "", timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds to wait.")] = 600.0
) -> None:
    """Hand an agent nothing more, end what it has, and pause it; where no worker is resident, this command is one."""
    from eco_assets.jorge.controls import drain as empty

    platform, name = open_platform(), queue(agent)
    with platform.engine(), engine_port(platform) as port:
        count = empty(port, platform.ledger, name, by=by or operator(), why=why, timeout_s=timeout_s)
    console.say(f"{agent} is drained ({count} orders ended) and paused")


@app.command()
@guarded
def cancel(order_id: Order, by: By = "", why: Why = "") -> None:
    """Ask for an order's end: it stops before its next step, and what it did is undone."""
    from eco_assets.jorge.controls import cancel as end

    platform = open_platform()
    with engine_port(platform) as port:
        found = end(port, platform.ledger, order_id, by=by or operator(), why=why)
    console.say(f"{found['id']} of {found['agent']} is asked to end; it is {found['state']} now")


@app.command()
@guarded
def fork(order_id: Order, step: Annotated[str, typer.Argument(help="The step to begin with.")], by: By = "", why: Why = "") -> None:
    """Run an ended order again from a step on, as a new order; where no worker is resident, this command carries it out."""
    from eco_assets.jorge.controls import fork as again

    platform = open_platform()
    with engine_port(platform) as port:
        run = again(port, platform.ledger, order_id, step, by=by or operator(), why=why)
    record = run_on(platform, run)
    console.say(f"{run} {'is queued' if record is None else 'ended: ' + record['outcome']}")


@app.command()
@guarded
def retain(days: Annotated[float, typer.Option(min=0, help="Keep what ended within so many days.")] = 30.0) -> None:
    """Forget orders that ended well long ago; the ledger keeps how each ended."""
    from eco_assets.jorge.retention import sweep

    platform = open_platform()
    with engine_port(platform) as port:
        count = sweep(port, platform.ledger, days=days)
    console.say(f"{count} order(s) forgotten")


def catalogue() -> Mapping[str, Workflow]:
    """Every workflow."""
    from eco_assets.jorge.agents import WORKFLOWS

    return WORKFLOWS


def queues(platform: Platform) -> dict[str, QueueSpec]:
    """Every agent's queue in this installation."""
    from eco_assets.jorge.queues import load_queues

    return load_queues(platform.settings.home)


def queue(agent: str) -> str:
    """The agent's name. Raises `ConfigError` when no queue is called that."""
    from eco_assets.jorge.queues import default_queues

    known = default_queues()
    if agent not in known:
        raise ConfigError(f"no agent {agent!r}; the known ones are {', '.join(known)}")
    return agent


@contextmanager
def engine_port(platform: Platform) -> Iterator[Engine]:
    """The engine to look at and to act on, without carrying anything out here. Raises `NotFound` where nothing ever was."""
    from eco_assets.jorge.launch import open_port

    with open_port(platform.settings.jorge_target, catalogue()) as port:
        yield port


@contextmanager
def _port_or_none(platform: Platform) -> Iterator[Engine | None]:
    with ExitStack() as stack:
        try:
            port = stack.enter_context(engine_port(platform))
        except NotFound:
            yield None
            return
        yield port


def run_on(platform: Platform, order_id: str) -> dict[str, Any] | None:
    """The record of an order that was queued, carried out here where no worker is resident; None where one will do it later."""
    try:
        with platform.engine() as running:
            return running.wait([order_id], timeout_s=WAIT_S)[0]
    except DoorUnavailable:
        return None


def _tell_order(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.as_json(found)
        return
    console.say(
        f"{found['id']} {found['workflow']} {found['subject']} {found['as_of']}: {found['state']} {found['outcome'] or ''}".rstrip()
    )
    steps = [(s["number"], s["what"], s["name"], s["outcome"], s["detail"] or s["error"], s["at"][:19]) for s in found["history"]]
    console.table("Steps", ("", "what", "step", "outcome", "detail", "at"), steps)
