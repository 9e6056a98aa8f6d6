"""How fast several processes write to one lake at once: commits and rows a second, on a SQLite and on a Postgres catalogue.

    python -m tests.benchmarks.writers [--commits 30] [--rows 10000]

Two writers add batches of rows to tables of their own, against one writer that does all the work, in the same run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from eco_assets.lake import Lake

WRITER = """
import sys, time
from pathlib import Path
from eco_assets.lake import Lake
root, catalog, name, commits, rows = sys.argv[1], sys.argv[2] or None, sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
lake = Lake(Path(root), catalog=catalog)
lake.commit(lambda db: db.execute(f"CREATE TABLE demo.{name} (i BIGINT, value DOUBLE)"))
print("ready", flush=True)
sys.stdin.readline()
for number in range(commits):
    lake.commit(lambda db: db.execute(f"INSERT INTO demo.{name} SELECT i, i * 0.5 FROM range({rows}) t(i)"))
"""


def timed(lake: Lake, writers: int, commits: int, rows: int, name: str) -> float:
    """Seconds until every writer is done; each commits `commits` times."""
    arguments = [
        [sys.executable, "-c", WRITER, str(lake.root), lake.catalog or "", f"{name}{number}", str(commits), str(rows)]
        for number in range(writers)
    ]
    started = [subprocess.Popen(argument, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for argument in arguments]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    clock = time.perf_counter()
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.wait() for process in started] == [0] * writers
    return time.perf_counter() - clock


def measure(lake: Lake, commits: int, rows: int) -> None:
    """Print one writer's rate and two writers'."""
    lake.commit(lambda db: db.execute("CREATE SCHEMA demo"))
    kind = "SQLite" if lake.catalog is None else "Postgres"
    alone = timed(lake, 1, 2 * commits, rows, "alone")
    both = timed(lake, 2, commits, rows, "both")
    for words, seconds in (("one writer ", alone), ("two writers", both)):
        done = 2 * commits
        print(f"{kind:8} {words}  {done / seconds:6.1f} commits/s  {done * rows / seconds:12,.0f} rows/s  ratio {alone / seconds:.2f}")


def main() -> None:
    """Both catalogues."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--commits", type=int, default=30)
    parser.add_argument("--rows", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eco-bench-") as folder:
        root = Path(folder)
        measure(Lake(root / "sqlite"), given.commits, given.rows)
        from servers import postgres, postgres_binary

        if postgres_binary("postgres") is None:
            print("Postgres is not installed: skipped")
        else:
            (root / "server").mkdir()
            with postgres(root / "server") as url:
                measure(Lake(root / "postgres", catalog=url), given.commits, given.rows)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
