"""`eco models`: versions and what was said of them, and the reviewer's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, quiet
from eco_assets.commands.shared import platform as open_platform

app = typer.Typer(no_args_is_help=True, help="Trained models: which may decide, why, and the reviewer's answer.")
Name = Annotated[str, typer.Argument(help="The model's name, as varejo_demand_forecast.")]
Version = Annotated[str, typer.Argument(help="The version's number.")]
By = Annotated[str, typer.Option("--by", help="Who answers.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the ledger.")]


@app.command("list")
@guarded
def list_models(
    pending: Annotated[bool, typer.Option("--pending", help="Only versions that wait for a reviewer.")] = False, as_json: Json = False
) -> None:
    """Every version of every model, newest first."""
    with quiet():
        from ml.families import FAMILIES
        from ml.review import PENDING, reviews, settle

        registry = open_platform().registry
        for name in FAMILIES:
            settle(registry.client, name)
        found = [review for name in FAMILIES for review in reviews(registry.client, name) if not pending or review.status == PENDING]
    if as_json:
        console.as_json([asdict(review) | {"as_of": review.as_of.isoformat()} for review in found])
        return
    rows = [(each.name, each.version, each.status, each.as_of, each.by, each.said or each.why) for each in found]
    console.table(f"{len(rows)} version(s)", ("model", "version", "status", "learned up to", "by", "why"), rows)


@app.command()
@guarded
def show(name: Name, version: Annotated[str | None, typer.Argument(help="The version's number; the champion without it.")] = None) -> None:
    """The model card of a version."""
    with quiet():
        from ml.families import family

        registry = open_platform().registry
        known = family(name).name
        card = registry.card(registry.version(known, version) if version else registry.latest(known))
    console.say(card)


def _answering(verdict: str, doing: str) -> Callable[[str, str, str, str], None]:
    @guarded
    def command(name: Name, version: Version, by: By, why: Why = "") -> None:
        with quiet():
            from eco_assets.model_reviews import answered
            from ml.families import family

            answered(open_platform(), family(name), version, verdict, by=by, why=why)
        console.say(f"{name} version {version} {verdict} by {by}; the next run of its asset goes on with it")

    command.__doc__ = doing
    return command


app.command("approve")(_answering("approved", "Let a version decide; it becomes the champion."))
app.command("reject")(_answering("rejected", "Never let a version decide."))
app.command("withdraw")(_answering("withdrawn", "Take a version out of force; the one before it decides again."))
