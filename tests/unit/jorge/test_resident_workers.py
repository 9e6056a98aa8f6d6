"""Resident workers on a real Postgres: one takes over a dead one's work, SIGTERM drains, an upgrade in flight corrupts nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import resident_house
from workflow_house import decision

from eco_assets.errors import DoorUnavailable
from eco_assets.jorge import store
from eco_assets.jorge.launch import open_port
from eco_assets.jorge.worker import is_served

SCRIPT = Path(resident_house.__file__)


class Fleet:
    """Worker processes on one database; all are dead at the end."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, version: int = 1) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, SCRIPT, self.url, self.folder, str(version)], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def log(self) -> list[list[str]]:
        file = self.folder / "log"
        return [line.split() for line in file.read_text("utf-8").splitlines()] if file.exists() else []

    def wait_for_steps(self, number: int) -> None:
        deadline = time.monotonic() + 120
        while len(self.log()) < number:
            assert time.monotonic() < deadline, f"{len(self.log())} of {number} steps"
            time.sleep(0.05)


@pytest.fixture
def fleet(postgres_url: str, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(postgres_url, tmp_path)
    yield fleet
    for process in fleet.processes:
        process.kill()
        process.wait()


def test_work_of_a_killed_worker_is_taken_over_by_another_and_every_step_is_done(fleet: Fleet) -> None:
    first = fleet.start()
    with open_port(fleet.url, resident_house.workflows(fleet.folder, 1)) as port:
        deadline = time.monotonic() + 60
        while not port.store.workers():  # the first beat comes before the launch
            assert time.monotonic() < deadline
            time.sleep(0.05)
        orders = [decision("varejo.demo", number) for number in range(30)]
        assert port.enqueue(orders) == 30
        fleet.wait_for_steps(10)
        second = fleet.start()
        first.send_signal(signal.SIGKILL)
        first.wait()
        records = port.wait([order["decision_id"] for order in orders], timeout_s=180)

        assert Counter(record["outcome"] for record in records) == {"completed": 30}
        done = Counter((name, key) for name, key, _ in fleet.log())
        assert set(done) == {(name, f"{order['decision_id']}/{name}") for order in orders for name in "abc"}
        assert sum(done.values()) <= 90 + 16  # what was under way when it died was repeated, with the same key
        alive = [worker for worker in port.store.workers() if worker["is_alive"]]
        assert len(alive) == 1

        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
        assert all(not worker["is_alive"] or worker["age_s"] < store.ALIVE_S for worker in port.store.workers())


def test_sigterm_finishes_what_runs_and_takes_nothing_new(fleet: Fleet) -> None:
    worker = fleet.start()
    with open_port(fleet.url, resident_house.workflows(fleet.folder, 1)) as port:
        orders = [decision("varejo.demo", number) for number in range(60)]
        port.enqueue(orders)
        fleet.wait_for_steps(5)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        states = Counter(port.status(order["decision_id"])["state"] for order in orders)
        assert states["queued"] > 0
        fleet.start()
        records = port.wait([order["decision_id"] for order in orders], timeout_s=180)
        assert Counter(record["outcome"] for record in records) == {"completed": 60}
        assert Counter((name, key) for name, key, _ in fleet.log()).most_common(1)[0][1] <= 2


def test_an_upgrade_in_flight_lets_old_orders_end_as_they_began(fleet: Fleet) -> None:
    old = fleet.start(version=1)
    with open_port(fleet.url, resident_house.workflows(fleet.folder, 1)) as port:
        orders = [decision("varejo.demo", number) for number in range(24)]
        port.enqueue(orders)
        fleet.wait_for_steps(6)
        old.kill()
        old.wait()
    fleet.start(version=2)
    with open_port(fleet.url, resident_house.workflows(fleet.folder, 2)) as port:
        late = decision("varejo.demo", 99)
        port.enqueue([late])
        records = port.wait([*(order["decision_id"] for order in orders), late["decision_id"]], timeout_s=180)
    steps = [[step["name"] for step in record["steps"]] for record in records]
    assert steps == [*[["a", "b", "c"]] * 24, ["a", "x"]]


def test_on_sqlite_one_resident_worker_is_enough_and_others_are_told_so(tmp_path: Path) -> None:
    fleet = Fleet(str(tmp_path / "engine.db"), tmp_path)
    try:
        assert not is_served(tmp_path / "engine.db")
        fleet.start()
        deadline = time.monotonic() + 60
        while not is_served(tmp_path / "engine.db"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        import threading

        from eco_assets.jorge.worker import work
        from eco_assets.jorge.world import World

        with pytest.raises(DoorUnavailable, match="another resident worker"):
            work(tmp_path / "engine.db", {}, World(tmp_path / "outbox", tmp_path / "bookings.db"), threading.Event())
        orders = [decision("varejo.demo", number) for number in range(5)]
        with open_port(tmp_path / "engine.db", resident_house.workflows(tmp_path, 1)) as port:
            assert {record["outcome"] for record in port.run(orders, timeout_s=120)} == {"completed"}
    finally:
        for process in fleet.processes:
            process.kill()
            process.wait()
    assert not is_served(tmp_path / "engine.db")
