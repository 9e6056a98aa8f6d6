"""`eco doors`: where actions go, whether the far side answers, and what may or may not have happened there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, operator
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import EcoError

app = typer.Typer(invoke_without_command=True, help="Doors to other systems: list, test, settle what is in doubt.")


@app.callback()
@guarded
def main(context: typer.Context, as_json: Json = False) -> None:
    """Every configured door and how it stands; without a subcommand."""
    if context.invoked_subcommand is not None:
        return
    platform = open_platform()
    world = platform.world
    states, doubtful = world.doors(), world.journal.begun()
    if as_json:
        console.as_json({"doors": [vars(state) for state in states], "in_doubt": [vars(one) for one in doubtful]})
        return
    rows = [
        (s.name, s.kind, *(s.deliveries.get(state, 0) for state in ("sent", "refused", "withdrawn", "begun")), s.last_error) for s in states
    ]
    console.table(f"{len(rows)} door(s)", ("door", "kind", "sent", "refused", "withdrawn", "in doubt", "last failure"), rows)
    for one in doubtful:
        console.say(f"in doubt since {one.at[:16]}: {one.key} through {one.door}")
    if not states:
        console.say(f"Nothing is configured in {platform.settings.doors_file}: every message lies in {platform.settings.outbox}.")


@app.command()
@guarded
def test(
    name: Annotated[str, typer.Argument(help="A door; all by default.")] = "",
    as_json: Json = False,
) -> None:
    """Reach the far sides without acting there. Exit code 1 when one does not answer."""
    world = open_platform().world
    found: list[dict[str, Any]] = []
    for door in [name] if name else [state.name for state in world.doors()]:
        try:
            found.append({"door": door, "is_ok": True, "said": world.check(door)})
        except EcoError as error:
            found.append({"door": door, "is_ok": False, "said": f"{type(error).__name__}: {error}"})
    if as_json:
        console.as_json(found)
    else:
        for one in found:
            console.say(f"{'ok  ' if one['is_ok'] else 'FAIL'} {one['door']}: {one['said']}")
        if not found:
            console.say("no door is configured: messages go to the outbox")
    if not all(one["is_ok"] for one in found):
        raise typer.Exit(1)


@app.command()
@guarded
def settle(
    key: Annotated[str, typer.Argument(help="A key in doubt, or the beginning of one.")],
    verdict: Annotated[str, typer.Argument(help="`sent`: it happened; `lost`: it did not, and may be sent anew.")],
    why: Annotated[str, typer.Option("--why", help="How you know, for the ledger.")] = "",
) -> None:
    """Say what became of a message whose outcome is unknown; then `eco dlq requeue` goes on with its order."""
    from eco_assets.jorge.operations import audited

    platform, user = open_platform(), operator()
    with audited(platform.ledger, "settle", key.partition("/")[0], by=user, why=why, key=key, verdict=verdict):
        settled = platform.world.journal.settle(key, verdict, user)
    console.say(f"{settled.key} through {settled.door}: {verdict}, said {user}")
