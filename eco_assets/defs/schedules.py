"""Schedules: the declared table here, and those of the models, one YAML file each in `ml/schedules`.

The day is the last business day of the data, not the wall clock's.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import dagster as dg
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.defs.jobs import MONTHLY_COSTS, WEEKLY, WEEKLY_REPORTS
from eco_assets.errors import ConfigError, EcoError
from eco_assets.settings import PROJECT_ROOT
from resources.platform import PlatformResource

ZONE = "America/Sao_Paulo"
# Sensors carry decisions out as soon as they are made, so the daily job ends with them.
TABLE = (
    ("daily", "decide", "0 5 * * *", "Decides about the last business day, at 05:00."),
    ("weekly", WEEKLY, "0 3 * * 1", "Checks data and trains what changed, Mondays at 03:00."),
)


def closed_week(day: date) -> date:
    """The day that a weekly report ends with: Sunday, where the business has reached no further than Monday."""
    return day - timedelta(days=1) if day.weekday() == 0 else day


def closed_month(day: date) -> date:
    """The day that a month's costs end with: the last of the month before, where the business has only begun the new one."""
    return day - timedelta(days=1) if day.day == 1 else day


PERIODS = (
    (WEEKLY_REPORTS, "0 6 * * 1", "Reports on every agent's week, Mondays at 06:00.", closed_week),
    (MONTHLY_COSTS, "30 6 1 * *", "Reports what the agents cost in the month before, on the first at 06:30.", closed_month),
)

FOLDER = PROJECT_ROOT / "ml" / "schedules"


class ModelSchedule(BaseModel):
    """One file of `ml/schedules`: when which of the models' jobs runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern="^[a-z][a-z0-9_]*$")
    description: str
    cron: str
    timezone: str = ZONE
    job: Literal["train", "evaluate"]


def read_schedule(path: Path) -> ModelSchedule:
    """One file. Raises `ConfigError` that names the file and what is wrong with it."""
    try:
        return ModelSchedule.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{path.name}: {error}") from error


def _schedule(
    name: str, job: str, cron: str, description: str, zone: str = ZONE, shift: Callable[[date], date] = lambda day: day
) -> dg.ScheduleDefinition:
    @dg.schedule(name=name, job_name=job, cron_schedule=cron, execution_timezone=zone, description=description)
    def tick(context: dg.ScheduleEvaluationContext, platform: PlatformResource) -> dg.RunRequest | dg.SkipReason:
        try:
            day = shift(platform.get().business_date()).isoformat()
        except EcoError as error:
            return dg.SkipReason(str(error))
        return dg.RunRequest(run_key=f"{name}:{context.scheduled_execution_time:%Y-%m-%dT%H:%M}", partition_key=day)

    return tick


def schedules() -> Iterator[dg.ScheduleDefinition]:
    """All schedules of the table."""
    for row in TABLE:
        yield _schedule(*row)
    for job, cron, description, shift in PERIODS:
        yield _schedule(job, job, cron, description, shift=shift)
    for path in sorted(FOLDER.glob("*.yaml")):
        each = read_schedule(path)
        yield _schedule(each.name, each.job, each.cron, each.description, each.timezone)
