"""However often the consumer dies, and wherever: every event is taken in once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from feedback_house import DAY, FeedbackHouse, proposal

from eco_assets.lake import Lake
from eco_assets.ledger import Ledger
from eco_assets.mcp.outcomes import rewards
from notion_sync.approval_pages import EARNED, STATUS

WRITES = ((Ledger, "append"), (Lake, "commit"))


class Killed(BaseException):
    """The process is gone: nothing catches it."""


def filled(root: Path) -> FeedbackHouse:
    """Three decisions: approved, rejected, approved with an outcome; and a comment."""
    house = FeedbackHouse(root)
    pages = house.propose(*(proposal(number) for number in range(3)))
    for page, status in zip(pages, ("Aprovada", "Rejeitada", "Aprovada"), strict=True):
        house.note("status_changed", page, STATUS, who="Ana Souza", before="Proposta", after=status)
    house.note("changed", pages[2], EARNED, who="Ana Souza", after="50")
    house.note("commented", pages[0], "c1", who="Rui Lima", after="concordo")
    return house


def assert_once(house: FeedbackHouse) -> None:
    assert house.rows() == [
        (1, "status_changed", "approved"),
        (2, "status_changed", "rejected"),
        (3, "status_changed", "approved"),
        (4, "changed", "outcome"),
        (5, "commented", "noted"),
    ]
    assert sorted(given["verdict"] for given in house.ledger.list("approval")) == ["approved", "approved", "rejected"]
    assert sorted(rewards(house.ledger, "comercial", DAY, DAY).values()) == [0.0, 50.0]
    assert len(house.ledger.list("outcome")) == 2
    assert len(house.ledger.list("feedback")) == 5
    house.ledger.verify()


def dying(monkeypatch: pytest.MonkeyPatch, *, is_after: bool) -> None:
    """From now on the process dies at its first write: just before it, or when it was done and nobody was told."""

    def wrapped(whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if is_after and isinstance(arguments[0], Ledger):
                arguments = (arguments[0], list(arguments[1]))
            if is_after and not whole(*arguments, **named):
                return 0  # nothing was new, so this was no write
            raise Killed

        return call

    for owner, name in WRITES:
        monkeypatch.setattr(owner, name, wrapped(getattr(owner, name)))


def test_a_death_before_and_after_every_write_loses_and_repeats_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, deaths = filled(tmp_path), 0
    while True:
        for is_after in (False, True):
            with monkeypatch.context() as dangerous:
                dying(dangerous, is_after=is_after)
                try:
                    house.take_in()
                except Killed:
                    deaths += 1
                else:
                    break
        else:
            continue
        break
    assert house.take_in().added == 0
    assert_once(house)
    assert deaths == 2 * 7, "three answers, two outcomes, the entries and the rows: each is a write that was died before and after"


CHILD = """
import sys; from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_feedback_killed import filled
house = filled(Path(sys.argv[2])); print("ready", flush=True)
house.take_in()
"""


def test_a_real_kill_between_reading_and_the_commit(tmp_path: Path) -> None:
    house = filled(tmp_path)
    moment = random.Random(os.urandom(8))
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        try:
            child.wait(moment.uniform(0.0, 0.6))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
    house.take_in()
    assert_once(house)
