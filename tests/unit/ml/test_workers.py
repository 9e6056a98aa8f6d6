"""Work over processes: the same results with any number, one thread each, and a killed worker fails the training and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy_models import Level, rows, trained

from eco_assets.errors import NotFound, TransientError, WorkerLost
from ml import workers as spread
from ml.forecasting import forecast
from ml.model import Trained
from ml.tracking import Registry
from ml.workers import mapped, workers


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every work is worth its workers."""
    monkeypatch.setattr(spread, "START_S", 0.0)


def place(number: int) -> tuple[int, int]:
    return number, os.getpid()


def threads(number: int) -> list[int]:
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    return [library["num_threads"] for library in threadpool_info()] if np.ones(1)[0] else []


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def killed(number: int, here: int) -> int:
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_the_order_of_the_jobs_from_other_processes(costly: None) -> None:
    with workers(2):
        found = mapped(place, list(range(20)))
        again = mapped(place, [1, 2, 3])
    assert [number for number, _ in found] == list(range(20))
    others = {process for _, process in found} - {os.getpid()}
    assert 1 <= len(others) <= 2
    assert {process for _, process in again} - {os.getpid()} <= others  # one pool a training
    assert not any(map(is_running, others))


def test_small_work_stays_here() -> None:
    with workers(2):
        assert {process for _, process in mapped(place, list(range(50)))} == {os.getpid()}
    assert mapped(place, []) == []


def test_a_worker_takes_one_thread(costly: None) -> None:
    with workers(2):
        assert {count for found in mapped(threads, list(range(6))) for count in found} == {1}


def panel() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {f"s{number}": 20 + number + rng.normal(0, 1, 60) for number in range(4)}


def test_a_forecaster_is_the_same_with_one_worker_and_with_two(costly: None) -> None:
    alone = forecast.fit(panel(), "block", seed=7)
    with workers(2):
        shared = forecast.fit(panel(), "block", seed=7)
    assert shared.choice.methods == alone.choice.methods
    for name, values in alone.forecast(panel()).items():
        np.testing.assert_array_equal(shared.forecast(panel())[name].quantiles, values.quantiles)
        np.testing.assert_array_equal(shared.choice.of(name), alone.choice.of(name))


def test_a_killed_worker_fails_the_training_as_transient_and_nothing_is_registered(costly: None, tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")

    def fit(frame: pd.DataFrame, task: object = None) -> Trained:
        mapped(partial(killed, here=os.getpid()) if task is None else place, list(range(8)))
        return trained(Level(10), frame)

    settings = {"code_version": "1", "as_of": date(2018, 5, 31), "tags": {}}
    with workers(2):
        with pytest.raises(WorkerLost, match="train again") as lost:
            registry.train_if_changed("level", rows(), fit, **settings)
        assert isinstance(lost.value, TransientError)
        with pytest.raises(NotFound):
            registry.latest("level")
        again = registry.train_if_changed("level", rows(), partial(fit, task=place), **settings)
    assert (again.version, again.is_new) == ("1", True)


ORPHANS = """
import os, time
from ml import workers
workers.START_S = 0.0
def place(_): return os.getpid()
if __name__ == "__main__":
    with workers.workers(2):
        print(*set(workers.mapped(place, [0] * 8)) - {os.getpid()}, flush=True)
        workers.mapped(time.sleep, [0, 0, 60, 60])
"""


def test_workers_end_with_the_process_that_asked_for_them(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as asked:
        assert asked.stdout is not None
        others = [int(process) for process in asked.stdout.readline().split()]
        assert others
        assert all(map(is_running, others))
        asked.kill()
    deadline = time.monotonic() + 30
    while any(map(is_running, others)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_running, others))
