"""A range of past days made again, in one run and a run a day, acts on nothing twice; a what-if writes to its side ledger only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from homes import Home

from eco_assets.whatif import side_ledger

AGENT = "comercial"


def eco(home: Home, *words: str) -> Any:
    import os

    command = [str(Path(sys.executable).with_name("eco")), *words, "--json"]
    kept = {name: value for name, value in os.environ.items() if name not in {"DAGSTER_HOME", "ECO_DATA"}}
    ran = subprocess.run(command, env={**kept, **home.environment}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


def acts(home: Home) -> tuple[set[str], set[str], dict[str, str]]:
    """Decisions, executions and what went out, with its content."""
    ledger = home.platform.ledger
    ids = [{str(record["decision_id"]) for record in ledger.list(kind)} for kind in ("decision", "execution")]
    outbox = {str(path.relative_to(home.path)): path.read_text() for path in sorted((home.path / "outbox").rglob("*.json"))}
    return ids[0], ids[1], outbox


def test_a_range_made_again_acts_on_nothing_twice_and_a_what_if_on_nothing_at_all(copied_home: Callable[[], Home]) -> None:
    home = copied_home()
    day = home.platform.business_date()
    first, last = (day - timedelta(days=1)).isoformat(), day.isoformat()
    made = eco(home, "backfill", first, last, "--agent", AGENT)
    assert [run["day"] for run in made["runs"]] == [first, last]
    before = acts(home)
    assert {record["as_of"] for record in home.platform.ledger.list("decision", agent=AGENT)} == {first, last}
    again = eco(home, "backfill", first, last, "--agent", AGENT, "--one-run")
    assert len(again["runs"]) == 1
    assert acts(home) == before
    _what_if(home, date.fromisoformat(first), day)


def _what_if(home: Home, first: date, last: date) -> None:
    before, head = acts(home), home.platform.ledger.head()
    found = eco(home, "whatif", first.isoformat(), last.isoformat(), "--agent", AGENT, "--name", "trial")
    aside = side_ledger(home.platform, "trial")
    assert sum(each["decided"] for each in found) == len(aside.list("decision")) > 0
    assert aside.list("execution") == []
    assert (acts(home), home.platform.ledger.head()) == (before, head)
