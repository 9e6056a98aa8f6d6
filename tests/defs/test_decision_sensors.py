"""The decision sensors on a real instance: every change once, and only when its checks passed."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from toy_agent import DECIDE, EVERYTHING, LOOK_AGAIN, POINTS, Agent

import sensors.decision_changes
from eco_assets.defs.executions import execution_key
from eco_assets.defs.jobs import execution_job

DAYS = ["2018-05-02", "2018-05-03", "2018-05-04", "2018-05-05"]
DAY = DAYS[0]
STOCK, REVIEWS = POINTS


@pytest.fixture
def agent() -> Iterator[Agent]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Agent(instance)


def test_four_days_decided_between_two_ticks_ask_for_four_runs(agent: Agent) -> None:
    for day in DAYS:
        agent.run(DECIDE, day)
    assert agent.tick() == DAYS
    assert len(set(agent.keys)) == 4


def test_nothing_is_asked_for_before_the_first_decision(agent: Agent) -> None:
    assert agent.tick() == []
    assert agent.skipped == "no change"


def test_two_decision_points_of_a_day_share_a_run(agent: Agent) -> None:
    agent.run(STOCK, DAY)
    agent.run(REVIEWS, DAY)
    assert agent.tick() == [DAY]


def test_a_second_tick_without_a_change_asks_for_nothing(agent: Agent) -> None:
    agent.run(DECIDE, DAY)
    agent.tick()
    assert agent.tick() == []
    assert agent.skipped == "no change"


def test_a_change_between_ticks_is_asked_for_again(agent: Agent) -> None:
    agent.run(DECIDE, DAY)
    agent.tick()
    agent.run(DECIDE, DAY)
    assert agent.tick() == [DAY]


def test_decisions_that_failed_a_blocking_check_are_refused_and_the_corrected_ones_run_once(agent: Agent) -> None:
    agent.script.refused = {STOCK, REVIEWS}
    assert not agent.run(DECIDE, DAY).success
    assert agent.tick() == []
    assert agent.skipped.startswith("refused") and DAY in agent.skipped
    agent.script.refused = set()
    agent.run(DECIDE, DAY)
    assert agent.tick() == [DAY]
    assert agent.tick() == []


def test_a_refused_day_does_not_stop_another(agent: Agent) -> None:
    agent.script.refused = {STOCK}
    agent.run(DECIDE, DAYS[0])
    agent.script.refused = set()
    agent.run(DECIDE, DAYS[1])
    assert agent.tick() == [DAYS[1]]


def test_one_refused_point_holds_the_other_because_an_execution_carries_out_both(agent: Agent) -> None:
    agent.script.refused = {REVIEWS}
    agent.run(DECIDE, DAY)
    assert agent.tick() == [], "the execution would carry out the refused decisions too"
    assert agent.tick() == []
    assert "wait" in agent.skipped and DAY in agent.skipped
    agent.script.refused = set()
    agent.run(REVIEWS, DAY)
    assert agent.tick() == [DAY]
    assert agent.tick() == []


def test_good_decisions_that_were_replaced_by_refused_ones_wait_for_better_ones(agent: Agent) -> None:
    agent.run(DECIDE, DAY)
    agent.script.refused = {STOCK}
    agent.run(DECIDE, DAY)
    assert agent.tick() == []
    agent.script.refused = set()
    agent.run(DECIDE, DAY)
    assert agent.tick() == [DAY]


def test_a_warning_of_a_blocking_check_lets_decisions_pass(agent: Agent) -> None:
    agent.script.warned = {STOCK, REVIEWS}
    assert agent.run(DECIDE, DAY).success
    assert agent.tick() == [DAY]


def test_a_check_that_does_not_block_lets_decisions_pass(agent: Agent) -> None:
    agent.script.advised = {STOCK, REVIEWS}
    agent.run(DECIDE, DAY)
    assert agent.tick() == [DAY]


def test_decisions_whose_run_died_before_their_checks_are_refused(agent: Agent) -> None:
    agent.script.dying = {STOCK}
    agent.run(DECIDE, DAY)
    assert agent.instance.fetch_materializations(POINTS[STOCK], limit=1).records
    assert agent.tick() == []
    assert "never ran" in agent.skipped


@pytest.mark.parametrize("day", [DAY, None])
def test_decisions_that_somebody_reported_by_hand_are_refused(agent: Agent, day: str | None) -> None:
    agent.instance.report_runless_asset_event(dg.AssetMaterialization(POINTS[STOCK], partition=day))
    assert agent.tick() == []
    assert agent.skipped.startswith("refused")
    assert agent.tick() == []
    assert agent.skipped == "no change"


def test_a_check_that_failed_in_a_later_run_refuses_what_it_looked_at(agent: Agent) -> None:
    agent.run(DECIDE, DAYS[0])
    agent.run(DECIDE, DAYS[1])
    agent.script.is_late_check_passing = False
    agent.run(LOOK_AGAIN, DAYS[0])
    assert agent.tick() == [DAYS[1]]


def test_a_check_that_passed_in_a_later_run_outweighs_its_earlier_failure(agent: Agent) -> None:
    agent.script.is_late_check_passing = False
    agent.run(DECIDE, DAY)
    agent.script.is_late_check_passing = True
    agent.run(LOOK_AGAIN, DAY)
    assert agent.tick() == [DAY]


def test_a_later_check_of_other_decisions_says_nothing_of_the_earlier_ones(agent: Agent) -> None:
    agent.script.refused = {STOCK}
    agent.run(DECIDE, DAYS[0])
    agent.script.refused = set()
    agent.run(DECIDE, DAYS[1])
    agent.run(LOOK_AGAIN, DAYS[0])
    assert agent.tick() == [DAYS[1]]


def test_a_change_is_pending_while_its_run_lasts_and_accepted_when_it_ended(agent: Agent) -> None:
    seen: list[list[str]] = []
    agent.script.meanwhile = lambda: seen.append(agent.tick())
    agent.run(DECIDE, DAY)
    assert seen == [[]]
    assert "wait" in agent.skipped
    assert agent.tick() == [DAY]
    assert agent.tick() == []


def test_decisions_that_their_own_run_carried_out_are_not_carried_out_again(agent: Agent) -> None:
    assert agent.run(EVERYTHING, DAY).success
    assert agent.tick() == []
    assert "carried out by the run that made them" in agent.skipped


def test_an_execution_of_another_day_does_not_count_as_this_days(agent: Agent) -> None:
    agent.run(EVERYTHING, DAYS[0])
    agent.run(DECIDE, DAYS[1])
    assert agent.tick() == [DAYS[1]]


def test_a_requested_run_can_be_run_and_changes_no_decision(agent: Agent) -> None:
    agent.run(DECIDE, DAY)
    for day in agent.tick():
        assert agent.run(execution_job("varejo"), day).success
    assert agent.instance.fetch_materializations(execution_key("varejo"), limit=5).records[0].partition_key == DAY
    assert agent.tick() == []


def test_more_changes_than_a_tick_reads_are_all_asked_for_by_later_ticks(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors.decision_changes, "BATCH", 2)
    for day in (*DAYS, "2018-05-06"):
        agent.run(STOCK, day)
    assert [agent.tick() for _ in range(4)] == [DAYS[:2], DAYS[2:], ["2018-05-06"], []]


@pytest.mark.parametrize(
    "lost",
    [
        None,
        "",
        "not json",
        "42",
        "[]",
        "{}",
        '{"after": {"decisions/varejo/replenishment": 99999999}}',
        '{"after": {"a": "b"}, "pending": []}',
    ],
)
def test_a_lost_or_unreadable_cursor_starts_from_the_beginning_and_runs_nothing_twice(agent: Agent, lost: str | None) -> None:
    agent.run(DECIDE, DAYS[0])
    agent.tick()
    agent.run(DECIDE, DAYS[0])
    agent.tick()
    agent.run(DECIDE, DAYS[1])
    agent.cursor = lost
    assert agent.tick() == [DAYS[1]]
    assert agent.tick() == []


def test_an_instance_on_disk_is_read_like_the_one_in_memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        agent = Agent(instance)
        agent.run(DECIDE, DAYS[0])
        agent.script.refused = {STOCK}
        agent.run(DECIDE, DAYS[1])
        assert agent.tick() == [DAYS[0]]
        agent.script.refused = set()
        agent.run(DECIDE, DAYS[1])
        agent.run(EVERYTHING, DAYS[2])
        assert agent.tick() == [DAYS[1]]
