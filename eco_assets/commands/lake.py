"""`eco lake`: what is in the lake's catalogues, and keeping them small."""

from __future__ import annotations

from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, platform
from eco_assets.lake import CATALOGUES

app = typer.Typer(no_args_is_help=True, help="The lake: snapshots, loads, compaction.")
Catalogue = Annotated[str, typer.Option("--catalogue", help="`raw` (accepted from sources) or `eco` (made of it).")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")]


@app.command()
@guarded
def snapshots(catalogue: Catalogue = "raw", limit: Limit = 20, as_json: Json = False) -> None:
    """Newest snapshots; `SELECT ... FROM table AT (VERSION => n)` reads one."""
    if catalogue not in CATALOGUES:
        raise typer.BadParameter(f"one of {', '.join(CATALOGUES)}", param_hint="--catalogue")
    found = platform().lake.snapshots(catalogue, limit)
    if as_json:
        console.as_json([{"snapshot": number, "at": at, "changes": changes} for number, at, changes in found])
        return
    console.table(f"Snapshots of {catalogue}", ("snapshot", "at", "changes"), found)


@app.command()
@guarded
def loads(
    table: Annotated[str | None, typer.Option(help="`domain.entity`; all by default.")] = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Newest loads: which file or cursor range became which rows, when."""
    query = """SELECT load_id, source, tbl, origin, cursor_from, cursor_to, rows, bytes, rejected, contract_version,
                 schema_changes, loaded_at FROM aurion.loads WHERE coalesce(tbl = $tbl, true)
               ORDER BY loaded_at DESC, load_id LIMIT $limit"""
    with platform().lake.raw() as db:
        found = db.execute(query, {"tbl": table, "limit": limit})
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if as_json:
        console.as_json(rows)
        return
    shown = ("loaded_at", "tbl", "origin", "rows", "bytes", "rejected", "contract_version", "load_id")
    console.table(f"{len(rows)} load(s)", shown, [[row[name] for name in shown] for row in rows])


@app.command()
@guarded
def compact(
    keep_days: Annotated[float, typer.Option("--keep-days", min=0, help="Snapshots younger than this stay readable.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Merge small files, forget old snapshots, delete the files that only those needed."""
    counts = platform().lake.compact(keep_days=keep_days)
    if as_json:
        console.as_json(counts)
        return
    rows = [(name, *(what.values())) for name, what in counts.items()]
    console.table("Compaction", ("catalogue", "files merged", "snapshots expired", "files deleted"), rows)


@app.command()
@guarded
def query(
    sql: Annotated[str, typer.Argument(help="`marts.x`, `slo.y` or `raw.varejo.orders` in any SELECT of DuckDB.")], as_json: Json = False
) -> None:
    """Run a query on the lake, read-only."""
    import duckdb

    from eco_assets.errors import ConfigError

    with platform().lake.connect() as db:
        try:
            found = db.execute(sql)
        except duckdb.Error as error:
            raise ConfigError(str(error)) from error
        names, rows = [column[0] for column in found.description or []], found.fetchall()
    if as_json:
        console.as_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    console.table(f"{len(rows)} row(s)", names, rows)
