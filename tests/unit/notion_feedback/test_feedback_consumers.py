"""Several consumers of one home, and one that dies half way: each event is taken in exactly once, whoever does it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from notion_desk import Desk
from test_feedback_killed import assert_once, filled

from eco_assets.settings import PROJECT_ROOT
from notion_sync.testing.deliveries import Deliveries
from notion_sync.webhooks import Inbox, is_signed, read_delivery

TOKEN = "secret_of_this_subscription"  # noqa: S105
CONSUMER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from eco_assets.lake import Lake
from eco_assets.ledger import Ledger
from test_feedback_killed import filled

def dying(owner, name, after):
    whole = getattr(owner, name)
    def call(*arguments):
        if after:
            whole(*arguments)
        print("holds", flush=True)
        sys.stdin.readline()
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, call)

house = filled(Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[3] != "lives":
    owner, name, moment = sys.argv[3].split()
    dying({"ledger": Ledger, "lake": Lake}[owner], name, moment == "after")
print(house.take_in().added, flush=True)
"""
DEATHS = ["ledger append before", "ledger append after", "lake commit before", "lake commit after"]


def consumer(root: Path, fate: str = "lives") -> subprocess.Popen[str]:
    """A process that has read its home, and begins when it is told to."""
    command = [sys.executable, "-c", CONSUMER, str(Path(__file__).parent), str(root), fate]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def begin(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    told, _ = child.communicate(timeout=120)
    return child.returncode, (told.split() or [""])[-1]  # DuckDB may have drawn its progress before


def test_two_processes_at_once_take_in_each_event_once(tmp_path: Path) -> None:
    house = filled(tmp_path)
    children = [consumer(tmp_path) for _ in range(2)]
    for child in children:
        begin(child)
    assert sorted(ended(child) for child in children) == [(0, "0"), (0, "5")]
    assert_once(house)


@pytest.mark.parametrize("fate", DEATHS)
def test_a_kill_half_way_leaves_to_the_next_what_was_not_done(tmp_path: Path, fate: str) -> None:
    """SIGKILL around the first write of each store, while another process waits for its turn."""
    house = filled(tmp_path)
    first, second = consumer(tmp_path, fate), consumer(tmp_path)
    begin(first)
    assert first.stdout is not None
    while not first.stdout.readline().endswith("holds\n"):
        assert first.poll() is None
    begin(second)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(2)  # its turn has not come
    begin(first)
    assert ended(first)[0] == -signal.SIGKILL
    status, taken = ended(second)
    assert (status, taken) in ((0, "5"), (0, "0")), "the one that was killed had committed, or this one did it all"
    assert_once(house)


def test_what_we_wrote_is_an_echo_once_notion_told_who_we_are(desk: Desk) -> None:
    inbox = Inbox(desk.platform.settings.webhooks_db)
    deliveries, ana = Deliveries(desk.emulator, TOKEN), desk.emulator.person("Ana Souza")
    desk.sets(ana, "Aprovada")
    peoples = deliveries.take()
    desk.turn()
    ours = deliveries.take()
    assert peoples
    assert ours, "the answer was told on the page"
    sent = random.Random(3).sample((peoples + ours) * 2, 2 * len(peoples + ours))
    outcomes = [inbox.receive(read_delivery(raw)) for raw, sign in sent if is_signed(TOKEN, raw, sign)]
    assert outcomes.count("echo") == len(ours)
    assert outcomes.count("queued") == len(peoples)
    assert len(inbox.after()) == len(peoples), "nobody waits for what we said ourselves"
