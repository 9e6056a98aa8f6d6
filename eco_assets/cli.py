"""The `eco` command. Exit codes: 0 all is well, 1 something failed and was named, 2 wrong usage or configuration."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands import approvals as approving
from eco_assets.commands import (
    catalog,
    connectors,
    contracts,
    dlq,
    doors,
    features,
    goal,
    ingest,
    jorge,
    knowledge,
    lake,
    llm,
    models,
    new,
    policy,
    quality,
    quarantine,
)
from eco_assets.commands import serve as serving
from eco_assets.commands.backfill import backfill, whatif
from eco_assets.commands.export import export
from eco_assets.commands.proposal import proposal
from eco_assets.commands.report import report
from eco_assets.commands.resident import resident
from eco_assets.commands.search import search
from eco_assets.commands.shared import Agent, Day, Json, guarded, known_agent, quiet
from eco_assets.commands.shared import platform as open_platform
from eco_assets.commands.worker import worker
from eco_assets.commands.workflows import workflows
from eco_assets.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
ledger_app = typer.Typer(no_args_is_help=True, help="The append-only record of decisions, executions, approvals and costs.")
app.add_typer(ledger_app, name="ledger")
for name, noun in {
    "approvals": approving,
    "catalog": catalog,
    "connectors": connectors,
    "contracts": contracts,
    "dlq": dlq,
    "doors": doors,
    "features": features,
    "goal": goal,
    "ingest": ingest,
    "jorge": jorge,
    "knowledge": knowledge,
    "lake": lake,
    "llm": llm,
    "models": models,
    "new": new,
    "policy": policy,
    "quality": quality,
    "quarantine": quarantine,
}.items():
    app.add_typer(noun.app, name=name)


@app.command()
@guarded
def run(agent: Agent = None, day: Day = None, as_json: Json = False) -> None:
    """Run the main job for one business day: raw data to audited report."""
    started, platform, chosen = time.perf_counter(), open_platform(), known_agent(agent)
    os.environ.setdefault("DAGSTER_HOME", str(platform.settings.dagster_home))
    with quiet():
        from eco_assets.catalog.build import build_catalog
        from eco_assets.defs.inprocess import instance, run_job
        from eco_assets.defs.jobs import MAIN, agent_job
        from eco_assets.defs.mega import JOB as MEGA
        from eco_assets.summary import summary

        as_of = day.date() if day else platform.business_date()
        job = agent_job(chosen) if chosen else MAIN
        if not as_json:
            console.day_line(job, as_of)
        before = platform.ledger.head().seq
        with instance(platform.settings.dagster_home) as opened:
            outcome = run_job(platform, job, as_of, opened, report=(lambda *_: None) if as_json else console.progress)
            if not outcome.is_success:  # Dagster leaves the plan out where an agent failed, and then it is wanted most
                run_job(platform, MEGA, as_of, opened)
        found = summary(platform, as_of)
        build_catalog(platform)  # the daemon's sensors do this after a run; here is no daemon
    wall = time.perf_counter() - started
    if as_json:
        console.as_json(
            {
                **found,
                "is_success": outcome.is_success,
                "problems": outcome.problems,
                "run_id": outcome.run_id,
                "seconds": wall,
                "job_seconds": outcome.seconds,
                "layer_seconds": outcome.layer_seconds,
            }
        )
    else:
        console.say()
        console.show_summary(found, outcome.layer_seconds)
        console.show_problems(found)
        console.say(
            f"{found['ledger']['entries'] - before} new ledger entries; {wall:.1f} s in all, {outcome.seconds:.1f} s of them the job."
        )
        console.show_next(found, platform.settings.home)
    for problem in outcome.problems:
        console.fail(problem)
    if not outcome.is_success:
        console.fail(
            f"run {outcome.run_id} failed; refused files lie in {platform.settings.lake / 'quarantine'}, what was good is still served"
        )
        raise typer.Exit(1)


@app.command()
@guarded
def status(day: Day = None, as_json: Json = False) -> None:
    """The newest business day at a glance: rows, models, decisions, executions, what waits and what is refused."""
    platform = open_platform()
    with quiet():
        from eco_assets.summary import last_decided, summary

        as_of = day.date() if day else last_decided(platform) or platform.business_date()
        found = summary(platform, as_of)
    if as_json:
        console.as_json(found)
        return
    console.say(f"Business day {as_of.isoformat()} in {platform.settings.home}")
    console.say()
    console.show_summary(found)
    console.show_problems(found)
    console.show_next(found, platform.settings.home)


@app.command()
@guarded
def explain(decision_id: Annotated[str, typer.Argument(help="A decision's id, or a prefix of it.")], as_json: Json = False) -> None:
    """Walk from a decision back to its raw rows and on to its report page."""
    from eco_assets.console_explain import show
    from eco_assets.provenance import explain as walk

    with quiet():
        chain = walk(open_platform(), decision_id)
    console.as_json(chain) if as_json else show(chain)


app.command("approve")(approving.approve)
app.command("export")(export)
app.command("proposal")(proposal)
app.command("report")(report)
app.command("resident")(resident)
app.command("backfill")(backfill)
app.command("whatif")(whatif)
app.command("search")(search)
app.command("worker")(worker)
app.command("workflows")(workflows)
app.command("serve")(serving.serve)
app.command("mcp")(serving.mcp)
app.add_typer(serving.keys_app, name="keys")


@app.command()
@guarded
def doctor(as_json: Json = False) -> None:
    """Check what Eco needs: versions, folders, data, ledger, lake; says what to do about what is wrong."""
    from eco_assets.doctor import examine

    with quiet():
        findings = examine(Settings.from_env())
    if as_json:
        console.as_json(findings)
    else:
        console.table("Doctor", ("", "what", "finding"), [("ok" if f["is_ok"] else "BAD", f["what"], f["finding"]) for f in findings])
    if not all(finding["is_ok"] for finding in findings):
        raise typer.Exit(1)


@app.command()
@guarded
def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
    resident: Annotated[bool, typer.Option(help="Carry decisions out in a warm worker; else the sensors start runs.")] = True,
) -> None:
    """Dagster UI and daemon, the MLflow UI, and the resident worker, on loopback, until Ctrl-C."""
    from eco_assets.dev import serve

    raise typer.Exit(serve(open_platform().settings, port, mlflow_port, is_resident=resident))


@ledger_app.command("verify")
@guarded
def verify(as_json: Json = False) -> None:
    """Recompute the whole chain of the ledger."""
    head = open_platform().ledger.verify()
    console.as_json({"entries": head.seq, "head": head.hash}) if as_json else console.say(f"{head.seq} entries, unbroken; head {head.hash}")


if __name__ == "__main__":
    app()
