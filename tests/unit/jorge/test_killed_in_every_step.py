"""Every workflow of the catalogue, its worker killed in every step after the step has acted: it ends completed, each effect there once.

One order a (workflow, step). All of them hang in their step at the same time, then the process is killed (SIGKILL); so one kill is a
kill in every step of every workflow. The worker after it finds a door that does not answer at first, and goes on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
import yaml
from workflow_house import WorkflowHouse, decision

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.workflow import Act, Order, Retry, Step, Workflow, catalogue
from eco_assets.jorge.world import World

QUICK, CALM = Retry(attempts=4, first_s=0.01), 600.0
PLACES = [(name, number) for name, workflow in WORKFLOWS.items() for number in range(len(workflow.steps))]
BACK = [(name, len(workflow.steps) // 2) for name, workflow in WORKFLOWS.items()]  # killed while it takes back, in a step of the middle


def acts_then(act: Act, then: Act) -> Act:
    """Both, in order; what the second gives."""

    def do(world: World, order: Order) -> str:
        act(world, order)
        return then(world, order)

    return do


def refused(world: World, order: Order) -> str:
    raise ActionRefused("it acted, and then it broke")


def once_unreachable(act: Act) -> Act:
    """The act, whose door does not answer the first time."""
    tried: set[str] = set()

    def do(world: World, order: Order) -> str:
        if order.key not in tried:
            tried.add(order.key)
            raise DoorUnavailable("not now")
        return act(world, order)

    return do


def made(first: Act | None) -> dict[str, Workflow]:
    """A workflow for every place; `first`, if there is one, is done in the place after its act, and never ends.

    Without it the place's door does not answer at first, and then does.
    """

    def at_place(act: Act) -> Act:
        return acts_then(act, first) if first else once_unreachable(act)

    def declared(name: str, number: int, *, is_back: bool) -> Workflow:
        steps: list[Step] = []
        for place, step in enumerate(WORKFLOWS[name].steps):
            quick, undo = replace(step, retry=QUICK, timeout_s=CALM), step.undo
            assert undo is not None
            if place == number:
                quick = replace(quick, undo=at_place(undo)) if is_back else replace(quick, do=at_place(step.do))
            if is_back and place == len(WORKFLOWS[name].steps) - 1:
                quick = replace(quick, do=acts_then(step.do, refused))
            steps.append(quick)
        slug = f"{name}__{number}{'_back' if is_back else ''}"
        return replace(WORKFLOWS[name], name=slug, steps=tuple(steps), listens=(), emits=(), is_binding=False)

    return catalogue(
        (*(declared(name, at, is_back=False) for name, at in PLACES), *(declared(name, at, is_back=True) for name, at in BACK))
    )


def orders() -> list[dict[str, object]]:
    """One a place, each on a day of its own, so that no day's capacity runs out."""
    more = {"input": {"title": "Meta de teste", "why": "porque sim"}}
    days = (str(date(2026, 1, 1) + timedelta(days=number)) for number in count())
    return [decision(name) | more | {"as_of": next(days)} for name in made(None)]


def die(root: Path) -> None:
    """Carry all orders out until each hangs in its place, then die; what the child process does."""
    hanging, lock, total = Counter[str](), threading.Lock(), len(PLACES) + len(BACK)

    def hang(world: World, order: Order) -> str:
        with lock:
            hanging[order.key] += 1
            if len(hanging) == total:
                os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()
        raise AssertionError

    house = WorkflowHouse(root)
    with open_engine(root / "jorge" / "engine.db", made(hang), house.world, home=root) as engine:
        engine.run(orders(), timeout_s=500)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[WorkflowHouse, dict[str, dict[str, object]]]:
    """The house after the kill and the recovery, and the records by workflow."""
    root = tmp_path_factory.mktemp("killed")
    places = {"concurrency": 200}  # all hang at once
    text = yaml.safe_dump(dict.fromkeys(("comercial", "varejo", "industrial", "agencia", "mega"), places))
    (root / "queues.yaml").write_text(text, encoding="utf-8")
    child = subprocess.run([sys.executable, __file__, str(root)], timeout=540, check=False, capture_output=True, text=True)
    assert child.returncode == -signal.SIGKILL, child.stderr[-3000:]
    house = WorkflowHouse(root)
    with open_engine(root / "jorge" / "engine.db", made(None), house.world, home=root) as engine:
        records = engine.run(orders(), timeout_s=500)
    return house, {record["workflow"]: record for record in records}


def test_all_end_and_none_is_lost(killed: tuple[WorkflowHouse, dict[str, dict[str, object]]]) -> None:
    _, records = killed
    ended = {name: record["outcome"] for name, record in records.items()}

    assert ended == {name: "compensated" if name.endswith("_back") else "completed" for name in made(None)}


def test_every_effect_is_there_once_and_what_was_taken_back_is_taken_back_once(
    killed: tuple[WorkflowHouse, dict[str, dict[str, object]]],
) -> None:
    house, records = killed
    known, wanted, back = made(None), set[str](), set[str]()
    for name, record in records.items():
        keys = {f"{record['decision_id']}/{step.name}" for step in known[name].steps if not step.name.startswith("book_")}
        wanted |= keys
        back |= keys if name.endswith("_back") else set()

    assert Counter(house.sent()) == Counter(wanted)
    assert Counter(house.withdrawn()) == Counter(back)


if __name__ == "__main__":
    die(Path(sys.argv[1]))
