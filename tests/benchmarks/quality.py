"""The quality table of the models: what each one reaches on public data, beside a naive baseline and a published figure.

`python -m tests.benchmarks.quality [part ...] [--data ../shared/data]` runs the parts named in `PARTS`, each a module `quality_<part>`
with a function `rows(data)`, and prints one table; the rows are kept in `results/quality-<part>.json`. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform as machine
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

PARTS = ("forecast", "anomaly", "text", "routing", "propensity")
RESULTS = Path(__file__).parent / "results"
DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Row:
    """One measured figure. Seconds are of this process's CPU; `note` says how the rows were split and anything a reader must know."""

    task: str
    metric: str
    ours: float
    baseline: float
    baseline_name: str
    published: str = ""
    seed: int = 0
    rows: int = 0
    train_s: float = 0.0
    predict_s: float = 0.0
    note: str = ""


def main() -> None:
    """Run the parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all without one")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ECO_DATA", DEFAULT_DATA)), help="folder of the public data")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}: known are {', '.join(PARTS)}")
    if not asked.data.is_dir():
        parser.error(f"{asked.data} is no folder: name the public data with --data or ECO_DATA")
    for part in asked.parts or PARTS:
        run: Callable[[Path], Iterable[Row]] = importlib.import_module(f"tests.benchmarks.quality_{part}").rows
        found = []
        for row in run(asked.data):
            found.append(row)
            print(_line(row), flush=True)
        kept = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": f"{machine.machine()}, {os.cpu_count()} cores"}
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps({**kept, "rows": [asdict(row) for row in found]}, indent=1, ensure_ascii=False)
        (RESULTS / f"quality-{part}.json").write_text(text + "\n", encoding="utf-8")


def _line(row: Row) -> str:
    published = f" | published {row.published}" if row.published else ""
    speed = f" | fit {row.train_s:.1f} s, predict {row.predict_s:.2f} s, {row.rows:,} rows" if row.rows else ""
    return f"{row.task}: {row.metric} {row.ours:.4f} | {row.baseline_name} {row.baseline:.4f}{published}{speed} | {row.note}"


if __name__ == "__main__":
    main()
