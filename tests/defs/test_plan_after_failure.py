"""A run of a day that failed asks once for the day's plan: after the jobs that decide, not after others and not after the plan's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from eco_assets.defs.mega import JOB, KEY, WATCHED, mega_job, plan_after_failure
from eco_assets.defs.partitions import DAILY

DAY = str(DAILY.get_first_partition_key())
NEXT = str((DAILY.start + timedelta(days=1)).date())


class Watched:
    """A code location with a plan and jobs that do what a test says, watched by the real sensor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.is_refused, self.skipped = instance, True, ""
        self.cursor: str | None = None

        @dg.asset(key=KEY, partitions_def=DAILY)
        def plan() -> None: ...

        @dg.asset(partitions_def=DAILY)
        def work() -> None:
            if self.is_refused:
                raise dg.Failure("the data were refused")

        names = (*WATCHED, "other")
        jobs = [dg.define_asset_job(name, selection=[work], executor_def=dg.in_process_executor) for name in names]
        definitions = dg.Definitions(assets=[plan, work], jobs=[*jobs, mega_job()], sensors=[plan_after_failure()])
        self.repository = definitions.get_repository_def()

    def run(self, job: str, day: str = DAY, *, fails: bool = True) -> str:
        self.is_refused = fails
        found = self.repository.get_job(job).execute_in_process(instance=self.instance, partition_key=day, raise_on_error=False)
        assert found.success is not fails
        return found.run_id

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, repository_def=self.repository)
        context._repository_name = None  # the runs of a test have no code location, so the sensor's must have none
        found = plan_after_failure().evaluate_tick(context)
        self.cursor, self.skipped = found.cursor, found.skip_message or ""
        return list(found.run_requests or [])


@pytest.fixture
def watched() -> Iterator[Watched]:
    with dg.DagsterInstance.ephemeral() as instance:
        found = Watched(instance)
        assert found.tick() == [], "the first tick only notes where it begins"
        yield found


@pytest.mark.parametrize("job", WATCHED)
def test_a_failed_run_asks_for_the_plan_of_its_day_once(watched: Watched, job: str) -> None:
    failed = watched.run(job)
    (asked,) = watched.tick()
    assert (asked.run_key, asked.partition_key, asked.job_name) == (f"{JOB}:{failed}", DAY, None)
    assert watched.tick() == []


def test_two_runs_that_failed_ask_twice_one_a_tick(watched: Watched) -> None:
    failed = [watched.run("eco"), watched.run("eco", NEXT)]
    asked = [request for _ in range(3) for request in watched.tick()]
    assert [(each.run_key, each.partition_key) for each in asked] == [(f"{JOB}:{failed[0]}", DAY), (f"{JOB}:{failed[1]}", NEXT)]


def test_other_jobs_and_runs_that_succeed_ask_for_nothing(watched: Watched) -> None:
    watched.run("eco", fails=False)
    watched.run("other")
    assert watched.tick() == []
    assert "other leaves the plan as it is" in watched.skipped
