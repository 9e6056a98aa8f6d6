"""Orders that bind: nobody coordinates them, and still each ends completed or fully taken back, with what it stands and falls with."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from workflow_house import decision

from eco_assets.errors import ActionRefused, ConfigError
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.workflow import Order, Retry, Step, Workflow, catalogue
from eco_assets.jorge.world import World

REFUSED = "refused"  # a file of this name under the folder: the steps that do not go through, one a line
PAUSE_S = 0.02


def step(folder: Path, name: str) -> Step:
    """A step that writes one line a key, or is refused; taken back it writes another."""

    def do(world: World, order: Order) -> str:
        threading.Event().wait(PAUSE_S)
        file = folder / REFUSED
        if file.exists() and name in file.read_text("utf-8").split():
            raise ActionRefused(f"{name} is refused")
        return _write(folder, "do", order.key)

    return Step(name, do, lambda world, order: _write(folder, "undo", order.key), Retry(attempts=1))


def _write(folder: Path, what: str, key: str) -> str:
    """One line, whole, and only once."""
    place = folder / what / key.replace("/", "_")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    return what


def workflows(folder: Path) -> dict[str, Workflow]:
    """First → bound → last bind; first → loose does not."""

    def declared(name: str, *names: str, **more: Any) -> Workflow:
        return Workflow(name, name, name, tuple(step(folder, each) for each in names), **more)

    return catalogue(
        [
            declared("varejo.first", "a1", "a2", emits=("varejo.first_done",)),
            declared("agencia.bound", "b1", "b2", listens=("varejo.first_done",), emits=("agencia.bound_done",), is_binding=True),
            declared("industrial.loose", "c1", listens=("varejo.first_done",)),
            declared("comercial.twin", "t1", "t2", listens=("varejo.first_done",), is_binding=True),
            declared("mega.last", "d1", listens=("agencia.bound_done",), is_binding=True),
        ]
    )


def run(folder: Path, *orders: dict[str, Any]) -> list[dict[str, Any]]:
    with _opened(folder) as engine:
        return engine.run(orders, timeout_s=120)


def _opened(folder: Path) -> AbstractContextManager[Engine]:
    return open_engine(folder / "engine.db", workflows(folder), World(folder / "outbox", folder / "bookings.db"), wait_s=60)


def stands(folder: Path) -> dict[str, bool]:
    """By step: whether it acted and was not taken back."""
    done = {path.name for path in (folder / "do").glob("*")}
    undone = {path.name for path in (folder / "undo").glob("*")}
    return {name.rsplit("_", 1)[1]: name not in undone for name in done}


def test_all_go_through(tmp_path: Path) -> None:
    records = run(tmp_path, decision("varejo.first"))
    assert Counter(record["outcome"] for record in records) == {"completed": 5}
    assert all(stands(tmp_path).values())
    assert len(stands(tmp_path)) == 8


@pytest.mark.parametrize("refused", ["b1", "d1", "t1", "t2"])
def test_where_one_that_binds_falls_all_that_stand_with_it_are_taken_back(refused: str, tmp_path: Path) -> None:
    (tmp_path / REFUSED).write_text(refused, "utf-8")
    order = decision("varejo.first")
    records = run(tmp_path, order)
    by_run = {record["workflow_id"]: record["outcome"] for record in records}
    assert by_run[order["decision_id"]] == "completed"
    assert by_run[f"{order['decision_id']}:recalled"] == "compensated"
    assert {name: is_there for name, is_there in stands(tmp_path).items() if is_there} == {"c1": True}
    again = run(tmp_path, order)  # known already: nothing happens a second time
    assert {record["workflow_id"]: record["outcome"] for record in again} == by_run


def test_one_that_does_not_bind_falls_alone(tmp_path: Path) -> None:
    (tmp_path / REFUSED).write_text("c1", "utf-8")
    records = run(tmp_path, decision("varejo.first"))
    assert Counter(record["outcome"] for record in records) == {"completed": 4, "compensated": 1}
    assert [name for name, is_there in stands(tmp_path).items() if not is_there] == []


def test_a_workflow_that_binds_must_listen() -> None:
    with pytest.raises(ConfigError, match="listens to no event"):
        catalogue([Workflow("varejo.demo", "D", "D.", (), is_binding=True)])


CHILD = """
import os, signal, sys, threading
from pathlib import Path
import test_choreography as house
threading.Timer(float(sys.argv[2]), os.kill, [os.getpid(), signal.SIGKILL]).start()
with house._opened(Path(sys.argv[1])) as engine:
    engine.run([house.decision("varejo.first", number) for number in range(6)], timeout_s=120)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("refused", ["", "d1", "t2"])
def test_killed_again_and_again_each_stands_whole_or_not_at_all(refused: str, tmp_path: Path) -> None:
    (tmp_path / REFUSED).write_text(refused, "utf-8")
    chance = random.Random(refused)
    path = os.pathsep.join([str(Path(__file__).parent), *(each for each in sys.path if each)])
    for _ in range(4):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(1.5 + 1.5 * chance.random())]
        killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=120, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    records = run(tmp_path, *(decision("varejo.first", number) for number in range(6)))
    assert {record["outcome"] for record in records} <= {"completed", "compensated", "cancelled"}
    left = {path.name for path in (tmp_path / "do").glob("*")} - {path.name for path in (tmp_path / "undo").glob("*")}
    counted = Counter(name.rsplit("_", 1)[1] for name in left)
    whole = {"a1": 6, "a2": 6, "b1": 6, "b2": 6, "c1": 6, "d1": 6, "t1": 6, "t2": 6}
    assert counted == ({"": whole}.get(refused, {"c1": 6}))
