"""What-if backfills write to a ledger of their own; the jobs have forms that people can fill in."""

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest

from eco_assets.defs.backfill import BACKFILL, WHAT_IF, backfill_jobs
from eco_assets.errors import ConfigError
from eco_assets.platform import Platform
from eco_assets.whatif import days_of, side_ledger, what_if
from resources.platform import PlatformResource

FIRST, LAST = date(2018, 8, 1), date(2018, 8, 2)


def test_a_range_has_both_its_ends_and_never_runs_backwards() -> None:
    assert days_of(FIRST, LAST) == [FIRST, LAST]
    with pytest.raises(ConfigError, match="before it begins"):
        days_of(LAST, FIRST)


@pytest.mark.parametrize("name", ["", "..", "a/b", "Ação"])
def test_the_name_of_a_what_if_is_no_path(platform: Platform, name: str) -> None:
    with pytest.raises(ConfigError, match="no name"):
        side_ledger(platform, name)


def test_a_day_without_marts_is_told_and_leaves_both_ledgers_as_they_are(platform: Platform) -> None:
    before = platform.ledger.head()
    found = list(what_if(platform, FIRST, FIRST, "trial", agent="varejo"))
    assert found and all(each.why and not each.decided for each in found)
    assert platform.ledger.head() == before
    assert side_ledger(platform, "trial").head().seq == 0


def test_both_jobs_ask_for_a_range_with_descriptions() -> None:
    found = {job.name: job for job in backfill_jobs()}
    assert set(found) == {BACKFILL, WHAT_IF}
    for job in found.values():
        (node,) = job.nodes
        fields = node.definition.config_schema.as_field().config_type.fields
        assert {"first_day", "last_day", "agent"} <= set(fields)
        assert all(field.description for field in fields.values())


def test_a_day_that_is_none_fails_the_run_for_good(platform: Platform) -> None:
    job = next(job for job in backfill_jobs() if job.name == BACKFILL)
    asked = {"ops": {"make_days_anew": {"config": {"first_day": "yesterday", "last_day": "2018-08-02"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"platform": PlatformResource.of(platform)}
        ran = job.execute_in_process(run_config=asked, instance=instance, raise_on_error=False, resources=resources)
    (event,) = ran.get_step_failure_events()
    assert not ran.success
    assert "not a day" in str(event.step_failure_data.error)
