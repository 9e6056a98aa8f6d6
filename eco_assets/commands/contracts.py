"""`eco contracts`: are versions right, what changed, release, explain; and the dbt sources that are written from contracts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, quiet
from eco_assets.contracts.changes import Change, changes, required_bump
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.contracts.gate import check as faults
from eco_assets.contracts.gate import late_readers, releasable
from eco_assets.contracts.terms import read_terms
from eco_assets.contracts.versions import History
from eco_assets.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from eco_assets.lineage.graph import Lineage

app = typer.Typer(no_args_is_help=True, help="Data contracts: their versions, what changed, who is hurt.")
Name = Annotated[str, typer.Argument(help="A table, as varejo.orders.")]


@app.command()
@guarded
def check(as_json: Json = False) -> None:
    """Hold every contract against its releases; exit 1 when one lacks the version that its changes ask for."""
    found = [*faults(load_contracts(), History(), _today())]
    if any(read_terms(contract.path).custom.get("compatibility") for contract in load_contracts()):
        found += late_readers(load_contracts(), _lineage())
    if as_json:
        console.as_json([{"table": each.table, "finding": each.words, "is_warning": each.is_warning} for each in found])
    elif found:
        rows = [("warning" if each.is_warning else "BAD", each.table, each.words) for each in found]
        console.table(f"{len(rows)} finding(s)", ("", "table", "finding"), rows)
    else:
        console.say(f"{len(load_contracts())} contracts have the version that their content asks for, and are released")
    if any(not each.is_warning for each in found):
        raise typer.Exit(1)


@app.command()
@guarded
def diff(
    name: Name,
    since: Annotated[str | None, typer.Option("--from", help="A released version; the newest by default.")] = None,
    as_json: Json = False,
) -> None:
    """What changed since a release, the version that it asks for, and who reads what changed."""
    contract, history = _contract(name), History()
    newest = history.newest(contract.table)
    if newest is None:
        raise NotFound(f"{name} was never released: `eco contracts release {name}`")
    release = history.at(contract.table, since) if since else newest
    found = changes(release.terms, read_terms(contract.path))
    level, readers = required_bump(found), _readers(contract, found, history)
    if as_json:
        rows = [{"rule": each.rule, "column": each.column, "level": each.level.name.lower(), "what": str(each)} for each in found]
        console.as_json({"table": name, "from": str(release.version), "level": level.name.lower(), "changes": rows, "readers": readers})
        return
    if not found:
        console.say(f"{name} {contract.version} says what {release.version} says")
        return
    console.table(
        f"{name} since {release.version}: {level.name.lower()}, so {release.version.next(level)}",
        ("level", "change", "read by"),
        [(each.level.name.lower(), str(each), ", ".join(readers.get(each.column, []))) for each in found],
    )


@app.command()
@guarded
def release(
    name: Annotated[str | None, typer.Argument(help="A table, as varejo.orders.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every contract that changed.")] = False,
    as_json: Json = False,
) -> None:
    """Freeze a contract as it is; refused, with the version that is needed, when its version is wrong."""
    if (name is None) == (not everything):
        raise ConfigError("name one table, or say --all")
    history, made = History(), []
    chosen = [_contract(name)] if name else [contract for contract in load_contracts() if _is_changed(contract, history)]
    ready = [(contract, releasable(contract, history, _today())) for contract in chosen]  # all or none
    for contract, found in ready:
        readers = _readers(contract, found, history)
        path = history.write(contract)
        made.append({"table": contract.table, "version": contract.version, "file": path.name, "readers": readers})
        if not as_json:
            console.say(f"{path.name} released")
            for column, names in readers.items():
                console.say(f"  tell the readers of {column or 'the table'}: {', '.join(names) or 'nobody in this project'}")
    if as_json:
        console.as_json(made)
    elif not made:
        console.say("every contract is released as it is")


@app.command()
@guarded
def explain(name: Name, as_json: Json = False) -> None:
    """What a contract promises, in words: columns, rules, service levels, history, old versions, consumers."""
    from eco_assets.contracts.explain import explain as explained

    found = explained(_contract(name), History(), _lineage())
    if as_json:
        console.as_json(found)
        return
    console.say(f"{name} {found['version']} ({found['status']}), owned by {found['owner']}: {found['description']}")
    console.say(f"From {found['source']}, {found['cadence']}; one row a {'+'.join(found['key']) or 'line of the file'}.")
    for title, key in (("Rules", "rules"), ("Service levels", "service_levels"), ("Deprecated", "deprecated_columns")):
        if found[key]:
            console.say(f"{title}: {'; '.join(found[key])}")
    for old in found["old_versions"]:
        console.say(f"Old version: {old['view']} until {old['until']}")
    console.say()
    columns = [
        (c["name"], c["type"], ", ".join(c["rules"]), c["classification"] + (", personal" if c["is_personal"] else ""), c["description"])
        for c in found["columns"]
    ]
    console.table(f"{len(columns)} columns", ("column", "type", "rules", "classification", "description"), columns)
    direct = [(c["kind"], c["name"], ", ".join(c["columns"])) for c in found["consumers"] if c["is_direct"]]
    console.table(f"{len(direct)} readers, {len(found['consumers']) - len(direct)} more through them", ("kind", "name", "columns"), direct)
    console.table(
        "History", ("version", "level", "changes"), [(h["version"], h["level"], "; ".join(h["changes"])) for h in found["history"]]
    )


@app.command("dbt")
@guarded
def dbt_sources() -> None:
    """Write the dbt sources from the contracts."""
    from eco_assets.contracts.dbt_sources import write
    from eco_assets.settings import PROJECT_ROOT

    is_changed = write(PROJECT_ROOT / "dbt_project")
    console.say("dbt_project/models/sources.yml written" if is_changed else "dbt_project/models/sources.yml is up to date")


def _contract(name: str) -> Contract:
    known = {contract.table: contract for contract in load_contracts()}
    if name not in known:
        raise NotFound(f"no contract {name!r}; the known ones are {', '.join(known)}")
    return known[name]


def _is_changed(contract: Contract, history: History) -> bool:
    newest = history.newest(contract.table)
    return newest is None or bool(changes(newest.terms, read_terms(contract.path)))


def _readers(contract: Contract, found: list[Change], history: History) -> dict[str, list[str]]:
    """Who reads what changed: over the columns that were and those that are, because a reader may still name either."""
    from eco_assets.contracts.explain import hurt
    from eco_assets.lineage.project import project_lineage

    newest = history.newest(contract.table)
    if not found or newest is None:
        return {}
    with quiet():
        lineage = project_lineage(load_contracts(), more={f"raw.{contract.table}": list(newest.terms.columns)})
    return hurt(contract, found, lineage)


def _lineage() -> Lineage:
    from eco_assets.lineage.project import load_lineage

    with quiet():
        return load_lineage()


def _today() -> date:
    return datetime.now(UTC).date()
