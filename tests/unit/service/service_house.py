"""An installation with one served decision point, without a lake: what the tests of the online services stand on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import requests
from servers import free_port

from eco_assets.aurion.features.store import open_online
from eco_assets.mcp.decider import Decider
from eco_assets.mcp.engine import Context
from eco_assets.mcp.journal import Journal
from eco_assets.mcp.online import Online, publish
from eco_assets.mcp.policies import Policy, load_policies
from eco_assets.platform import Platform
from eco_assets.settings import Settings

POINT = "comercial/lead_next_action"
DAY = date(2018, 5, 31)
MODELS = (("a_model_that_scores_no_single_row", "1"),)


def context(number: int, *, p_convert: float = 0.4, day: date = DAY) -> Context:
    """Lead number such-and-such: recent, from a page that many came by."""
    features = {
        "origin": "organic_search",
        "landing_page_id": f"page{number % 7}",
        "age_days": float(number % 5),
        "origin_rate": 0.11,
        "landing_page_rate": 0.1,
        "landing_page_leads": 120.0 + number,
    }
    return Context(f"lead{number}", day.isoformat(), features, {"p_convert": p_convert}, MODELS, "f1")


def contexts(count: int, day: date = DAY) -> list[Context]:
    return [context(number, day=day) for number in range(count)]


def policy(name: str = POINT) -> Policy:
    return load_policies()[name]


def make_home(root: Path, count: int = 50) -> Platform:
    """A home that serves `count` leads."""
    platform = Platform(Settings(home=root / "home"))
    publish(open_online(platform.settings), POINT, DAY, contexts(count))
    return platform


@contextmanager
def served(platform: Platform, *, workers: int = 1, **settings: str) -> Iterator[Served]:
    """`eco serve` on a free port of loopback, ready; ended with SIGTERM."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ECO_")}
    environment |= {"ECO_HOME": str(platform.settings.home), **{f"ECO_{name.upper()}": value for name, value in settings.items()}}
    log = platform.settings.home / f"serve-{port}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "eco_assets.cli", "serve", "--port", str(port), "--workers", str(workers)]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    server = Served(f"http://127.0.0.1:{port}", process, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


@dataclass(frozen=True)
class Served:
    """A running `eco serve`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 90
        while True:
            try:
                if requests.get(f"{self.url}/health/ready", timeout=5).ok:
                    return
            except requests.RequestException:
                pass
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def post(self, path: str, body: object = None, key: str | None = None, **headers: str) -> requests.Response:
        known = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"{self.url}{path}", json=body, headers={**known, **_bearer(key)}, timeout=60)

    def get(self, path: str, key: str | None = None) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=_bearer(key), timeout=60)


def _bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def journal_of(platform: Platform, **options: int) -> Journal:
    return Journal(platform.ledger, platform.settings.ledger_db.with_suffix(".queue"), **options)


def decider_of(platform: Platform, journal: Journal) -> Decider:
    return Decider(load_policies(), Online(open_online(platform.settings)), journal)
