"""`eco backfill` makes a range of days anew, `eco whatif` decides it on a side ledger."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Agent, Json, guarded, known_agent, quiet
from eco_assets.commands.shared import platform as open_platform

First = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="First business day.")]
Last = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="Last business day, included.")]


@guarded
def backfill(
    first: First,
    last: Last,
    agent: Agent = None,
    one_run: Annotated[bool, typer.Option("--one-run", help="All days in one run of the job `backfill`; else a run a day.")] = False,
    as_json: Json = False,
) -> None:
    """Make a range of days anew: the ids are those of the first time, so nothing is carried out twice."""
    from eco_assets.whatif import days_of

    platform, chosen = open_platform(), known_agent(agent)
    days, before = days_of(first.date(), last.date()), platform.ledger.head().seq
    os.environ.setdefault("DAGSTER_HOME", str(platform.settings.dagster_home))
    with quiet():
        from eco_assets.defs.inprocess import instance, run_job
        from eco_assets.defs.jobs import MAIN, agent_job

        outcomes: list[dict[str, Any]] = []
        with instance(platform.settings.dagster_home) as opened:
            if one_run:
                outcomes.append(_in_one_run(platform, opened, days[0].isoformat(), days[-1].isoformat(), chosen or ""))
            for day in () if one_run else days:
                outcome = run_job(platform, agent_job(chosen) if chosen else MAIN, day, opened)
                found = {"day": day.isoformat(), "is_success": outcome.is_success, "run_id": outcome.run_id, "problems": outcome.problems}
                outcomes.append(found)
                if not as_json:
                    console.say(f"{day}: {'made' if outcome.is_success else 'FAILED'} in {outcome.seconds:.1f} s")
    added = platform.ledger.head().seq - before
    if as_json:
        console.as_json({"days": len(days), "new_ledger_entries": added, "runs": outcomes})
    else:
        console.say(f"{len(days)} day(s) in {len(outcomes)} run(s); {added} new ledger entries")
    for each in outcomes:
        for problem in each["problems"]:
            console.fail(f"{each['day']}: {problem}")
    if not all(each["is_success"] for each in outcomes):
        raise typer.Exit(1)


def _in_one_run(platform: Any, opened: Any, first: str, last: str, agent: str) -> dict[str, Any]:
    from eco_assets.definitions import build_defs
    from eco_assets.defs.backfill import BACKFILL
    from resources.platform import PlatformResource

    job = build_defs({"platform": PlatformResource.of(platform)}).resolve_job_def(BACKFILL)
    asked = {"ops": {"make_days_anew": {"config": {"first_day": first, "last_day": last, "agent": agent}}}}
    asked["loggers"] = {"console": {"config": {"log_level": "CRITICAL"}}}
    ran = job.execute_in_process(run_config=asked, instance=opened, raise_on_error=False)
    problems = [str(event.step_failure_data.error.message) for event in ran.get_step_failure_events() if event.step_failure_data.error]
    return {"day": f"{first} to {last}", "is_success": ran.success, "run_id": ran.run_id, "problems": problems}


@guarded
def whatif(
    first: First,
    last: Last,
    agent: Agent = None,
    name: Annotated[str, typer.Option(help="Name of the what-if; the same name goes on where it ended.")] = "what-if",
    policies: Annotated[Path | None, typer.Option(help="Folder with other policies; the installation's by default.")] = None,
    as_json: Json = False,
) -> None:
    """Decide a range of days on a side ledger and compare with what was decided; nothing is carried out."""
    platform, chosen = open_platform(), known_agent(agent)
    with quiet():
        from eco_assets.whatif import as_row, side_ledger, what_if

        found = list(what_if(platform, first.date(), last.date(), name, policies=policies, agent=chosen))
    if as_json:
        console.as_json([asdict(each) for each in found])
        return
    columns = ("day", "point", "decided", "otherwise", "actions", "cost R$", "real cost R$")
    console.table(f"What if: {name}", columns, [as_row(each) for each in found])
    console.say(f"{sum(each.decided for each in found)} decisions in {side_ledger(platform, name).path}; nothing was carried out")


__all__ = ["backfill", "whatif"]
