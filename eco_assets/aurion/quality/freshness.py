"""Judges service levels: `latency` by the business day, `frequency` by what the other sources of the lake deliver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from eco_assets.aurion.quality.context import Loaded
from eco_assets.aurion.quality.findings import Finding, judged, silent
from eco_assets.aurion.quality.rules import Rule
from eco_assets.contracts.check import quoted

if TYPE_CHECKING:
    import duckdb


def latency(db: duckdb.DuckDBPyConnection, rule: Rule, day: date) -> Finding:
    """Days from the newest event to the business day; what happened later than the day counts as up to date."""
    columns = ", ".join(f"max({quoted(name)})" for name in rule.columns)
    found = db.execute(f"SELECT {columns} FROM {rule.table}").fetchone() or ()
    newest = max((value.date() if isinstance(value, datetime) else value for value in found if value is not None), default=None)
    if newest is None:
        return silent(rule, f"no row has a {', '.join(rule.columns)} yet")
    behind = max((day - newest).days, 0)
    return judged(rule, behind, f"newest {', '.join(rule.columns)} is of {newest}, {behind} day(s) before the business day {day}")


def frequency(rule: Rule, past: Sequence[Loaded], newest: datetime | None) -> Finding:
    """Days from the last load of the table to `newest`, the newest load of any table.

    Not the wall clock: nothing is due while nothing at all is delivered, as with recorded data. That all sources stand still shows in
    the lag of the metrics.
    """
    own = max((load.loaded_at for load in past), default=None)
    if own is None or newest is None:
        return silent(rule, "nothing was loaded yet")
    behind = (newest - own).total_seconds() / 86_400
    return judged(rule, behind, f"last load {own:%Y-%m-%d %H:%M}, {behind:.1f} day(s) before the newest load of the lake")
