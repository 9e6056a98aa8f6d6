"""kill -9 in the middle of a real run: the next one goes on from there, and every action happens once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from homes import Home

ECO = Path(sys.executable).with_name("eco")


def start(home: Home, *arguments: str, slow_ms: int = 0) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **home.environment, "ECO_STEPS_SLOW_MS": str(slow_ms)}
    return subprocess.Popen([str(ECO), *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def forget_agent(home: Home, agent: str) -> None:
    """Begin the agent's day anew: an empty ledger, engine and outbox, on the same data and models."""
    import shutil

    for path in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.head"):
        (home.path / path).unlink(missing_ok=True)
    shutil.rmtree(home.path / "jorge")
    shutil.rmtree(home.path / "outbox")


def test_a_run_killed_while_it_acts_is_finished_by_the_next_one_and_acts_once(copied_home: Callable[[], Home]) -> None:
    home = copied_home()
    forget_agent(home, "comercial")
    running = start(home, "run", "--agent", "comercial", slow_ms=150)
    deadline = time.monotonic() + 240
    while len(list((home.path / "outbox").rglob("*.json"))) < 5:
        assert running.poll() is None, running.communicate()[0].decode()
        assert time.monotonic() < deadline, "the run never acted"
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    acted = len(list((home.path / "outbox").rglob("*.json")))

    again = start(home, "run", "--agent", "comercial")
    printed = again.communicate(timeout=300)[0].decode()

    assert again.returncode == 0, printed
    platform = home.platform
    decisions = {d["decision_id"] for d in platform.ledger.list("decision", agent="comercial") if d["workflow"]}
    executions = platform.ledger.list("execution", agent="comercial")
    gave_way = {entry["decision_id"] for entry in platform.ledger.list("resolution", agent="comercial")}
    waiting = {d["decision_id"] for d in platform.ledger.list("decision", agent="comercial") if d["requires_approval"]}
    assert 5 <= acted < 2 * len(decisions), "the kill came too late to prove anything"
    own = [record for record in executions if "parent" not in record]  # the others were started by events of these
    assert Counter(record["decision_id"] for record in own) == Counter(decisions - gave_way - waiting)
    assert max(Counter(record["workflow_id"] for record in executions).values()) == 1
    keys = Counter(json.loads(path.read_text())["key"] for path in (home.path / "outbox").rglob("*.json"))
    assert set(keys.values()) == {1}
    done = [s["key"] for r in executions for s in r["steps"] if s["outcome"] == "done" and not s["name"].startswith("book_")]
    assert sorted(keys) == sorted(done)
    platform.ledger.verify()
