"""Forecast of 1,000 series in one go: our forecaster against statsforecast's AutoETS, each in a process of its own.

`python -m tests.benchmarks.forecast_speed [--series N]` prints one table: CPU seconds, peak memory of the process, sMAPE on the held-out
year of generated monthly series (60 known months, trend, season, noise; seed 20180531). Both forecast all series and see the same numbers.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import Any

import numpy as np

SEED = 20180531
MONTHS, AHEAD = 60, 12


def made(count: int) -> dict[str, np.ndarray]:
    """`count` positive monthly series of 72 points."""
    rng = np.random.default_rng(SEED)
    month = np.arange(MONTHS + AHEAD)
    series = {}
    for number in range(count):
        level, growth, swing = rng.lognormal(5, 1), rng.normal(0.004, 0.004), rng.uniform(0, 0.4)
        season = 1 + swing * np.sin(2 * np.pi * (month + rng.integers(12)) / 12)
        series[f"s{number:05}"] = level * np.exp(growth * month) * season * rng.lognormal(0, 0.08, len(month))
    return series


def ours(known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Methods chosen by rolling origin, combined, with bands."""
    from ml.forecasting import forecast

    fitted = forecast.fit(known, "monthly", seed=SEED)
    return {name: each.mean for name, each in fitted.forecast(known, AHEAD).items()}


def auto_ets(known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """AutoETS of statsforecast with its own defaults, one series after the other, with 80 % bands."""
    from statsforecast.models import AutoETS

    model = AutoETS(season_length=12)
    return {name: np.asarray(model.forecast(y=past, h=AHEAD, level=[80])["mean"]) for name, past in known.items()}


METHODS = {"ours": ours, "AutoETS": auto_ets}


def measure(name: str, count: int) -> dict[str, Any]:
    """Run one method in this process."""
    from ml.forecasting.metrics import smape
    from ml.workers import one_thread

    whole = made(count)
    known = {key: values[:MONTHS] for key, values in whole.items()}
    run = METHODS[name]
    with one_thread():
        run(dict(list(known.items())[:5]))  # imports and first calls are no part of the forecast
        started, wall = time.process_time(), time.perf_counter()
        found = run(known)
        spent = {"cpu_s": time.process_time() - started, "wall_s": time.perf_counter() - wall}
    error = float(np.mean([smape(whole[key][MONTHS:], each) for key, each in found.items()]))
    return {"method": name, "series": count, **spent, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "smape": error}


def main() -> None:
    """Run every method that is installed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--only", choices=list(METHODS), help="run this one here and print it as JSON")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(measure(asked.only, asked.series)))
        return
    if find_spec("statsforecast") is None:
        print("skipped: statsforecast is not installed in this environment (make setup)")
        return
    print("| method | series | CPU s | wall s | peak MB | sMAPE |\n|---|---|---|---|---|---|")
    for name in METHODS:
        command = [sys.executable, "-m", "tests.benchmarks.forecast_speed", "--only", name, "--series", str(asked.series)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"| {name} | {row['series']:,} | {row['cpu_s']:.1f} | {row['wall_s']:.1f} | {row['peak_mb']:.0f} | {row['smape']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
