"""`eco dlq`: dead letters: what died and why; correct it, try it again, give it up, or say that somebody sees to it. All audited."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.jorge import catalogue, engine_port, queue, run_on
from eco_assets.commands.shared import Json, guarded, operator
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Dead letters of Jorge OS: list, show, edit, requeue, drop, ack.")
Id = Annotated[str, typer.Argument(help="A dead letter's id, or a prefix of it.")]
By = Annotated[str, typer.Option("--by", help="Who does it; who runs the command by default.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the ledger.")]


@app.command("list")
@guarded
def listed(agent: Annotated[str | None, typer.Option("--agent", help="Only this agent's.")] = None, as_json: Json = False) -> None:
    """Every dead letter, oldest first."""
    from eco_assets.jorge.dead_letters import listed as find
    from eco_assets.jorge.dead_letters import settle

    platform = open_platform()
    with engine_port(platform) as port:
        settle(port, platform.ledger)
        found = find(port, platform.ledger, None if agent is None else queue(agent))
    if as_json:
        console.as_json(found)
        return
    if not found:
        console.say("no dead letters")
        return
    rows = [
        (d["id"][:12], d["as_of"], d["workflow"], d["subject"], _kind(d), "yes" if d["is_acknowledged"] else "no", d["error"])
        for d in found
    ]
    console.table(f"{len(found)} dead letter(s)", ("id", "day", "workflow", "subject", "what", "seen to", "error"), rows)


@app.command()
@guarded
def show(name: Id, as_json: Json = False) -> None:
    """One in full: the order, every step that was recorded, what is parked, what people did."""
    from eco_assets.jorge.dead_letters import show as tell

    platform = open_platform()
    with engine_port(platform) as port:
        found = tell(port, platform.ledger, name)
    if as_json:
        console.as_json(found)
        return
    console.say(f"{found['id']} {found['workflow']} version {found['version']}, {found['subject']}, {found['as_of']}: {_kind(found)}")
    console.say(f"  {found['error']}")
    console.say("  order " + json.dumps(found["order"], ensure_ascii=False, sort_keys=True))
    steps = [(s["number"], s["what"], s["name"], s["outcome"], s["detail"] or s["error"]) for s in found["history"] if s["what"] != "park"]
    console.table("History", ("", "what", "step", "outcome", "detail"), steps)
    console.table("Parked", ("step", "kind", "error", "since"), [(r["step"], r["kind"], r["error"], r["at"]) for r in found["parked"]])
    if found["operations"]:
        done = [(e["recorded_at"][:19], e["operation"], e["by"], e.get("why", "")) for e in found["operations"]]
        console.table("What people did", ("at", "what", "by", "why"), done)


@app.command()
@guarded
def edit(
    name: Id,
    sets: Annotated[list[str], typer.Option("--set", help="name=value of the order's input; JSON values are read as such.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")],
    by: By = "",
) -> None:
    """Correct an order that never began; it must be what its workflow takes."""
    from eco_assets.jorge.dead_letters import edit as correct

    platform = open_platform()
    changes = dict(_pair(text) for text in sets)
    with engine_port(platform) as port:
        edits = correct(port, platform.ledger, catalogue(), name, changes, by=by or operator(), why=why)
    console.say(f"{len(edits)} correction(s) recorded; `eco dlq requeue {name}` runs it with them")


@app.command()
@guarded
def requeue(name: Id, by: By = "", why: Why = "") -> None:
    """Try it again, with its corrections; where no worker is resident, this command carries it out."""
    from eco_assets.jorge.dead_letters import requeue as again
    from eco_assets.jorge.dead_letters import settle

    platform = open_platform()
    with engine_port(platform) as port:
        run = again(port, platform.ledger, name, by=by or operator(), why=why)
    record = run_on(platform, run)
    if record is None:
        console.say(f"{run} is queued; a worker takes it. `eco dlq list` tells what it came to")
        return
    with engine_port(platform) as port:
        settle(port, platform.ledger)
    console.say(f"{run} ended: {record['outcome']}{'; ' + record['error'] if record.get('error') else ''}")


@app.command()
@guarded
def drop(name: Id, why: Annotated[str, typer.Option("--why", help="The reason, and who saw to what it did.")], by: By = "") -> None:
    """Give it up; what it did in the world stays as it is."""
    from eco_assets.jorge.dead_letters import drop as give_up

    platform = open_platform()
    with engine_port(platform) as port:
        letter = give_up(port, platform.ledger, name, by=by or operator(), why=why)
    console.say(f"{letter['id']} is given up")


@app.command()
@guarded
def ack(name: Id, why: Annotated[str, typer.Option("--why", help="Who sees to it, and how.")], by: By = "") -> None:
    """Say that somebody sees to it; it stays a dead letter and raises no alarm."""
    from eco_assets.jorge.dead_letters import acknowledge

    platform = open_platform()
    with engine_port(platform) as port:
        letter = acknowledge(port, platform.ledger, name, by=by or operator(), why=why)
    console.say(f"{letter['id']} is acknowledged")


def _kind(letter: dict[str, Any]) -> str:
    words = {"undo": "not undone", "unknown": "may have acted", "refused": "never began"}
    kinds = sorted({words[row["kind"]] for row in letter["parked"]})
    return ", ".join(kinds) or "given up by the engine"


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ConfigError(f"--set {text}: say name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
