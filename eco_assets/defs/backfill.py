"""Two jobs for a range of days, with a form in the launchpad: `backfill` makes the days anew in one run, `what_if` on a side ledger.

Partition by partition is what Dagster's own backfill of the job `eco` does. Either way the ids are those of the first time, so nothing
is carried out twice.
"""

from datetime import date
from functools import cache

import dagster as dg
from pydantic import Field

from eco_assets.settings import AGENTS
from resources.platform import PlatformResource

BACKFILL, WHAT_IF = "backfill", "what_if"


class Range(dg.Config):
    """A range of business days."""

    first_day: str = Field(description="First business day, YYYY-MM-DD.")
    last_day: str = Field(description="Last business day, included, YYYY-MM-DD.")
    agent: str = Field(default="", description=f"Only this agent: {', '.join(AGENTS)}; every agent when empty.")


class WhatIf(Range):
    """A range of business days to be decided on a side ledger."""

    name: str = Field(default="what-if", description="Name of the what-if; its ledger is `whatif/<name>/ledger.db` under the home.")
    policies: str = Field(default="", description="Folder with other policies; the installation's when empty.")


def _range(config: Range) -> tuple[date, date]:
    if config.agent and config.agent not in AGENTS:
        raise dg.Failure(f"no agent {config.agent!r}; the known ones are {', '.join(AGENTS)}", allow_retries=False)
    try:
        return date.fromisoformat(config.first_day), date.fromisoformat(config.last_day)
    except ValueError as error:
        raise dg.Failure(f"not a day, YYYY-MM-DD: {error}", allow_retries=False) from error


@cache
def backfill_jobs() -> tuple[dg.JobDefinition, ...]:
    """Both jobs."""

    @dg.op(name="make_days_anew", description="Makes each day of the range anew, one after the other; says which failed at the end.")
    def make(context: dg.OpExecutionContext, config: Range, platform: PlatformResource) -> None:
        from eco_assets.defs.inprocess import run_job
        from eco_assets.defs.jobs import MAIN, agent_job
        from eco_assets.whatif import days_of

        job, failed = agent_job(config.agent) if config.agent else MAIN, []
        for day in days_of(*_range(config)):
            outcome = run_job(platform.get(), job, day, context.instance)
            context.log.info(f"{day}: {'made' if outcome.is_success else 'FAILED'} in {outcome.seconds:.0f} s, run {outcome.run_id}")
            failed += [] if outcome.is_success else [f"{day} (run {outcome.run_id}): {'; '.join(outcome.problems[:3])}"]
        if failed:
            raise dg.Failure("; ".join(failed), allow_retries=False)

    @dg.op(name="decide_aside", description="Decides each day of the range on a side ledger and compares; carries nothing out.")
    def decide(context: dg.OpExecutionContext, config: WhatIf, platform: PlatformResource) -> None:
        from pathlib import Path

        from eco_assets.whatif import as_row, what_if

        policies = Path(config.policies) if config.policies else None
        first, last = _range(config)
        found = list(what_if(platform.get(), first, last, config.name, policies=policies, agent=config.agent or None))
        head = "| day | point | decided | otherwise | actions | cost R$ | real cost R$ |\n|---|---|---|---|---|---|---|\n"
        table = head + "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in as_row(each)) + " |" for each in found)
        context.add_output_metadata(
            {
                "decided": sum(each.decided for each in found),
                "otherwise": sum(each.otherwise for each in found),
                "comparison": dg.MetadataValue.md(table),
            }
        )

    @dg.job(name=BACKFILL, executor_def=dg.in_process_executor, description="A range of days anew in one run; acts on nothing twice.")
    def backfill() -> None:
        make()

    @dg.job(name=WHAT_IF, executor_def=dg.in_process_executor, description="A range of days decided on a side ledger; carries nothing out.")
    def whatif() -> None:
        decide()

    return backfill, whatif
