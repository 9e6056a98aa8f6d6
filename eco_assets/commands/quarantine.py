"""`eco quarantine`: what is held back, why, the rows; correct them, load them, or give them up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from eco_assets import console
from eco_assets.aurion.edits import FILE, LEFT_OUT
from eco_assets.aurion.published import publish
from eco_assets.aurion.quality.findings import MASK
from eco_assets.aurion.quarantine import Held, Quarantine, quarantine_of
from eco_assets.commands.shared import Json, guarded
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Files and rows that broke their contract: read, fix, replay, drop.")
Name = Annotated[str, typer.Argument(help="A batch, or the beginning of its id.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show personal data.")]
By = Annotated[str, typer.Option("--by", help="Who does it.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the record.")]
SHOWN = 20


@app.command("list")
@guarded
def listed(
    everything: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    as_json: Json = False,
) -> None:
    """What is held back, oldest first."""
    found = _opened().held(everything=everything)
    if as_json:
        console.as_json([_plain(held) for held in found])
        return
    rows = [(h.batch.batch_id[:8], h.batch.table, h.batch.file, _what(h), h.status, (*h.batch.reasons, "")[0]) for h in found]
    if rows:
        console.table(f"{len(found)} batch(es)", ("batch", "table", "file", "held back", "status", "why"), rows)
    else:
        console.say("nothing is held back")


@app.command()
@guarded
def show(
    name: Name,
    with_rows: Annotated[bool, typer.Option("--rows", help="The broken rows, as they are after corrections.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = SHOWN,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """One batch: reasons, corrections, outcome; with --rows the rows."""
    quarantine = _opened()
    held = quarantine.get(name)
    rows = quarantine.rows(held.batch, reveal=reveal)[:limit] if with_rows else []
    edits = _edits(quarantine, held, reveal=reveal)
    outcomes = [vars(each) for each in quarantine.edits.outcomes().get(held.batch.batch_id, [])]
    if as_json:
        console.as_json({**_plain(held), "broken_rows": rows, "corrections": edits, "outcomes": outcomes})
        return
    batch = held.batch
    console.say(f"{batch.batch_id} {batch.table} {batch.file}, arrived {batch.at[:19]}, contract {batch.contract_version}: {held.status}")
    for reason in batch.reasons:
        console.say(f"  {reason}")
    copy = quarantine.copy(batch)
    if copy is not None:
        console.say(f"  kept as {copy}")
    for row in rows:
        console.say()
        console.say(f"row {row['_eco_row']}: {row['_eco_reasons']}")
        console.say("  " + ", ".join(f"{key}={value}" for key, value in row.items() if not key.startswith("_eco_")))
    if edits:
        console.table("Corrections", ("row", "column", "before", "after", "by", "why", "at"), [tuple(edit.values()) for edit in edits])
    for each in outcomes:
        console.say(f"{each['outcome']} by {each['by']} at {each['at'][:19]}: {each['rows']} row(s) {each['why']}")


@app.command()
@guarded
def export(name: Name, out: Annotated[Path, typer.Option("--out", help="The CSV file to write.")], reveal: Reveal = False) -> None:
    """Write the broken rows as CSV, with reasons; correct them there and give the file to `fix --from`."""
    quarantine = _opened()
    held = quarantine.get(name)
    count = quarantine.export(held, out, reveal=reveal)
    console.say(f"{count} row(s) in {out}; correct them, then: eco quarantine fix {held.batch.batch_id[:8]} --from {out} --by NAME")


@app.command()
@guarded
def fix(
    name: Name,
    by: By,
    why: Why = "",
    row: Annotated[int | None, typer.Option("--row", min=1, help="A data row of the file, from 1.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="column=value, the column as in the file; may be given again.")] = None,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Do not load this row.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="A corrected export, or the whole file.")
    ] = None,
) -> None:
    """Record corrections; nothing is loaded before `replay`."""
    quarantine = _opened()
    held = quarantine.get(name)
    if (source is None) == (row is None) or (row is not None and not (sets or leave_out)):
        raise ConfigError("say --row N with --set column=value or --leave-out, or --from FILE")
    if source is not None:
        count = quarantine.fix_from(held, source, by=by, why=why)
    else:
        number = row or 0
        changes = {number: dict(_pair(text) for text in sets)} if sets else {}
        count = quarantine.fix(held, changes, by=by, why=why, leave_out=[number] if leave_out else [])
    publish(quarantine)
    console.say(f"{count} correction(s) recorded; `eco quarantine replay {held.batch.batch_id[:8]} --by NAME` loads them")


@app.command()
@guarded
def replay(name: Name, by: By, why: Why = "") -> None:
    """Hold a corrected batch against its contract again and load it; changes nothing while it is still broken."""
    from eco_assets.aurion.replay import replay as again

    quarantine = _opened()
    done = again(quarantine, quarantine.get(name), by=by, why=why)
    publish(quarantine)
    console.say(f"{done.rows} row(s) joined the lake as batch {done.batch_id}; {done.waiting} still wait")


@app.command()
@guarded
def drop(name: Name, by: By, why: Annotated[str, typer.Option("--why", help="The reason, for the record.")]) -> None:
    """Give a batch up: its rows are deleted, the record stays, and its source may go on without it."""
    quarantine = _opened()
    held = quarantine.get(name)
    quarantine.drop(held, by=by, why=why)
    publish(quarantine)
    console.say(f"{held.batch.batch_id} given up by {by}")


def _opened() -> Quarantine:
    return quarantine_of(open_platform())


def _pair(text: str) -> tuple[str, str | None]:
    column, sign, value = text.partition("=")
    if not sign:
        raise ConfigError(f"--set {text}: say column=value; column= empties the cell")
    return column, value or None


def _what(held: Held) -> str:
    return "whole" if held.is_whole else f"{held.batch.rejected} row(s)"


def _plain(held: Held) -> dict[str, Any]:
    batch = held.batch
    return {
        "batch": batch.batch_id,
        "table": batch.table,
        "source": batch.source,
        "file": batch.file,
        "is_whole": held.is_whole,
        "rows": batch.rejected,
        "status": held.status,
        "corrections": held.edits,
        "reasons": list(batch.reasons),
        "arrived_at": batch.at,
    }


def _edits(quarantine: Quarantine, held: Held, *, reveal: bool) -> list[dict[str, Any]]:
    """The corrections of a batch; values of personal columns masked unless revealed."""
    open_names = quarantine.open_names(held.batch) | {FILE, LEFT_OUT}
    found = []
    for edit in quarantine.edits.of(held.batch):
        line = {**vars(edit), "column": {FILE: "the whole file", LEFT_OUT: "left out"}.get(edit.column, edit.column)}
        if not reveal and edit.column not in open_names:
            line |= {side: MASK for side in ("before", "after") if line[side] is not None}
        found.append({key: "" if value is None else value for key, value in line.items()})
    return found
