"""Which schedule runs where: one declared table. Not being in an environment's column means not being registered there at all.

Registration is the switch that holds: a schedule that exists can be started by hand on its page, one that does not cannot. In
development everything is there to be tried, and nothing runs by itself.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import dagster as dg

from eco_assets.errors import ConfigError

Environment = Literal["development", "staging", "production"]
RUNNING, STOPPED = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED
# name: what it is at first in (development, staging, production); None is absent.
TABLE: dict[str, tuple[dg.DefaultScheduleStatus | None, ...]] = {
    "daily": (STOPPED, RUNNING, RUNNING),
    "daily_retrain": (STOPPED, STOPPED, RUNNING),  # staging decides with production's champions, unless somebody tries a training
    "weekly": (STOPPED, RUNNING, RUNNING),
    "weekly_eval": (STOPPED, None, RUNNING),  # what came true is only known of what was really done
    "weekly_reports": (STOPPED, RUNNING, RUNNING),
    "monthly_costs": (STOPPED, RUNNING, RUNNING),
    "platform_pages": (STOPPED, RUNNING, RUNNING),
    "compaction": (STOPPED, RUNNING, RUNNING),
    "event_purge": (STOPPED, RUNNING, RUNNING),
    "jorge_upkeep": (STOPPED, RUNNING, RUNNING),
}
_COLUMNS: tuple[Environment, ...] = ("development", "staging", "production")


def of_environment(schedules: Iterable[dg.ScheduleDefinition], environment: Environment) -> Iterator[dg.ScheduleDefinition]:
    """The schedules that an environment has, in the state that they have there at first.

    Raises:
        ConfigError: a schedule has no line in `TABLE`.
    """
    for schedule in schedules:
        if schedule.name not in TABLE:
            raise ConfigError(f"schedule {schedule.name} has no line in {__name__}.TABLE: say in which environments it runs")
        status = TABLE[schedule.name][_COLUMNS.index(environment)]
        if status is not None:
            schedule._default_status = status  # there is no public way to say it after the fact
            yield schedule
