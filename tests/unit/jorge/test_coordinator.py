"""The coordinator: parked compensations, fences, time-outs, cancellation, events, versions; on SQLite, with small workflows of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from workflow_house import WorkflowHouse, decision

from eco_assets.errors import ActionRefused, ConfigError, DoorUnavailable, NotFound, PermanentError, RequestRefused
from eco_assets.jorge.launch import open_port
from eco_assets.jorge.workflow import Order, Retry, Step, Workflow, WorkflowInput, catalogue
from eco_assets.jorge.world import World

QUICK = Retry(attempts=2, first_s=0.01)


class Calls:
    """What steps did, in order, and which of them fail; a step's failure ends when it is taken out of `broken`."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.broken: dict[str, Exception] = {}

    def act(self, name: str) -> Callable[[World, Order], str]:
        def act(world: World, order: Order) -> str:
            self.made.append(name)
            if name in self.broken:
                raise self.broken[name]
            return f"{name} done"

        return act

    def step(self, name: str, **more: Any) -> Step:
        return Step(name, self.act(name), self.act(f"un{name}"), **{"retry": QUICK, **more})


def flow(*steps: Step, **more: Any) -> Workflow:
    return Workflow("varejo.demo", "Demo", "A demo.", steps, **more)


@pytest.fixture
def calls() -> Calls:
    return Calls()


def test_a_transient_error_is_tried_again_and_a_permanent_one_is_not(house: WorkflowHouse, calls: Calls) -> None:
    calls.broken = {"b": ActionRefused("no")}
    known = catalogue([flow(calls.step("a"), calls.step("b"))])
    (record,) = house.run(decision("varejo.demo"), sagas=known)
    assert record["outcome"] == "compensated"
    assert calls.made == ["a", "b", "unb", "una"]

    calls.made, calls.broken = [], {"b": DoorUnavailable("later")}
    (record,) = house.run(decision("varejo.demo", 1), sagas=known)
    assert record["outcome"] == "compensated"
    assert calls.made == ["a", "b", "b", "unb", "una"]


def test_a_compensation_that_fails_is_parked_the_others_still_run_and_a_requeue_ends_it(house: WorkflowHouse, calls: Calls) -> None:
    calls.broken = {"b": ActionRefused("no"), "una": ActionRefused("the system is gone")}
    known = catalogue([flow(calls.step("z"), calls.step("a"), calls.step("b"))])
    order = decision("varejo.demo")
    with house.engine(known) as engine:
        (record,) = engine.run([order], timeout_s=60)
        assert record["outcome"] == "failed"
        assert calls.made[-3:] == ["unb", "una", "unz"]
        (letter,) = engine.dead()
        assert (letter["id"], [row["step"] for row in letter["parked"]]) == (order["decision_id"], ["a"])
        assert "the system is gone" in letter["error"]

        still = engine.requeue(order["decision_id"])
        assert engine.wait([still], timeout_s=60)[0]["outcome"] == "failed"
        assert [row["step"] for row in engine.dead("varejo")[0]["parked"]] == ["a"]

        calls.broken = {}
        again = engine.requeue(order["decision_id"])
        assert engine.wait([again], timeout_s=60)[0]["outcome"] == "compensated"
        assert engine.dead() == []
        with pytest.raises(PermanentError, match="no dead letter"):
            engine.requeue(order["decision_id"])


def test_a_step_that_cannot_be_repeated_waits_for_a_person_when_nobody_knows_whether_it_acted(house: WorkflowHouse, calls: Calls) -> None:
    calls.broken = {"pay": DoorUnavailable("no answer")}
    known = catalogue([flow(calls.step("a"), calls.step("pay", is_idempotent=False), calls.step("b"))])
    order = decision("varejo.demo")
    with house.engine(known) as engine:
        (record,) = engine.run([order], timeout_s=60)
        assert record["outcome"] == "failed"
        assert calls.made == ["a", "pay"]  # neither tried again nor taken back
        (letter,) = engine.dead()
        assert letter["parked"][0]["kind"] == "unknown"

        calls.broken = {}
        assert engine.requeue(order["decision_id"]) == order["decision_id"]  # the person says: it did not act
        (record,) = engine.wait([order["decision_id"]], timeout_s=60)
        assert record["outcome"] == "completed"
        assert calls.made == ["a", "pay", "pay", "b"]
        assert engine.dead() == []


