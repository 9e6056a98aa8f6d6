"""The lake: several processes at once, snapshots, a day replaced as a whole; on a SQLite catalogue and on a Postgres one."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from eco_assets.errors import LakeBusy, NotFound, PermanentError
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
APPEND = """
import sys
from pathlib import Path
from eco_assets.lake import Lake
lake, writer = Lake(Path(sys.argv[1]), catalog=sys.argv[3] or None, wait_s=60), int(sys.argv[2])
for number in range(15):
    lake.commit(lambda db: db.execute(f"INSERT INTO demo.rows SELECT {writer}, {number}, i FROM range(100) t(i)"))
    lake.commit(lambda db: db.execute("UPDATE demo.counter SET n = n + 1"))
"""
HOLD_TRANSACTION = """
import sys
from pathlib import Path
from eco_assets.lake import Lake
with Lake(Path(sys.argv[1])).connect(read_only=False) as db:
    db.execute("BEGIN")
    db.execute("DELETE FROM predictions.demo")
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
while True:
    number += 1
    lake.replace_day("predictions.demo", date(2026, 10, 31), pd.DataFrame({"subject": range(500), "value": float(number)}))
    print("ready", flush=True)
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


@pytest.fixture
def lake_on_postgres(postgres_url: str, tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", catalog=postgres_url, wait_s=60)


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


def test_readers_never_wait_for_a_writer_and_see_what_was_committed(lake: Lake) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0, 2.0))

    with holder(HOLD_TRANSACTION, lake.root):
        assert Lake(lake.root, wait_s=0.1).frame("SELECT count(*) AS n FROM predictions.demo").n[0] == 2


def test_a_dropped_connection_leaves_the_snapshot_before_it(lake: Lake) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0, 2.0))

    with holder(HOLD_TRANSACTION, lake.root) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(lake.frame("SELECT * FROM predictions.demo")) == 2
    assert lake.replace_day("predictions.demo", DAY, rows(3.0)) == 1


def _append_from_three_processes(lake: Lake) -> None:
    lake.commit(lambda db: db.execute("CREATE SCHEMA demo"))
    lake.commit(lambda db: db.execute("CREATE TABLE demo.rows (writer INTEGER, round INTEGER, i INTEGER)"))
    lake.commit(lambda db: db.execute("CREATE TABLE demo.counter AS SELECT 0 AS n"))
    arguments = [[sys.executable, "-c", APPEND, str(lake.root), str(writer), lake.catalog or ""] for writer in range(3)]
    writers = [subprocess.Popen(argument) for argument in arguments]
    seen: list[int] = []
    while any(writer.poll() is None for writer in writers):  # a reader all the while
        seen.append(int(lake.frame("SELECT count(*) AS n FROM demo.rows").n[0]))
        time.sleep(0.05)

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = lake.frame(
        "SELECT count(*) AS n, count(DISTINCT (writer, round, i)) AS different, (SELECT n FROM demo.counter) AS counted FROM demo.rows"
    )
    assert list(found.iloc[0]) == [4500, 4500, 45]
    assert seen == sorted(seen)
    assert all(count % 100 == 0 for count in seen)


def test_three_writing_processes_and_a_reader_meet_no_error_and_lose_no_row(lake: Lake) -> None:
    _append_from_three_processes(lake)


def test_a_postgres_catalogue_serves_several_writers_without_a_lock(lake_on_postgres: Lake) -> None:
    _append_from_three_processes(lake_on_postgres)

    assert not (lake_on_postgres.root / "write.lock").exists()


def test_an_unreachable_catalogue_says_so_without_its_password(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", catalog="postgresql://eco:segredo@127.0.0.1:1/eco", wait_s=0.2)

    with pytest.raises(PermanentError) as caught:
        lake.replace_day("predictions.demo", DAY, rows(1.0))
    assert "segredo" not in str(caught.value)


def test_an_earlier_snapshot_can_be_read(lake: Lake) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0))
    before = lake.snapshots("eco")[0][0]
    lake.replace_day("predictions.demo", DAY, rows(2.0, 3.0))

    assert list(lake.frame(f"SELECT value FROM predictions.demo AT (VERSION => {before})").value) == [1.0]
    assert len(lake.frame("SELECT * FROM predictions.demo")) == 2


def test_compaction_keeps_every_row_and_deletes_what_nobody_needs(lake: Lake) -> None:
    for number in range(6):
        lake.replace_day("predictions.demo", date(2026, 10, number + 1), rows(float(number)))
    lake.replace_day("predictions.demo", date(2026, 10, 1), rows(9.0))
    before = len(list(lake.data("eco").rglob("*.parquet")))

    counts = lake.compact(keep_days=0)["eco"]

    assert counts["files_merged"] > 1
    assert len(list(lake.data("eco").rglob("*.parquet"))) == before - counts["files_deleted"] + 1 < before
    assert sorted(lake.frame("SELECT value FROM predictions.demo").value) == [1.0, 2.0, 3.0, 4.0, 5.0, 9.0]


def test_a_lake_made_anew_under_the_same_name_is_not_mistaken_for_the_old_one(lake: Lake) -> None:
    lake.replace_day("predictions.demo", DAY, rows(1.0, 2.0))
    shutil.rmtree(lake.root)
    lake.root.mkdir()

    lake.replace_day("predictions.demo", DAY, rows(3.0))

    assert len(lake.frame("SELECT * FROM predictions.demo")) == 1


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


def test_a_lake_whose_maker_was_killed_while_making_it_can_be_used(lake: Lake) -> None:
    code = REPLACE_FOREVER.replace("while True", "print('ready', flush=True)\nwhile True")
    for delay in (0.05, 0.2, 0.35, 0.5, 0.65):
        with holder(code, lake.root):
            threading.Event().wait(delay)

    assert lake.replace_day("predictions.other", DAY, rows(1.0)) == 1


def test_a_catalogue_that_a_kill_left_without_tables_is_no_catalogue_yet(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with closing(sqlite3.connect(lake.root / "raw.ducklake")) as db:
        db.execute("PRAGMA journal_mode=WAL")  # what DuckLake's attach has written when the power goes

    assert not lake.exists("raw")
    with pytest.raises(NotFound, match="no catalogue"), lake.raw():
        pass
    lake.commit(lambda db: db.execute("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a"), catalogue="raw")
    with lake.raw() as db:
        assert db.execute("SELECT a FROM s.t").fetchall() == [(1,)]
