"""Two workers under load are told to end, or killed: what was answered is in the ledger, and limits held."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
import requests
from service_house import DAY, POINT, Served, make_home, policy, served

from eco_assets.platform import Platform

LEADS = 3000


class Load(threading.Thread):
    """A client that asks as fast as it is answered, and remembers what it was told."""

    def __init__(self, server: Served, first: int) -> None:
        super().__init__(daemon=True)
        self._server, self._first = server, first
        self.told: list[str] = []
        self.refused: list[int] = []
        self.is_over = False

    def run(self) -> None:
        with requests.Session() as session:
            for number in range(self._first, LEADS, 6):
                if self.is_over:
                    return
                try:
                    answer = session.post(f"{self._server.url}/v1/decide", json={"point": POINT, "subject": f"lead{number}"}, timeout=30)
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    self.told.append(answer.json()["decision_id"])
                else:
                    self.refused.append(answer.status_code)


def loaded(server: Served, how_many: int) -> list[Load]:
    clients = [Load(server, first) for first in range(6)]
    for client in clients:
        client.start()
    while sum(len(client.told) for client in clients) < how_many:
        assert server.process.poll() is None, server.log.read_text()
        clients[0].join(0.02)
    return clients


def check(platform: Platform, clients: list[Load]) -> int:
    for client in clients:
        client.join(60)
    told = [identity for client in clients for identity in client.told]
    assert platform.ledger.known("decision", told) == set(told)
    platform.ledger.verify()
    held = platform.ledger.list("decision", agent="comercial", as_of=DAY.isoformat())
    acting = [decision for decision in held if decision["workflow"]]
    assert sum(decision["cost_brl"] for decision in acting) <= policy().guardrails.max_cost_brl_per_day
    assert len(acting) <= policy().guardrails.max_actions_per_day
    return len(held)


def test_sigterm_under_load_ends_cleanly_and_loses_no_row(tmp_path: Path) -> None:
    platform = make_home(tmp_path, LEADS)
    with served(platform, workers=2) as server:
        clients = loaded(server, 150)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(45) == 0, server.log.read_text()
        held = check(platform, clients)
    assert held >= 150
    assert all(status == 503 for client in clients for status in client.refused)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
def test_a_killed_worker_loses_nothing_that_was_answered_and_is_replaced(tmp_path: Path) -> None:
    platform = make_home(tmp_path, LEADS)
    with served(platform, workers=2) as server:
        clients = loaded(server, 100)
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        assert len(children) == 2
        os.kill(int(children[0]), signal.SIGKILL)
        for client in clients:
            client.is_over = True
        check(platform, clients)
        server.wait_until_ready()
        assert server.post("/v1/decide", {"point": POINT, "subject": "lead1"}).status_code == 200
