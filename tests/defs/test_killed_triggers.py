"""The daemon and the resident worker are killed by SIGKILL at random moments: every accepted change is carried out exactly once.

`ECO_KILL_CHANGES` sets the number of changes of each history, and `ECO_EXACT_LOG` a file that tells of long ones; the proof in
docs/triggers.md is a run with 1,000.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from kill_history import killing

CHANGES = int(os.environ.get("ECO_KILL_CHANGES", "12"))


@pytest.mark.parametrize(("act", "seed"), [("sensor", 11), ("resident", 12), ("both", 13)])
def test_every_accepted_change_is_carried_out_exactly_once_whatever_is_killed(act: str, seed: int, tmp_path: Path) -> None:
    began = time.monotonic()
    with killing(tmp_path, seed, CHANGES, act) as history:
        found = history.started()
        if CHANGES > 100:
            doubled, lost = sum(count > 1 for count in found.values()), len(history.accepted - set(found))
            with Path(os.environ["ECO_EXACT_LOG"]).open("a", encoding="utf-8") as log:
                told = f"{act}: {history}, {history.kills} kills, {doubled} doubled, {lost} lost"
                log.write(f"{told}, {time.monotonic() - began:.0f} s\n")
        assert found == Counter(dict.fromkeys(history.accepted, 1)), str(history)
        assert history.kills > 2
