"""How the `eco` command speaks to people: tables and short lines. What it says is collected elsewhere, as plain values."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

# A pipe has no width; 80 columns would fold every table.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
err = Console(stderr=True, highlight=False)


def say(text: str = "") -> None:
    """A line for people."""
    out.print(text, markup=False)


def fail(text: str) -> None:
    """A line about what went wrong, on standard error."""
    err.print(text, style="red", markup=False, soft_wrap=True)


def as_json(value: object) -> None:
    """A value for programs, on standard output."""
    out.print(json.dumps(value, ensure_ascii=False, indent=2, default=str), markup=False, soft_wrap=True)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A table; numbers are right-aligned."""
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    content = [list(row) for row in rows]
    for number, column in enumerate(columns):
        is_number = bool(content) and all(isinstance(row[number], int | float) for row in content)
        grid.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in content:
        grid.add_row(*(_cell(value) for value in row))
    out.print(grid)
    out.print()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1 else f"{value:,.3f}" if abs(value) < 10 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def show_summary(found: Mapping[str, Any], seconds: Mapping[str, float] | None = None) -> None:
    """What `eco run` ends with and `eco status` prints."""
    spent = seconds or {}
    names = {"raw": "aurion", "staging": "phd", "features": "phd", "marts": "phd", "predictions": "models"}
    table("Layers", ("layer", "part", "tables", "rows"), [(names[part], part, c["tables"], c["rows"]) for part, c in found["rows"].items()])
    table(
        "Models against a naive baseline",
        ("model", "version", "metric", "value", "baseline"),
        [(m["name"], m["version"], m["metric"], m["value"], m["baseline"]) for m in found["models"]],
    )
    agents = found["agents"]
    table(
        "Decisions",
        ("agent", "decisions", "actions", "expected R$"),
        [(name, a["decisions"], _counts(a["actions"]), a["expected_value_brl"]) for name, a in agents.items()],
    )
    table(
        "Executions, cost and objectives",
        ("agent", "outcomes", "CPU s", "compute R$", "models R$", "actions R$", "total R$", "objectives"),
        [
            (
                name,
                _counts(a["executions"]),
                a["cpu_seconds"],
                *(a["cost"][f"{part}_brl"] for part in ("compute", "model", "action", "total")),
                _objectives(a["slo"]),
            )
            for name, a in agents.items()
        ],
    )
    if spent:
        table("Seconds a layer", tuple(spent), [tuple(round(value, 1) for value in spent.values())])


def eco() -> str:
    """The command as it must be typed to look at the same home again."""
    given = [f"{name}={os.environ[name]}" for name in ("ECO_HOME", "ECO_DATA") if os.environ.get(name)]
    return " ".join([*given, ".venv/bin/eco"])


def show_problems(found: Mapping[str, Any]) -> None:
    """What is refused now, and what waits for a person."""
    for item in found["quarantined"]:
        what = "refused" if item["is_whole"] else f"{item['rows']} row(s) set aside"
        say(f"! {item['table']} {what}: {item['reasons'][0]}")
    waiting = [(agent, identity) for agent, a in found["agents"].items() for identity in a["awaiting_approval"]]
    if waiting:
        first = waiting[0][1][:12]
        say(f"{len(waiting)} decision(s) wait for a person; `{eco()} approvals` lists them.")
        say(f"To answer one: {eco()} approve {first} --by NAME")


def show_next(found: Mapping[str, Any], home: Path) -> None:
    """Where to look next."""
    say("Where to look next")
    say(f"  report        {_relative(Path(found['index']))}")
    say(f"  outbox        {_relative(home / 'outbox')}")
    say(f"  ledger        {found['ledger']['entries']} entries, head {found['ledger']['head'][:12]}; {eco()} ledger verify")
    say(f"  one decision  {eco()} explain {found['example'][:12]}")
    say("  graph         make dev, then http://127.0.0.1:3000 (Dagster) and http://127.0.0.1:5000 (MLflow)")


def progress(layer: str, step: str, seconds: float) -> None:
    """One finished step."""
    name = step.replace("__", "/").removesuffix("_great_expectations")
    out.print(f"  {layer:<11}{name:<52}{seconds:6.1f} s", markup=False)


def day_line(job: str, day: date) -> None:
    """What a run begins with."""
    say(f"{job}: business day {day.isoformat()}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _objectives(results: Iterable[Mapping[str, Any]]) -> str:
    known = [result for result in results if result["is_met"] is not None]
    missed = [result["objective"] for result in known if not result["is_met"]]
    return f"missed: {', '.join(missed)}" if missed else f"{len(known)} of {len(known)} met" if known else "no samples"


def _relative(path: Path) -> str:
    return os.path.relpath(path)
