"""`eco new`: starts a source, a feature, a mart, a model, a decision point, a workflow or a report as one small file to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import guarded
from eco_assets.commands.shared import platform as open_platform
from eco_assets.scaffold import files
from eco_assets.settings import PROJECT_ROOT

app = typer.Typer(no_args_is_help=True, help="Start an addition: a source, a feature, a model, a decision point, a workflow, a report.")
Name = Annotated[str, typer.Argument(help="As varejo.coupons: a domain or an agent, and a name.")]
Reads = Annotated[str, typer.Option("--reads", help="The table that it reads, as staging.stg_varejo__orders.")]
Key = Annotated[str, typer.Option("--key", help="The column that tells rows apart.")]


@app.command()
@guarded
def source(
    name: Name,
    sample: Annotated[Path, typer.Option("--from", exists=True, dir_okay=False, help="A CSV file like those to come.")],
    key: Key,
) -> None:
    """A contract guessed from a sample, its staging model, and its raw table in the graph."""
    _written(files.source(name, sample, key))
    _sources_anew()
    console.say(f"put the files into {name.replace('.', '/')}/ under the data root, complete the contract's words, and run `eco run`")


@app.command()
@guarded
def feature(name: Name, reads: Reads, key: Key) -> None:
    """A feature table in dbt that starts as what it reads."""
    _written(files.feature(name, _model(reads), key, _columns(reads)))


@app.command()
@guarded
def mart(name: Name, reads: Reads, key: Key) -> None:
    """A mart in dbt: one snapshot a business day, for decisions and exports."""
    _written(files.mart(name, _model(reads), key, _columns(reads)))


@app.command()
@guarded
def model(
    name: Name,
    reads: Reads,
    key: Key,
    target: Annotated[str, typer.Option("--target", help="The boolean column to foresee.")],
    time: Annotated[str, typer.Option("--time", help="The date column that orders the rows.")],
) -> None:
    """A trained model of a feature table, behind the gate like every other."""
    _written(files.model(name, _model(reads), _columns(reads), key=key, target=target, time=time))


@app.command()
@guarded
def decision(
    name: Name,
    reads: Reads,
    key: Key,
    value: Annotated[str, typer.Option("--value", help="The column that says what acting is worth, BRL.")],
    workflow: Annotated[str, typer.Option("--workflow", help="What carries it out, as `eco workflows` lists them.")],
    source: Annotated[str, typer.Option("--source", help="The raw table that a decision is traced back to, as varejo.orders.")],
) -> None:
    """A decision point on a mart: a policy with its own tests."""
    _written(files.decision(name, _model(reads), key=key, value=value, workflow=workflow, source=source))
    console.say("next: `eco policy lint` and `eco policy test`")


@app.command()
@guarded
def workflow(
    name: Name,
    label: Annotated[str, typer.Option("--label", help="What business people call it, in Portuguese.")],
    door: Annotated[str, typer.Option("--door", help="Where its first step's message goes, as `eco doors` lists them.")] = "crm",
) -> None:
    """A workflow of two steps that can be undone; a decision's action or an event starts it."""
    _written(files.workflow(name, label, door))
    console.say("next: let something start it (`eco new decision --workflow`, or `listens=`), and look at it with `eco workflows`")


@app.command()
@guarded
def report(name: Name, reads: Reads) -> None:
    """A report for business people: a page a day from queries."""
    _columns(reads)  # it must be there
    _written(files.report(name, reads))


def _model(table: str) -> str:
    return table.rpartition(".")[2]


def _columns(table: str) -> files.Columns:
    found = files.columns_of(open_platform().lake, table)
    return [(name, kind) for name, kind in found if name != "as_of"]


def _written(made: Mapping[Path, str]) -> None:
    for path in files.write(made):
        console.say(f"written: {path.relative_to(PROJECT_ROOT)}")


def _sources_anew() -> None:
    """The dbt sources are written from the contracts."""
    from eco_assets.contracts.contract import load_contracts
    from eco_assets.contracts.dbt_sources import write

    load_contracts.cache_clear()
    write(PROJECT_ROOT / "dbt_project")
