"""`eco quality`: the rules of the contracts judged now, the orders behind the reconciliation, and figures of every source."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Day, Json, guarded
from eco_assets.commands.shared import platform as open_platform
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.errors import NotFound

app = typer.Typer(no_args_is_help=True, help="Quality of what is served, and figures of every source.")
Table = Annotated[str | None, typer.Option("--table", help="Only this table, as varejo.orders.")]


@app.command()
@guarded
def check(table: Table = None, day: Day = None, everything: Annotated[bool, typer.Option("--all")] = False, as_json: Json = False) -> None:
    """Judge the rules of the contracts on what is served; exit 1 when one of severity error is broken."""
    from eco_assets.aurion.quality.examine import examine

    platform = open_platform()
    found = examine(platform.lake, _chosen(table), _day(day) or platform.business_date())
    broken = [finding for finding in found if not finding.is_ok]
    if as_json:
        console.as_json([finding.as_dict() for finding in found])
    else:
        shown = found if everything or table else broken
        rows = [
            (
                "ok" if each.is_ok and each.is_judged else "-" if each.is_ok else "BAD" if each.is_blocking else "warning",
                each.rule.table,
                each.rule.check,
                each.words,
                str(each.rule.limit),
            )
            for each in shown
        ]
        silent = sum(not finding.is_judged for finding in found)
        title = f"{len(found)} rules, {len(broken)} broken, {silent} not judged for lack of history or of a table"
        console.table(title, ("", "table", "check", "finding", "wanted"), rows) if rows else console.say(title)
    if any(finding.is_blocking for finding in broken):
        raise typer.Exit(1)


@app.command()
@guarded
def rules(table: Table = None, as_json: Json = False) -> None:
    """The rules of the contracts, in words."""
    from eco_assets.aurion.quality.rules import rules_of

    found = [rule for contract in _chosen(table) for rule in rules_of(contract)]
    if as_json:
        console.as_json([{"table": rule.table, "check": rule.check, "rule": rule.words, "severity": rule.severity} for rule in found])
        return
    console.table(f"{len(found)} rules", ("table", "check", "rule", "severity"), [(r.table, r.check, r.words, r.severity) for r in found])


@app.command()
@guarded
def payments(
    kind: Annotated[str | None, typer.Option("--class", help="List the orders of this class.")] = None,
    as_json: Json = False,
) -> None:
    """Orders whose payments do not equal items plus freight, by what explains it."""
    from eco_assets.aurion.quality.payments import CLASSES, counts, explain

    if kind is not None and kind not in CLASSES:
        raise NotFound(f"no class {kind!r}; they are {', '.join(CLASSES)}")
    with open_platform().lake.raw() as db:
        found = explain(db)
    if kind is not None:
        found = [each for each in found if each.kind == kind]
    if as_json:
        console.as_json([asdict(each) | {"difference_brl": each.amount} for each in found] if kind else counts(found))
    elif kind:
        rows = [(e.order_id, e.status, e.due or 0.0, e.paid or 0.0, e.amount, e.instalments, e.plan or "") for e in found]
        console.table(f"{len(found)} orders", ("order", "status", "due R$", "paid R$", "difference R$", "instalments", "plan"), rows)
    else:
        console.table(
            f"{len(found)} orders", ("class", "orders", "difference R$", "meaning"), [tuple(line.values()) for line in counts(found)]
        )


@app.command()
@guarded
def metrics(
    day: Day = None,
    as_prometheus: Annotated[bool, typer.Option("--prometheus", help="The text exposition format.")] = False,
    as_json: Json = False,
) -> None:
    """Rows, bytes, lag, errors and schema changes of every source."""
    from eco_assets.aurion.metrics import aurion_metrics, prometheus

    found = aurion_metrics(open_platform(), _day(day))
    if as_prometheus:
        console.out.print(prometheus(found, _findings()), markup=False, soft_wrap=True, end="")
    elif as_json:
        console.as_json([asdict(each) for each in found])
    else:
        rows = [
            (
                *(f.source, f.table, f.rows_served, f.rows_total, f.bytes_total, f.loads, f.schema_changes),
                *(f.quarantined_batches, f.quarantined_rows, "" if f.lag_days is None else f"{f.lag_days} d"),
            )
            for f in found
        ]
        columns = ("source", "table", "rows", "loaded", "bytes", "loads", "changes", "held files", "held rows", "lag")
        console.table(f"{len(found)} sources", columns, rows)


def _findings() -> list[dict[str, object]]:
    """What was found when the rules were last judged."""
    import duckdb

    try:
        with open_platform().lake.raw() as db:
            rows = db.execute('SELECT tbl, "check", severity, is_ok FROM quality.findings ORDER BY ALL').fetchall()
    except duckdb.CatalogException:  # they never were
        return []
    return [{"table": row[0], "check": row[1], "severity": row[2], "is_ok": row[3]} for row in rows]


def _chosen(table: str | None) -> list[Contract]:
    found = [contract for contract in load_contracts() if table in (None, contract.table)]
    if not found:
        raise NotFound(f"no contract {table!r}; the known ones are {', '.join(contract.table for contract in load_contracts())}")
    return found


def _day(day: Day) -> date | None:
    return day.date() if day else None
