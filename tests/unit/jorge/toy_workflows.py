"""Small workflows whose steps do what a test tells them: fail, hang, count."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from workflow_house import DAY

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_engine, open_port
from eco_assets.jorge.workflow import Order, Retry, Step, Workflow, WorkflowInput, catalogue
from eco_assets.jorge.world import World
from eco_assets.ledger import Entry, Ledger

ONCE = Retry(attempts=1)


class Priced(WorkflowInput):
    """An input that must name a price."""

    price_brl: float


class Switches(BaseModel):
    """What goes wrong, by step name."""

    refuse: set[str] = set()
    unreachable: set[str] = set()


class ToyHouse:
    """An engine, a ledger and toy workflows under one folder; `did` counts what reached the world, by step key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "jorge" / "engine.db"
        self.ledger = Ledger(root / "ledger.db")
        self.world = World(root / "outbox", root / "jorge" / "bookings.db")
        self.switches, self.did, self.order_of = Switches(), Counter[str](), list[str]()
        self.gate, self.began = threading.Event(), threading.Semaphore(0)
        self.workflows = self._declared()

    def act(self, name: str) -> Any:
        def do(world: World, order: Order) -> str:
            if name in self.switches.refuse:
                raise ActionRefused(f"{name} is refused")
            if name in self.switches.unreachable:
                raise DoorUnavailable(f"{name} does not answer")
            self.did[f"{order.key}:{name}"] += 1
            self.order_of.append(order.decision["decision_id"])
            return name

        return do

    def hang(self, world: World, order: Order) -> str:
        self.began.release()
        assert self.gate.wait(120)
        return self.act("hang")(world, order)

    def step(self, name: str, **options: Any) -> Step:
        return Step(name, self.act(name), self.act(f"undo_{name}"), **{"retry": ONCE, **options})

    def _declared(self) -> Mapping[str, Workflow]:
        def toy(name: str, *steps: Step, **options: Any) -> Workflow:
            return Workflow(name, name, name, steps, **options)

        return catalogue(
            (
                toy("comercial.two", self.step("one"), self.step("two")),
                toy("comercial.priced", self.step("one"), input=Priced),
                toy("comercial.fenced", self.step("once", is_idempotent=False)),
                toy("comercial.slow", Step("hang", self.hang, self.act("undo_hang"), timeout_s=120, retry=ONCE), self.step("two")),
                toy("comercial.stuck", Step("hang", self.hang, timeout_s=0.05, retry=Retry(attempts=4, first_s=0.01))),
                toy("industrial.quick", self.step("one"), priority=2),
            )
        )

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        self.gate.clear()
        with open_engine(self.path, self.workflows, self.world, home=self.root, wait_s=60) as engine:
            try:
                yield engine
            finally:
                self.gate.set()  # nothing hangs on after a failed assertion

    @contextmanager
    def port(self) -> Iterator[Engine]:
        with open_port(self.path, self.workflows) as port:
            yield port

    def run(self, *orders: dict[str, Any]) -> list[dict[str, Any]]:
        """Carry orders out and record their ends, as a day's execution does."""
        with self.engine() as engine:
            records = engine.run(orders, timeout_s=120)
        self.ledger.append(Entry("execution", each["workflow_id"], each["agent"], DAY, each) for each in records)
        return records

    def go_on(self, order_id: str) -> dict[str, Any]:
        """Carry out what is queued; the record of one order."""
        with self.engine() as engine:
            return engine.wait([order_id], timeout_s=120)[0]
