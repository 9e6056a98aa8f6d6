"""`eco policy`: lint, test, diff and replay decision policies before they act, and write their JSON Schema."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, quiet
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import NotFound
from eco_assets.mcp.policies import POLICIES, Policy, load_policies, read_policy
from eco_assets.mcp.policy_ledger import KIND, recorded_policy

if TYPE_CHECKING:
    from eco_assets.mcp.promotion import Report

app = typer.Typer(no_args_is_help=True, help="Decision policies: check, test, compare and replay them before they act.")
Files = Annotated[list[Path] | None, typer.Argument(help="Policy files; all of the installation by default.")]
Since = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First business day.")]
Until = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last business day.")]


def _files(files: list[Path] | None) -> list[Path]:
    return [path.resolve() for path in files] if files else sorted(POLICIES.glob("*/*.yaml"))


@app.command()
@guarded
def lint(
    files: Files = None,
    with_lake: Annotated[
        bool, typer.Option("--lake", help="Ask the lake which columns the queries give, instead of reading them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find unknown features, what can never happen, ties and what nobody reads; exit 1 on an error."""
    from eco_assets.mcp.policy_columns import lake_columns, static_columns
    from eco_assets.mcp.policy_lint import lint_file

    lake = open_platform().lake if with_lake else None
    found = [each for path in _files(files) for each in lint_file(path, lambda p: lake_columns(lake, p) if lake else static_columns(p))]
    if as_json:
        console.as_json([vars(each) for each in found])
    elif found:
        rows = [("BAD" if each.level == "error" else "warning", f"{each.file}:{each.line}", each.where, each.message) for each in found]
        console.table(f"{len(rows)} finding(s)", ("", "file", "where", "finding"), rows)
    else:
        console.say(f"{len(_files(files))} policies, nothing to say about them")
    if any(each.level == "error" for each in found):
        raise typer.Exit(1)


@app.command("test")
@guarded
def run_tests(files: Files = None, as_json: Json = False) -> None:
    """Run the inline tests; exit 1 when one fails."""
    from eco_assets.mcp.policy_tests import run_tests as run

    results = [result for path in _files(files) for result in run(read_policy(path))]
    if as_json:
        console.as_json([{**vars(result), "is_passed": result.is_passed} for result in results])
    else:
        for result in results:
            if not result.is_passed:
                console.fail(f"{result.policy}.yaml:{result.line}: {result.name}: {result.problem}")
        console.say(f"{sum(result.is_passed for result in results)} of {len(results)} inline tests pass")
    if not all(result.is_passed for result in results):
        raise typer.Exit(1)


@app.command()
@guarded
def diff(
    old: Annotated[str, typer.Argument(help="A file, a policy's name, or a digest in the ledger.")],
    new: Annotated[str, typer.Argument(help="As the first.")],
    as_json: Json = False,
) -> None:
    """What changed between two versions, and how far the version must rise; exit 1 when it did not."""
    from eco_assets.mcp.policy_diff import changes, has_risen, required_bump

    before, after = _policy(old), _policy(new)
    found = changes(before, after)
    level = required_bump(found)
    is_enough = level is None or has_risen(before.version, after.version, level)
    if as_json:
        console.as_json({"changes": [{**vars(c), "words": c.words} for c in found], "bump": level, "has_risen": is_enough})
    else:
        console.table(
            f"{before.name} {before.version} → {after.version}: {len(found)} change(s)",
            ("rise", "change"),
            [(c.bump, c.words) for c in found],
        )
        if level:
            console.say(f"asks for a {level} version" + ("" if is_enough else f": raise it above {before.version}"))
    if not is_enough:
        raise typer.Exit(1)


@app.command()
@guarded
def replay(
    policy: Annotated[str, typer.Option("--policy", help="The version to judge: a file, a policy's name, or a digest in the ledger.")],
    since: Since,
    until: Until,
    segment: Annotated[str | None, typer.Option(help="Feature to split by; a text feature with few values by default.")] = None,
    max_flips: Annotated[float, typer.Option(help="Share of decisions that may change.")] = 0.2,
    min_ess: Annotated[float, typer.Option(help="Decisions that the outcomes must be worth.")] = 100.0,
    tolerance_brl: Annotated[float, typer.Option(help="What a decision may earn less than before, at worst.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Replay recorded decisions through a version: what it would change, what it would earn, whether it may take over; exit 1 if not."""
    with quiet():
        from eco_assets.mcp.promotion import Gate
        from eco_assets.mcp.promotion import replay as run

        gate = Gate(max_flips, min_ess, tolerance_brl)
        days = since.date().isoformat(), until.date().isoformat()
        report = run(open_platform().ledger, _policy(policy), *days, segment, gate)
    console.as_json(report.record()) if as_json else _show(report)
    if not report.may_be_promoted:
        raise typer.Exit(1)


@app.command()
@guarded
def schema() -> None:
    """Write the JSON Schema of policy files, for editors."""
    from eco_assets.mcp.policy_schema import write_schema

    console.say(f"written to {write_schema()}")


def _policy(text: str) -> Policy:
    """A policy by file, name or digest."""
    if Path(text).is_file():
        return read_policy(Path(text).resolve())
    if text in load_policies():
        return load_policies()[text]
    ledger = open_platform().ledger
    digests = [body["digest"] for body in ledger.list(KIND) if body["digest"].startswith(text)]
    if len(digests) != 1:
        raise NotFound(f"{text!r} is no file, no policy ({', '.join(sorted(load_policies()))}) and no digest in the ledger")
    return recorded_policy(ledger, digests[0])


def _show(report: Report) -> None:
    kept = report.reproduced
    console.say(f"{report.policy} {report.version} on {report.decisions} decisions")
    lost = f", {kept.lost} without a recorded policy" if kept.lost else ""
    console.say(f"with their own policy: {kept.same} come out the same, {len(kept.differing)} do not{lost}")
    console.say(
        f"with this version: {report.flips:.1%} change; value {report.value_delta_brl:+,.2f} R$, cost {report.cost_delta_brl:+,.2f} R$, "
        f"approvals {report.approvals_delta:+d}; {report.errors} fail, {report.unseen} ask what the log has no answer to"
    )
    changed: list[tuple[Any, ...]] = [(label, each["decisions"]) for label, each in report.by_action.items() if each["flips"]]
    if changed:
        console.table("What changes", ("action", "decisions"), changed)
    if report.segment:
        rows = [(label, each["decisions"], each["flips"]) for label, each in report.by_segment.items()]
        console.table(f"By {report.segment}", (report.segment, "decisions", "changed"), rows)
    if report.off_policy:
        estimates = [(name, getattr(report.off_policy, name)) for name in ("logged", "ips", "snips", "dr")]
        estimated = [(name, f"{each.value:.2f}", f"{each.low:.2f} to {each.high:.2f}") for name, each in estimates]
        console.table(
            f"R$ a decision ({report.off_policy.n} outcomes, worth {report.off_policy.ess:.0f})", ("", "value", "95 %"), estimated
        )
    else:
        console.say("no outcomes are recorded for these decisions: what it would earn is not estimated")
    console.say("may be promoted" if report.may_be_promoted else "may NOT be promoted: " + "; ".join(report.problems))
