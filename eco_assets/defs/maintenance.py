"""Housekeeping that no asset stands for: the lake is compacted, the noise of old runs is forgotten, Jorge OS is kept in order."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from eco_assets.defs.purge import purge_events
from resources.platform import PlatformResource

ZONE = "America/Sao_Paulo"


@dg.op(description="Merge small files, forget snapshots older than 30 days, delete the files that only those needed.", pool="lake")
def compact(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
    """Compact both catalogues and say what was done."""
    for name, counts in platform.get().lake.compact().items():
        context.log.info("%s: %s", name, ", ".join(f"{what} {count}" for what, count in counts.items()))


@dg.job(
    name="compact_lake",
    executor_def=dg.in_process_executor,
    tags={"agent": "grupo"},
    description="Keeps the lake's files few and its snapshots young.",
)
def compact_lake() -> None:
    """One step."""
    compact()


class Purge(dg.Config):
    """What the purge leaves."""

    keep_days: float = Field(default=30.0, ge=1.0, description="Runs that ended longer ago lose their log lines and captured output.")


@dg.op(description="Forget log lines, step details and captured output of old runs; what lineage and audit need stays.")
def purge(context: dg.OpExecutionContext, config: Purge) -> None:
    """Purge and say what was deleted."""
    done = purge_events(context.instance, config.keep_days)
    context.log.info("%d runs, %d events and %d files of output deleted", done.runs, done.events, done.files)


@dg.job(
    name="purge_events",
    executor_def=dg.in_process_executor,
    tags={"agent": "grupo"},
    description="Keeps Dagster's event log from growing without end.",
)
def purge_job() -> None:
    """One step."""
    purge()


@dg.op(
    description="Escalate and expire approvals, record what requeued orders came to, forget orders that ended well long ago.", pool="jorge"
)
def upkeep(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
    """Keep Jorge OS in order and say what was done."""
    from eco_assets.jorge.upkeep import keep

    done = keep(platform.get())
    context.log.info("%d approvals escalated or expired, %d requeues settled, %d orders forgotten", *done)


@dg.job(
    name="jorge_upkeep",
    executor_def=dg.in_process_executor,
    tags={"agent": "grupo"},
    description="Brings approvals that wait to people's notice and keeps the durable engine small.",
)
def upkeep_job() -> None:
    """One step."""
    upkeep()


def maintenance_schedules() -> Iterator[dg.ScheduleDefinition]:
    """Mondays at 04:00 and 04:30, after the weekly job; Jorge OS every hour."""
    yield dg.ScheduleDefinition(
        name="jorge_upkeep",
        job=upkeep_job,
        cron_schedule="15 * * * *",
        execution_timezone=ZONE,
        description="Escalates and expires approvals, settles requeues, forgets old orders, every hour.",
    )
    yield dg.ScheduleDefinition(
        name="compaction",
        job=compact_lake,
        cron_schedule="0 4 * * 1",
        execution_timezone=ZONE,
        description="Compacts the lake, Mondays at 04:00, after the weekly job.",
    )
    yield dg.ScheduleDefinition(
        name="event_purge",
        job=purge_job,
        cron_schedule="30 4 * * 1",
        execution_timezone=ZONE,
        description="Forgets the noise of runs that ended more than 30 days ago, Mondays at 04:30.",
    )
