"""Runs a job of the graph in this process: what `eco run`, tests and benchmarks call. Progress is reported a step at a time."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from eco_assets.definitions import build_defs
from eco_assets.platform import Platform
from eco_assets.settings import PROJECT_ROOT

# What a step's name begins with, and the layer that people know it by; in the order of the flow.
LAYERS = {
    "aurion": "aurion",
    "phd": "phd",
    "models": "models",
    "predictions": "models",
    "feature_store": "features",
    "online": "features",
    "decisions": "decisions",
    "executions": "executions",
    "finops": "finops",
    "slo": "slo",
    "reports": "reports",
}


@dataclass
class Outcome:
    """How a run went. `problems` are sentences: failed checks with their reasons, failed steps with their error."""

    run_id: str
    is_success: bool = False
    seconds: float = 0.0
    layer_seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@contextmanager
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance under a home, with our configuration."""
    prepare_instance(home)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as opened:
        close_dead_runs(opened, home)
        yield opened


def close_dead_runs(on_instance: dg.DagsterInstance, home: Path) -> list[str]:
    """Mark runs of this module whose process died as failed and free their pool slots; returns their ids.

    Dagster cannot ask a process of its own whether it still lives: a killed run would stay STARTED and hold its pools for ever. A
    run here holds a lock file, which the system releases when the process dies.
    """
    closed = []
    for mark in sorted(_running(home).glob("*.lock")):
        lock = FileLock(mark)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        run = on_instance.get_run_by_id(mark.stem)
        if run is not None and not run.is_finished:
            on_instance.report_run_failed(run, "the process that ran it is gone")
            on_instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            closed.append(run.run_id)
        lock.release()
        mark.unlink(missing_ok=True)
    return closed


def _running(home: Path) -> Path:
    folder = home / "running"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def prepare_instance(home: Path) -> None:
    """Create the instance's folder and configuration if they are missing."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(PROJECT_ROOT / "deploy" / "dagster.yaml", home / "dagster.yaml")


def layer_of(step: str) -> str:
    """The layer of a step, by its name; a check of a mart belongs to phd."""
    return next((layer for prefix, layer in LAYERS.items() if step.startswith(prefix)), "phd")


def run_job(
    platform: Platform, job: str, day: date, on_instance: dg.DagsterInstance, report: Callable[[str, str, float], None] = lambda *_: None
) -> Outcome:
    """Run a job for one business day and wait for its end.

    Args:
        platform: whose engines to use.
        job: name of the job.
        day: the partition.
        on_instance: where runs and events go.
        report: called with layer, step and seconds as each step ends.
    """
    from resources.platform import PlatformResource

    definition = build_defs({"platform": PlatformResource.of(platform)}).resolve_job_def(job)
    watch, started = _Watch(report), time.perf_counter()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    run_id = str(uuid.uuid4())
    on_instance.add_event_listener(run_id, watch)
    mark = _running(Path(on_instance.root_directory)) / f"{run_id}.lock"
    with FileLock(mark):
        result = definition.execute_in_process(
            instance=on_instance,
            partition_key=day.isoformat(),
            run_config=quiet,
            raise_on_error=False,
            run_id=run_id,
            tags={"traceparent": f"00-{run_id.replace('-', '')}-{run_id.replace('-', '')[:16]}-01", "dagster/max_retries": "0"},
        )
    mark.unlink(missing_ok=True)
    return Outcome(result.run_id, result.success, time.perf_counter() - started, watch.seconds, watch.problems)


class _Watch:
    """Listens to a run's events and keeps times and problems."""

    def __init__(self, report: Callable[[str, str, float], None]) -> None:
        self._report = report
        self._started: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.problems: list[str] = []

    def __call__(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            return
        step, layer = event.step_key, layer_of(event.step_key)
        if event.is_step_start:
            self._started[step] = entry.timestamp
        elif event.is_step_success or event.is_step_failure:
            spent = entry.timestamp - self._started.get(step, entry.timestamp)
            self.seconds[layer] = self.seconds.get(layer, 0.0) + spent
            self._report(layer, step, spent)
        if event.is_step_failure:
            self._note_failure(event)
        data = event.event_specific_data
        if isinstance(data, dg.AssetCheckEvaluation) and not data.passed:
            self._note_check(data)

    def _note_failure(self, event: dg.DagsterEvent) -> None:
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None and error.cls_name != "DagsterAssetCheckFailedError":
            self.problems.append(f"{event.step_key}: {error.message.strip().splitlines()[0]}")

    def _note_check(self, data: dg.AssetCheckEvaluation) -> None:
        told = data.metadata.get("reasons") or data.metadata.get("broken")
        why = str(told.value).replace("\n- ", "; ").removeprefix("- ") if told is not None else (data.description or "failed")
        kind = "refused" if data.severity == dg.AssetCheckSeverity.ERROR and data.blocking else "warning"
        self.problems.append(f"{kind}: {data.asset_key.to_user_string()} [{data.check_name}]: {why}")
