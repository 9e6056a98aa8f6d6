"""Over random histories with deaths at any point: every accepted change starts its agent exactly once, every rejected one never.

`ECO_EXACT_CHANGES` sets the number of changes of each history; the proof that docs/triggers.md tells of is a run with 1200.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from trigger_history import play

CHANGES = int(os.environ.get("ECO_EXACT_CHANGES", "60"))


@pytest.mark.parametrize(("act", "seed"), [("sensor", 1), ("resident", 2), ("both", 3)])
def test_every_accepted_change_starts_its_agent_exactly_once_and_every_rejected_one_never(act: str, seed: int, tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        history = play(instance, tmp_path / "outbox", seed, CHANGES, act)
        print(
            f"{act}: {len(history.accepted)} accepted, {len(history.rejected)} rejected, {len(history.by_own_run)} own, {history.deaths} deaths"
        )
        assert history.started() == Counter(dict.fromkeys(history.accepted, 1))
        assert history.deaths and history.rejected and history.by_own_run
