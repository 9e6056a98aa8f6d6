"""Housekeeping that no asset stands for: the lake is compacted once a week."""

import dagster as dg

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


def compaction_schedule() -> dg.ScheduleDefinition:
    """Mondays at 04:00, after the weekly job."""
    return dg.ScheduleDefinition(
        name="compaction",
        job=compact_lake,
        cron_schedule="0 4 * * 1",
        execution_timezone=ZONE,
        description="Compacts the lake, Mondays at 04:00, after the weekly job.",
    )
