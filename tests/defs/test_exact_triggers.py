"""Over random histories with deaths at any point: every accepted change starts its agent exactly once, every rejected one never.

`ECO_EXACT_CHANGES` sets the number of changes of each history, and `ECO_EXACT_LOG` a file that tells of long ones; the proof in
docs/triggers.md is a run with 400.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from trigger_history import play

CHANGES = int(os.environ.get("ECO_EXACT_CHANGES", "16"))


@pytest.mark.parametrize(("act", "seed"), [("sensor", 1), ("resident", 2), ("both", 3)])
def test_every_accepted_change_starts_its_agent_exactly_once_and_every_rejected_one_never(act: str, seed: int, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        history = play(instance, tmp_path / "outbox", seed, CHANGES, act)
        assert history.started() == Counter(dict.fromkeys(history.accepted, 1)), str(history)
        if CHANGES > 100:
            with Path(os.environ["ECO_EXACT_LOG"]).open("a", encoding="utf-8") as log:
                log.write(f"{act}: {history}\n")
        assert history.deaths or CHANGES < 100


def test_an_instance_on_disk_keeps_the_same_promise(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        history = play(instance, tmp_path / "outbox", 4, 5, "both")
        assert history.started() == Counter(dict.fromkeys(history.accepted, 1))
