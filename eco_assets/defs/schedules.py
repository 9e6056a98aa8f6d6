"""Schedules: every day the decisions, every week data and models. The day is the last business day of the data, not the wall clock's."""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.jobs import WEEKLY
from eco_assets.errors import EcoError
from resources.platform import PlatformResource

ZONE = "America/Sao_Paulo"
# Sensors carry decisions out as soon as they are made, so the daily job ends with them.
TABLE = (
    ("daily", "decide", "0 5 * * *", "Decides about the last business day, at 05:00."),
    ("weekly", WEEKLY, "0 3 * * 1", "Checks data and trains what changed, Mondays at 03:00."),
)


def _schedule(name: str, job: str, cron: str, description: str) -> dg.ScheduleDefinition:
    @dg.schedule(name=name, job_name=job, cron_schedule=cron, execution_timezone=ZONE, description=description)
    def tick(context: dg.ScheduleEvaluationContext, platform: PlatformResource) -> dg.RunRequest | dg.SkipReason:
        try:
            day = platform.get().business_date().isoformat()
        except EcoError as error:
            return dg.SkipReason(str(error))
        return dg.RunRequest(run_key=f"{name}:{context.scheduled_execution_time:%Y-%m-%dT%H:%M}", partition_key=day)

    return tick


def schedules() -> Iterator[dg.ScheduleDefinition]:
    """All schedules of the table."""
    for row in TABLE:
        yield _schedule(*row)
