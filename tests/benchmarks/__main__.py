"""Runs every benchmark of the main line and prints what it measured; the figures are kept in `results/<time>.json`.

Each figure is of a whole process, measured from outside with `resource`, so that imports and start-up count. Nothing is asserted:
figures on a shared machine are compared by their ratio within one run.
"""

from __future__ import annotations

import json
import os
import platform as machine
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"


@dataclass
class Figure:
    """One measured command. CPU and memory are of the process and its children."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    more: dict[str, Any] = field(default_factory=dict)


def measure(name: str, command: list[str], environment: dict[str, str] | None = None) -> tuple[Figure, str]:
    """Run a command to its end; returns the figure and what it printed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    printed: list[str] = []
    if process.stdout is not None:
        printed = process.stdout.readlines()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = used.ru_maxrss / 1024
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{name} failed with exit code {process.returncode}: {''.join(printed)[-2000:]}")
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Figure(name, round(wall, 2), round(cpu, 2), round(peak, 1)), "".join(printed)


def setup_cost() -> Figure:
    """A second environment from scratch, by the project's own Makefile, in an empty folder; wheels come from uv's cache if it has them."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "eco"
        shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(".venv", ".tools", ".eco", "target", "__pycache__", ".*_cache", ".git"))
        figure, _ = measure("set-up", ["make", "-C", str(clone), "setup"])
        figure.more = {"megabytes": round(_size_mb(clone / ".venv"))}
    return figure


def location_load() -> Figure:
    """Importing the code location and resolving the main job, in a new process."""
    code = "from eco_assets.definitions import build_defs; build_defs().resolve_job_def('eco')"
    return measure("code location load", [sys.executable, "-c", code])[0]


def main_job(home: Path, name: str) -> Figure:
    """`eco run` on the generated business."""
    figure, printed = measure(name, [str(Path(sys.executable).with_name("eco")), "run", "--json"], {"ECO_HOME": str(home)})
    found = json.loads(printed)
    figure.more = {"layer_seconds": found["layer_seconds"], "job_seconds": round(found["job_seconds"], 2)}
    return figure


def plain_functions(home: Path) -> Figure:
    """The same work as `eco run`, called as plain functions without Dagster."""
    return measure("same work as plain functions", [sys.executable, "-m", "tests.benchmarks.plain"], {"ECO_HOME": str(home)})[0]


def _words(more: dict[str, Any]) -> str:
    layers = more.get("layer_seconds", {})
    others = {name: value for name, value in more.items() if name != "layer_seconds"}
    return ", ".join(f"{name} {value:.1f}" for name, value in {**others, **layers}.items())


def _size_mb(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1024**2


def main() -> None:
    """Measure, print, keep."""
    with tempfile.TemporaryDirectory() as folder:
        first, plain = Path(folder) / "run", Path(folder) / "plain"
        figures = [setup_cost(), location_load(), main_job(first, "main job, first run"), plain_functions(plain)]
        figures.append(main_job(first, "main job, second run"))
    plain_s = figures[3].wall_s
    overhead = {"job": figures[2].more["job_seconds"] / plain_s, "process": figures[2].wall_s / plain_s}
    print(f"\n{'what':<34}{'wall s':>9}{'CPU s':>9}{'peak MB':>10}  more")
    for figure in figures:
        print(f"{figure.name:<34}{figure.wall_s:>9.1f}{figure.cpu_s:>9.1f}{figure.peak_mb:>10.0f}  {_words(figure.more)}")
    print(f"\norchestration overhead over the same work as plain functions (whole process): job {overhead['job']:.2f} x,", end=" ")
    print(f"`eco run` with start-up and summary {overhead['process']:.2f} x")
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    kept = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    context = {"at": now.isoformat(), "python": machine.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}
    kept.write_text(json.dumps({**context, "overhead": overhead, "figures": [asdict(f) for f in figures]}, indent=2))
    print(f"kept in {kept.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