def test_a_door_that_hangs_costs_the_order_its_time_out(house: WorkflowHouse, calls: Calls) -> None:
    release = threading.Event()

    def hang(world: World, order: Order) -> str:
        release.wait(30)
        return "late"

    known = catalogue([flow(calls.step("a"), Step("hang", hang, calls.act("unhang"), retry=Retry(attempts=1), timeout_s=0.2))])
    (record,) = house.run(decision("varejo.demo"), sagas=known)
    release.set()
    assert record["outcome"] == "compensated"
    assert "no answer within 0.2 s" in record["steps"][1]["detail"]
    assert calls.made == ["a", "unhang", "una"]


def test_an_order_that_is_cancelled_stops_before_its_next_step_and_is_undone(house: WorkflowHouse, calls: Calls) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(world: World, order: Order) -> str:
        begun.set()
        go_on.wait(30)
        return "slow"

    known = catalogue([flow(calls.step("a"), Step("slow", slow, calls.act("unslow")), calls.step("c"))])
    order = decision("varejo.demo")
    with house.engine(known) as engine:
        engine.enqueue([order])
        assert begun.wait(60)
        engine.cancel(order["decision_id"])
        go_on.set()
        (record,) = engine.wait([order["decision_id"]], timeout_s=60)
        assert record["outcome"] == "cancelled"
        assert calls.made == ["a", "unslow", "una"]
        with pytest.raises(PermanentError, match="has ended already"):
            engine.cancel(order["decision_id"])


class Priced(WorkflowInput):
    total_brl: float


def test_an_order_without_what_its_workflow_needs_never_begins_and_can_be_corrected(house: WorkflowHouse, calls: Calls) -> None:
    known = catalogue([flow(calls.step("a"), input=Priced)])
    order = decision("varejo.demo")
    with house.engine(known) as engine:
        (record,) = engine.run([order], timeout_s=60)
        assert (record["outcome"], calls.made) == ("failed", [])
        assert "total_brl" in engine.dead()[0]["error"]
        again = engine.requeue(order["decision_id"], changes={"input": {"total_brl": 12.5}})
        assert engine.wait([again], timeout_s=60)[0]["outcome"] == "completed"
        assert engine.dead() == []
        with pytest.raises(RequestRefused, match="no workflow"):
            engine.enqueue([{**order, "decision_id": "x", "workflow": "varejo.nothing"}])


def test_a_dead_letter_that_is_given_up_is_none_any_more(house: WorkflowHouse, calls: Calls) -> None:
    known = catalogue([flow(calls.step("a"), input=Priced)])
    order = decision("varejo.demo")
    with house.engine(known) as engine:
        engine.run([order], timeout_s=60)
        engine.drop(order["decision_id"])
        assert engine.dead() == []
        with pytest.raises(PermanentError, match="no dead letter"):
            engine.drop(order["decision_id"])
        with pytest.raises(NotFound):
            engine.drop("nothing")


def test_an_event_starts_every_workflow_that_listens_once_and_only_after_success(house: WorkflowHouse, calls: Calls) -> None:
    known = catalogue(
        [
            flow(calls.step("a"), emits=("varejo.demo_done",)),
            Workflow("industrial.follow", "F", "Follows.", (calls.step("f"),), listens=("varejo.demo_done",), emits=("industrial.told",)),
            Workflow("mega.last", "L", "Ends.", (calls.step("l"),), listens=("industrial.told",)),
        ]
    )
    order = decision("varejo.demo")
    with house.engine(known) as engine:
        records = engine.run([order], timeout_s=60)
        assert [(record["workflow"], record["outcome"]) for record in records] == [
            ("varejo.demo", "completed"),
            ("industrial.follow", "completed"),
            ("mega.last", "completed"),
        ]
        assert records[1]["parent"] == order["decision_id"]
        assert calls.made == ["a", "f", "l"]
        engine.run([order], timeout_s=60)
        assert calls.made == ["a", "f", "l"]

        calls.broken, calls.made = {"a": ActionRefused("no")}, []
        assert len(engine.run([decision("varejo.demo", 1)], timeout_s=60)) == 1
        assert "f" not in calls.made


def test_events_that_go_round_in_a_circle_are_refused(calls: Calls) -> None:
    with pytest.raises(ConfigError, match="circle"):
        catalogue([flow(calls.step("a"), listens=("x",), emits=("x",))])


