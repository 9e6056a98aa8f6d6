"""`eco catalog`: what data there is, what it promises, where it comes from and who reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, platform, quiet

if TYPE_CHECKING:
    from eco_assets.catalog.search import Index

app = typer.Typer(no_args_is_help=True, help="The data catalogue: list, show, search.")


@app.command("list")
@guarded
def list_datasets(
    layer: Annotated[str | None, typer.Option("--layer", help="raw, staging, features, marts or predictions.")] = None,
    as_json: Json = False,
) -> None:
    """Every dataset."""
    _print([found for found in _index().everything() if layer in (None, found["layer"])], as_json)


@app.command()
@guarded
def search(words: Annotated[list[str], typer.Argument(help="Beginnings of words; accents do not matter.")], as_json: Json = False) -> None:
    """Datasets by name, description, column, owner or reader; the best first."""
    _print(_index().search(" ".join(words)), as_json)


@app.command()
@guarded
def show(name: Annotated[str, typer.Argument(help="As raw.varejo.orders, or the last part.")], as_json: Json = False) -> None:
    """One dataset: contract, columns with what they are made of, readers, last loads, a masked sample."""
    found = _index().get(name)
    if as_json:
        console.as_json(found)
        return
    promise = found["promise"] or {}
    console.say(f"{found['name']} {promise.get('version', '')}, owned by {found['owner']}: {found['description']}")
    personal = ", personal data" if found["has_personal_data"] else ""
    console.say(
        f"{found['classification']}{personal}; {found['rows'] if found['rows'] is not None else '?'} rows, up to {found['through'] or '?'}"
    )
    console.say()
    columns = [
        (
            c["name"],
            c["type"],
            _protection(c["protection"]),
            c["how"],
            ", ".join(c["sources"][:4]) + (" …" if len(c["sources"]) > 4 else ""),
        )
        for c in found["columns"]
    ]
    console.table(f"{len(columns)} columns", ("column", "type", "classification", "made by", "of"), columns)
    readers = [(reader["kind"], reader["name"]) for reader in found["readers"]]
    console.table(f"{len(readers)} readers, {found['further_readers']} more through them", ("kind", "name"), readers)
    if found["loads"]:
        loads = [(load["at"], load["origin"], load["status"], load["rows"], load["rejected"], load["bytes"]) for load in found["loads"]]
        console.table("Last loads", ("at (UTC)", "origin", "status", "rows", "set aside", "bytes"), loads)
    if found["sample"]["rows"]:
        console.table("Sample", found["sample"]["columns"], found["sample"]["rows"])


@app.command()
@guarded
def build(as_json: Json = False) -> None:
    """Build the pages and the search from what is in the lake now."""
    from eco_assets.catalog.build import build_catalog

    with quiet():
        made = build_catalog(platform())
    if as_json:
        console.as_json({"index": str(made.index), "datasets": made.datasets, "changed": made.changed, "conflicts": made.conflicts})
        return
    console.say(f"{made.datasets} datasets, {len(made.changed)} page(s) written; start at {made.index}")
    for conflict in made.conflicts:
        console.say(f"! a page that a person had edited was kept as {conflict}")


def _index() -> Index:
    from eco_assets.catalog.search import Index

    return Index.of(platform().settings.home)


def _print(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        console.as_json(found)
        return
    rows = [(each["name"], each["owner"], each["classification"], each["through"], each["description"]) for each in found]
    console.table(f"{len(rows)} dataset(s)", ("name", "owner", "classification", "up to", "description"), rows)


def _protection(protection: dict[str, Any]) -> str:
    if not protection["is_announced"]:
        return "not announced"
    return str(protection["classification"]) + (", personal" if protection["is_personal"] else "")
