"""The lake: one writer at a time, readers that wait, and a day replaced as a whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from eco_assets.errors import LakeBusy, NotFound
from eco_assets.lake import Lake

DAY, OTHER = date(2026, 10, 31), date(2026, 10, 30)
HOLD_LOCK = """
import sys
from pathlib import Path
from eco_assets.lake import Lake
with Lake(Path(sys.argv[1])).writing():
    print("held", flush=True)
    sys.stdin.readline()
"""
HOLD_FILE = """
import sys, duckdb
db = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""
REPLACE_FOREVER = """
import sys
from datetime import date
from pathlib import Path
import pandas as pd
from eco_assets.lake import Lake
lake, number = Lake(Path(sys.argv[1])), 0
print("ready", flush=True)
while True:
    number += 1
    lake.replace_day("predictions.demo", date(2026, 10, 31), pd.DataFrame({"subject": range(500), "value": float(number)}))
"""


@contextmanager
def holder(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds something until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        yield process
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def rows(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"subject": [f"s{number}" for number in range(len(values))], "value": list(values)})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", wait_s=20)


def test_a_lake_without_content_says_what_to_run(lake: Lake) -> None:
    with pytest.raises(NotFound, match="make run"), lake.connect():
        pass
    with pytest.raises(NotFound, match="make run"), lake.raw():
        pass


def test_a_second_writer_gives_up_after_its_wait(lake: Lake) -> None:
    with holder(HOLD_LOCK, lake.root), pytest.raises(LakeBusy, match="another process"), Lake(lake.root, wait_s=0.2).writing():
        pass


def test_a_second_writer_waits_until_the_first_is_done(lake: Lake) -> None:
    with holder(HOLD_LOCK, lake.root) as process:
        threading.Timer(0.3, let_go, [process]).start()
        assert lake.replace_day("predictions.demo", DAY, rows(1.0)) == 1


def test_a_killed_writer_holds_nobody_up(lake: Lake) -> None:
    with holder(HOLD_LOCK, lake.root) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lake.replace_day("predictions.demo", DAY, rows(1.0)) == 1


def test_a_writer_may_ask_for_the_right_to_write_that_it_holds(lake: Lake) -> None:
    with lake.writing(), lake.writing():
        lake.replace_day("predictions.demo", DAY, rows(1.0, 2.0))

    assert len(lake.frame("SELECT * FROM predictions.demo")) == 2


@pytest.mark.parametrize("name", ["eco_db", "raw_db"])
def test_a_reader_gives_up_after_its_wait_while_another_process_writes(lake: Lake, name: str) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0))
    duckdb.connect(str(lake.raw_db)).close()
    hasty = Lake(lake.root, wait_s=0.3)

    with holder(HOLD_FILE, getattr(lake, name)), pytest.raises(LakeBusy, match="held by another process"):
        hasty.frame("SELECT 1")


@pytest.mark.parametrize("name", ["eco_db", "raw_db"])
def test_a_reader_waits_for_another_process_that_writes(lake: Lake, name: str) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0))
    duckdb.connect(str(lake.raw_db)).close()

    with holder(HOLD_FILE, getattr(lake, name)) as process:
        threading.Timer(0.3, let_go, [process]).start()
        assert lake.frame("SELECT count(*) AS n FROM predictions.demo").n[0] == 1


def test_a_day_replaced_twice_holds_the_last_rows_only(lake: Lake) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0, 2.0, 3.0))
    lake.replace_day("predictions.demo", DAY, rows(4.0, 5.0))
    lake.replace_day("predictions.demo", DAY, rows(4.0, 5.0))

    assert list(lake.frame("SELECT value FROM predictions.demo ORDER BY subject").value) == [4.0, 5.0]


def test_another_day_is_not_touched(lake: Lake) -> None:
    lake.replace_day("predictions.demo", OTHER, rows(1.0))
    lake.replace_day("predictions.demo", DAY, rows(2.0))
    lake.replace_day("predictions.demo", DAY, rows())

    found = lake.frame("SELECT as_of, value FROM predictions.demo")
    assert [(str(day)[:10], value) for day, value in zip(found.as_of, found.value, strict=True)] == [("2026-10-30", 1.0)]
    assert lake.frame("SELECT * FROM predictions.demo WHERE as_of = $day", {"day": DAY}).empty


def test_columns_are_matched_by_name(lake: Lake) -> None:
    lake.replace_day("predictions.demo", OTHER, rows(1.0))
    lake.replace_day("predictions.demo", DAY, rows(2.0)[["value", "subject"]])

    assert list(lake.frame("SELECT subject, value FROM predictions.demo WHERE as_of = $day", {"day": DAY}).iloc[0]) == ["s0", 2.0]


def test_rows_that_do_not_fit_leave_the_day_as_it_was(lake: Lake) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0, 2.0))

    with pytest.raises(duckdb.Error):
        lake.replace_day("predictions.demo", DAY, pd.DataFrame({"subject": ["s0"], "value": ["no number"]}))

    assert list(lake.frame("SELECT value FROM predictions.demo ORDER BY subject").value) == [1.0, 2.0]


def test_a_writer_killed_again_and_again_leaves_a_whole_day(lake: Lake) -> None:
    for _ in range(4):
        with holder(REPLACE_FOREVER, lake.root):
            threading.Event().wait(0.4)
    found = lake.frame("SELECT count(*) AS n, count(DISTINCT subject) AS subjects, count(DISTINCT value) AS versions FROM predictions.demo")

    assert list(found.iloc[0]) == [500, 500, 1]
