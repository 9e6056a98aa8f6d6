"""`eco export`: a table of the lake as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Day, Json, guarded
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import ConfigError

if TYPE_CHECKING:
    from eco_assets.exports import Form

_FORMS: dict[str, Form] = {".csv": "csv", ".parquet": "parquet"}


@guarded
def export(
    table: Annotated[str | None, typer.Argument(help="As marts.mart_varejo__replenishment; without it, lists what there is.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="The file; its ending, .csv or .parquet, says the form.")] = None,
    day: Day = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Do not mask personal and confidential columns.")] = False,
    as_json: Json = False,
) -> None:
    """Write a table, or one business day of it, as CSV or Parquet with a stable schema."""
    from dataclasses import asdict

    from eco_assets import exports

    platform = open_platform()
    if table is None:
        found = exports.tables(platform.lake)
        console.as_json(found) if as_json else console.table(f"{len(found)} tables", ("table",), [(name,) for name in found])
        return
    as_of = day.date() if day else None
    target = to or platform.settings.exports / f"{table}{f'-{as_of}' if as_of else ''}.csv"
    form = _FORMS.get(target.suffix)
    if form is None:
        raise ConfigError(f"{target.name}: the file's name must end in .csv or .parquet")
    done = exports.export(platform.lake, table, target, day=as_of, form=form, reveal=reveal)
    if as_json:
        console.as_json(asdict(done))
        return
    masked = [column.name for column in done.columns if column.is_masked]
    console.say(f"{done.rows} rows, {len(done.columns)} columns in {done.path}" + (f"; masked: {', '.join(masked)}" if masked else ""))
