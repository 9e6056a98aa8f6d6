"""The resident worker and the sensor beside it: who carries out, who only reports, and who says that they are late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from toy_agent import AGENT, DECIDE, POINTS, RECORDED, Agent, Script, _definitions

from eco_assets.defs.executions import execution_key
from eco_assets.errors import SourceUnavailable, TransientError
from eco_assets.resident.outbox import Outbox
from sensors.decision_changes import CHECK, LATE_S, Cursor, late
from sensors.lag import lag
from sensors.resident import Resident, Result, Watched
from sensors.verdicts import Change

ACTS = execution_key(AGENT)
DAY = "2018-05-02"
KEYS = tuple(POINTS.values())
BLOCKING = tuple(dg.AssetCheckKey(key, RECORDED) for key in KEYS)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "resident")


class Acts:
    """Carries out by writing down, or fails as it is told."""

    def __init__(self) -> None:
        self.days: list[str] = []
        self.error: Exception | None = None

    def __call__(self, agent: str, day: str) -> Result:
        if self.error is not None:
            raise self.error
        self.days.append(day)
        return Result({"new_executions": 3}, {"success_rate": (True, {"finished": 3})})


def worker(instance: dg.DagsterInstance, outbox: Outbox, acts: Acts) -> Resident:
    return Resident(instance, outbox, [Watched(AGENT, KEYS, BLOCKING, ACTS)], acts)


def test_accepted_decisions_are_carried_out_once_and_reported_as_a_materialization(instance: dg.DagsterInstance, outbox: Outbox) -> None:
    acts = Acts()
    Agent(instance).run(DECIDE, DAY)
    assert len(worker(instance, outbox, acts).turn()) == 1
    assert worker(instance, outbox, acts).turn() == []
    (made,) = instance.fetch_materializations(ACTS, limit=5).records
    assert acts.days == [DAY]
    assert (made.partition_key, made.asset_materialization.metadata["new_executions"].value) == (DAY, 3)
    assert instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(ACTS, "success_rate")).evaluation.passed


def test_refused_decisions_are_not_carried_out(instance: dg.DagsterInstance, outbox: Outbox) -> None:
    acts, agent = Acts(), Agent(instance)
    agent.script.refused = set(POINTS)
    agent.run(DECIDE, DAY)
    assert worker(instance, outbox, acts).turn() == []
    assert acts.days == []


def test_a_lost_outbox_carries_nothing_out_again(instance: dg.DagsterInstance, outbox: Outbox, tmp_path: Path) -> None:
    acts = Acts()
    Agent(instance).run(DECIDE, DAY)
    worker(instance, outbox, acts).turn()
    assert worker(instance, Outbox(tmp_path / "new"), acts).turn() == []
    assert acts.days == [DAY]


def test_what_fails_stays_in_the_outbox_and_says_why(instance: dg.DagsterInstance, outbox: Outbox) -> None:
    acts = Acts()
    acts.error = SourceUnavailable("the door is shut")
    Agent(instance).run(DECIDE, DAY)
    assert worker(instance, outbox, acts).turn() == []
    assert outbox.status()["open"] == 1
    assert "the door is shut" in str(outbox.status()["error"])
    assert [trigger.day for trigger in outbox.due(time.time() + 3600)] == [DAY]


def test_one_worker_at_a_time(outbox: Outbox) -> None:
    assert not outbox.is_worked_on()
    with outbox.working():
        assert outbox.is_worked_on()
        with pytest.raises(TransientError), outbox.working():
            pass
    assert not outbox.is_worked_on()


def test_while_a_resident_is_at_work_the_sensor_starts_nothing_and_when_it_dies_it_does(
    instance: dg.DagsterInstance, outbox: Outbox
) -> None:
    agent = Agent(instance, lambda: outbox)
    agent.run(DECIDE, DAY)
    with outbox.working():
        assert agent.tick() == []
        assert "resident worker" in agent.skipped
    assert agent.tick() == [DAY]


def test_what_a_sensor_took_no_worker_carries_out(instance: dg.DagsterInstance, outbox: Outbox) -> None:
    agent, acts = Agent(instance, lambda: outbox), Acts()
    agent.run(DECIDE, DAY)
    assert agent.tick() == [DAY]  # its run is asked for and not made yet, so the log says nothing of it
    assert worker(instance, outbox, acts).turn() == []
    assert acts.days == []


def test_a_sensor_takes_over_what_a_worker_that_is_gone_left_open(instance: dg.DagsterInstance, outbox: Outbox) -> None:
    agent, acts = Agent(instance, lambda: outbox), Acts()
    agent.run(DECIDE, DAY)
    assert worker(instance, outbox, acts).look() == 1
    assert agent.tick() == [DAY]
    assert worker(instance, outbox, acts).turn() == []
    assert (acts.days, outbox.status()["open"]) == ([], 0)


def test_a_worker_that_died_before_it_told_its_checks_leaves_them_to_the_next(
    instance: dg.DagsterInstance, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Agent(instance).run(DECIDE, DAY)
    dying = worker(instance, outbox, Acts())
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(dying, "_report_checks", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        dying.turn()
    check = dg.AssetCheckKey(ACTS, "success_rate")
    assert instance.get_latest_asset_check_evaluation_record(check) is None
    assert len(worker(instance, outbox, Acts()).turn()) == 1
    assert instance.get_latest_asset_check_evaluation_record(check).evaluation.passed
    assert len(instance.fetch_materializations(ACTS, limit=5).records) == 1


def test_after_the_resident_the_sensor_asks_only_for_what_follows(instance: dg.DagsterInstance, outbox: Outbox) -> None:
    script = Script()
    definitions = _definitions(script, has_report=True)
    agent = Agent(instance)
    agent._definitions = definitions
    agent.run(DECIDE, DAY)
    worker(instance, outbox, Acts()).turn()
    ticked = definitions.get_sensor_def(f"{AGENT}_decisions_changed").evaluate_tick(
        dg.build_sensor_context(instance, definitions=definitions)
    )
    (request,) = ticked.run_requests or []
    assert request.asset_selection == [dg.AssetKey(["reports", AGENT, "after"])]


def test_the_check_is_told_when_triggers_fall_behind_and_when_they_caught_up() -> None:
    waiting = Cursor({}, (Change(1, "decisions/varejo/replenishment", DAY, "r", at=1000.0),))
    (told,) = late(Cursor({}, ()), waiting, ACTS, 1001.0 + LATE_S)
    assert (told.check_name, told.passed) == (CHECK, False)
    assert late(Cursor({}, (), is_late=True), waiting, ACTS, 1002.0 + LATE_S) == []
    (caught_up,) = late(Cursor({}, (), is_late=True), Cursor({}, ()), ACTS, 1003.0 + LATE_S)
    assert caught_up.passed


def test_a_sensor_that_never_ran_is_not_late(instance: dg.DagsterInstance) -> None:
    Agent(instance).run(DECIDE, DAY)
    assert lag(instance, AGENT, KEYS, BLOCKING, ACTS, time.time() + 9999).oldest_s == 0.0
