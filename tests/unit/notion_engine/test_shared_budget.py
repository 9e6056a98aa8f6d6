"""One budget for all processes that ask Notion: real processes and a real file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from notion_sync.workspaces.limiter import A_MINUTE, BLOCKED_S, BudgetSpent, Limiter

MOST, WINDOW_S, RUN_S = 15, 1.0, 3.0
ASKS = f"""
import sys, time
from pathlib import Path
from notion_sync.workspaces.limiter import Limiter
limiter = Limiter(Path(sys.argv[1]), a_minute={MOST}, window_s={WINDOW_S})
print("ready", flush=True)
sys.stdin.readline()
until, count = time.time() + {RUN_S}, 0
while time.time() < until:
    limiter.take()
    count += 1
print(count, flush=True)
"""
WAITS = """
import sys
from pathlib import Path
from notion_sync.workspaces.limiter import BudgetSpent, Limiter
try:
    Limiter(Path(sys.argv[1]), patience_s=float(sys.argv[2])).take()
    print("asked")
except BudgetSpent as error:
    print(error)
"""


def test_two_processes_stay_within_one_budget(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASKS, str(tmp_path / "budget.db")]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for each in running:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        began = time.time()
        for each in running:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        counts = [int(each.communicate(timeout=60)[0]) for each in running]
        lasted = time.time() - began
    finally:
        for each in running:
            each.kill()
            each.wait()
    assert min(counts) > 0, "both had their turn"
    assert MOST < sum(counts) <= MOST * (int(lasted / WINDOW_S) + 1)


def test_a_pause_that_one_process_was_told_holds_for_the_other(tmp_path: Path) -> None:
    Limiter(tmp_path / "budget.db").pause(4.0)
    until = time.time() + 4.0
    said = subprocess.run([sys.executable, "-c", WAITS, str(tmp_path / "budget.db"), "60"], capture_output=True, text=True, check=True)
    assert said.stdout == "asked\n"
    assert time.time() >= until - 0.05


def test_blocked_means_stop_in_every_process(tmp_path: Path) -> None:
    Limiter(tmp_path / "budget.db").block()
    said = subprocess.run([sys.executable, "-c", WAITS, str(tmp_path / "budget.db"), "90"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("Notion must not be asked for another ")
    with pytest.raises(BudgetSpent):
        Limiter(tmp_path / "budget.db", patience_s=BLOCKED_S - 60).take()


def test_the_window_slides_and_a_clock_that_jumps_back_stops_nobody(tmp_path: Path) -> None:
    now, slept = [1_000_000.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    limiter = Limiter(tmp_path / "budget.db", clock=lambda: now[0], sleep=sleep)
    for _ in range(A_MINUTE):
        limiter.take()
    assert not slept
    limiter.take()
    assert sum(slept) == pytest.approx(60.0)
    now[0] -= 86_400
    limiter.take()
    assert sum(slept) == pytest.approx(60.0)
