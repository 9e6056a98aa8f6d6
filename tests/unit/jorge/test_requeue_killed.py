"""A requeue whose process is killed at any moment: said again, every compensation happens, and nothing is lost or done twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workflow_house import DAY, decision

from eco_assets.jorge import dead_letters
from eco_assets.jorge.launch import open_engine, open_port
from eco_assets.jorge.workflow import Order, Retry, Step, Workflow, catalogue
from eco_assets.jorge.world import World
from eco_assets.ledger import Entry, Ledger

HERE = Path(__file__).parent
COUNT = 6
OPERATOR = """
import os, random, signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_requeue_killed as house
threading.Timer(float(sys.argv[3]), os.kill, [os.getpid(), signal.SIGKILL]).start()
house.see_to(Path(sys.argv[1]))
os._exit(0)
"""


def workflows(root: Path) -> dict[str, Workflow]:
    """`one` writes a file and takes it back only once the door is mended; `two` always fails."""

    def do(world: World, order: Order) -> str:
        (root / f"{order.decision['decision_id']}.done").touch()
        return "done"

    def undo(world: World, order: Order) -> str:
        if not (root / "mended").exists():
            raise ValueError("the door is shut")
        with (root / f"{order.decision['decision_id']}.undone").open("a", encoding="utf-8") as file:
            file.write("x")
        return "undone"

    def fail(world: World, order: Order) -> str:
        raise ValueError("no")

    steps = (Step("one", do, undo, retry=Retry(attempts=1)), Step("two", fail))
    return catalogue((Workflow("comercial.toy", "toy", "toy", steps),))


def see_to(root: Path) -> None:
    """What a person does: requeue every dead letter, carry out what is queued, record the end."""
    known, ledger, path = workflows(root), Ledger(root / "ledger.db"), root / "jorge" / "engine.db"
    world = World(root / "outbox", root / "jorge" / "bookings.db")
    with open_port(path, known) as port:
        queued = {order["id"].partition(":")[0] for order in port.orders(states=["queued", "running"])}
        for letter in dead_letters.listed(port, ledger):
            if letter["id"] not in queued:
                dead_letters.requeue(port, ledger, letter["id"], by="ana")
    with open_engine(path, known, world, wait_s=60) as engine:
        engine.wait([order["id"] for order in engine.orders(states=["queued", "running"])], timeout_s=120)
        dead_letters.settle(engine, ledger)


def test_killed_again_and_again_every_letter_is_settled(tmp_path: Path) -> None:
    known, ledger = workflows(tmp_path), Ledger(tmp_path / "ledger.db")
    orders = [decision("comercial.toy", number) for number in range(COUNT)]
    with open_engine(tmp_path / "jorge" / "engine.db", known, World(tmp_path / "outbox", tmp_path / "jorge" / "bookings.db")) as engine:
        records = engine.run(orders, timeout_s=120)
    ledger.append(Entry("execution", each["workflow_id"], "comercial", DAY, each) for each in records)
    assert {record["outcome"] for record in records} == {"failed"}
    (tmp_path / "mended").touch()

    for after_s in (0.4, 0.8, 1.1):  # wherever they land, also after the end
        command = [sys.executable, "-c", OPERATOR, str(tmp_path), str(HERE), str(after_s)]
        subprocess.run(command, capture_output=True, timeout=120, check=False)
    see_to(tmp_path)

    with open_port(tmp_path / "jorge" / "engine.db", known) as port:
        assert dead_letters.listed(port, ledger) == []
    assert {len((tmp_path / f"{order['decision_id']}.undone").read_text()) >= 1 for order in orders} == {True}
    assert len(ledger.list("execution")) == COUNT
    ledger.verify()