def test_an_order_ends_on_the_version_that_it_was_queued_with(house: WorkflowHouse, calls: Calls) -> None:
    old = flow(calls.step("a"), calls.step("b"))
    order = decision("varejo.demo")
    with house.engine(catalogue([old])) as engine:
        engine.enqueue([order], delay_s=1.0)
    new = flow(calls.step("c"), version=2, earlier=(old,))
    with house.engine(catalogue([new])) as engine:
        (record,) = engine.wait([order["decision_id"]], timeout_s=60)
        assert calls.made == ["a", "b"]
        assert record["outcome"] == "completed"
        engine.run([decision("varejo.demo", 1)], timeout_s=60)
        assert calls.made == ["a", "b", "c"]


def test_an_order_whose_version_is_gone_is_a_dead_letter_that_goes_on_when_it_is_back(house: WorkflowHouse, calls: Calls) -> None:
    old, order = flow(calls.step("a"), calls.step("b")), decision("varejo.demo")
    with house.engine(catalogue([old])) as engine:
        engine.enqueue([order], delay_s=1.0)
    with house.engine(catalogue([flow(calls.step("c"), version=2)])) as engine:
        assert engine.wait([order["decision_id"]], timeout_s=60)[0]["outcome"] == "failed"
        assert "has no version 1" in engine.dead()[0]["error"]
    assert calls.made == []
    with house.engine(catalogue([flow(calls.step("c"), version=2, earlier=(old,))])) as engine:
        engine.requeue(order["decision_id"])
        assert engine.wait([order["decision_id"]], timeout_s=60)[0]["outcome"] == "completed"
        assert engine.dead() == []
    assert calls.made == ["a", "b"]


def test_a_fork_runs_an_order_again_from_a_step_with_the_same_keys(house: WorkflowHouse, calls: Calls) -> None:
    known = catalogue([flow(calls.step("a"), calls.step("b"))])
    order = decision("varejo.demo")
    with house.engine(known) as engine:
        engine.run([order], timeout_s=60)
        fork = engine.fork(order["decision_id"], "b")
        (record,) = engine.wait([fork], timeout_s=60)
        assert calls.made == ["a", "b", "b"]
        assert [step["key"] for step in record["steps"]] == [f"{order['decision_id']}/a", f"{order['decision_id']}/b"]


def test_a_paused_agent_starts_nothing_and_others_go_on(house: WorkflowHouse, calls: Calls) -> None:
    other = Workflow("industrial.demo", "Demo", "Another.", (calls.step("i"),))
    known = catalogue([flow(calls.step("a")), other])
    with house.engine(known) as engine:
        engine.pause("varejo")
        time.sleep(0.5)  # what polls already may take one more
        held = decision("varejo.demo")
        engine.enqueue([held])
        engine.run([decision("industrial.demo")], timeout_s=60)
        assert engine.paused() == ["varejo"]
        assert calls.made == ["i"]
        assert engine.counts()["varejo"]["queued"] == 1
        engine.unpause("varejo", 4)
        engine.wait([held["decision_id"]], timeout_s=60)
    assert calls.made == ["i", "a"]


def test_a_port_sees_orders_and_queues_them_without_carrying_them_out(house: WorkflowHouse, calls: Calls) -> None:
    known, file = catalogue([flow(calls.step("a"))]), house.root / "jorge" / "engine.db"
    with pytest.raises(NotFound, match="nothing was carried out yet"), open_port(file, known):
        pass
    with house.engine(known) as engine:
        engine.run([decision("varejo.demo")], timeout_s=60)
    order = decision("varejo.demo", 1)
    with open_port(file, known) as port:
        assert port.enqueue([order]) == 1
        assert port.enqueue([order]) == 0
        assert port.status(order["decision_id"])["state"] == "queued"
        assert port.counts()["varejo"]["queued"] == 1
    assert calls.made == ["a"]
    with house.engine(known) as engine:
        assert engine.wait([order["decision_id"]], timeout_s=60)[0]["outcome"] == "completed"
        first = engine.history(order["decision_id"])[0]
        assert (first["what"], first["name"], first["outcome"]) == ("do", "a", "done")


@pytest.mark.parametrize("name", ["queues.yaml"])
def test_the_homes_queues_are_used(house: WorkflowHouse, calls: Calls, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("varejo: {concurrency: 3}\n", encoding="utf-8")
    from eco_assets.jorge.queues import load_queues

    assert load_queues(tmp_path)["varejo"].concurrency == 3
