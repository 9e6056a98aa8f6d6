"""A worker killed at any moment: the next one goes on, and the world sees each action once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from workflow_house import DAY, WorkflowHouse, decision

from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.dispatch import execute_day
from eco_assets.ledger import Entry, Ledger

HERE = Path(__file__).parent
WORKER = """
import os, signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from workflow_house import DAY, WorkflowHouse
from eco_assets.jorge.dispatch import execute_day
from eco_assets.ledger import Ledger
house = WorkflowHouse(Path(sys.argv[1]))
after = float(sys.argv[3])

class Timed:
    def __init__(self):
        self.inner = house.engine(pause_s=0.05)
    def __enter__(self):
        engine = self.inner.__enter__()
        threading.Timer(after, os.kill, [os.getpid(), signal.SIGKILL]).start()
        return engine
    def __exit__(self, *error):
        return self.inner.__exit__(*error)

execute_day(Ledger(house.root / "ledger.db"), sys.argv[4], DAY, Timed)
os._exit(0)
"""


def killed_worker(house: WorkflowHouse, agent: str, after_s: float) -> int:
    """Carry out the day in a process that kills itself (SIGKILL) so long after its engine has opened; returns its exit code."""
    command = [sys.executable, "-c", WORKER, str(house.root), str(HERE), str(after_s), agent]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode


def test_killed_again_and_again_every_decision_ends_and_every_action_happens_once(house: WorkflowHouse) -> None:
    ledger = Ledger(house.root / "ledger.db")
    workflows = [f"industrial.{name}" for name in ("inspecionar", "reduzir_carga", "parar_maquina")]
    orders = [decision(name, number) for number in range(12) for name in workflows]  # 24 of 36 need a technician: as many as there are
    ledger.append(Entry("decision", order["decision_id"], "industrial", DAY, order) for order in orders)

    codes = [killed_worker(house, "industrial", after_s) for after_s in (0.1, 0.6, 0.3, 0.5)]
    executed = execute_day(ledger, "industrial", DAY, house.engine)

    assert codes.count(-9) >= 3, "most workers must have died at work"
    assert executed.outcomes() == {"completed": 36}
    expected = {
        f"{order['decision_id']}/{step.name}"
        for order in orders
        for step in WORKFLOWS[order["workflow"]].steps
        if not step.name.startswith("book_")
    }
    assert Counter(house.sent()) == Counter(expected)
    assert house.withdrawn() == []
    assert house.world.booked("technician_slots", DAY) == 24
    assert len(ledger.list("execution")) == 36
    assert ledger.verify().seq == 72


def test_killed_while_it_compensates_it_goes_on_compensating(house: WorkflowHouse) -> None:
    ledger = Ledger(house.root / "ledger.db")
    orders = [decision("industrial.parar_maquina", number) for number in range(6)]
    ledger.append(Entry("decision", order["decision_id"], "industrial", DAY, order) for order in orders)
    house.block("shift")  # the last step's door: everything before it must be undone

    codes = [killed_worker(house, "industrial", after_s) for after_s in (0.6, 1.9, 1.9)]
    executed = execute_day(ledger, "industrial", DAY, house.engine)

    assert -9 in codes
    assert executed.outcomes() == {"compensated": 6}
    assert Counter(house.withdrawn()) == Counter(house.sent())
    assert len(house.sent()) == 12
    assert house.world.booked("technician_slots", DAY) == 0
