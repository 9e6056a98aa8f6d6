"""A random history of changes while the daemon and the resident worker are real processes that SIGKILL ends at random moments."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.events import StepMaterializationData
from dagster._core.execution.api import execute_run
from dagster._utils.hosted_user_process import recon_job_from_origin
from killed_daemon import START_S, open_instance, serve_daemon, serve_resident
from toy_agent import DECIDE
from trigger_history import ACTS, DAYS, LATE, POINTS, RECORDED, STOCK, History

from sensors.verdicts import CHANGES, changes_of

LOOPS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "sensor": (serve_daemon,),
    "resident": (serve_resident,),
    "both": (serve_daemon, serve_resident),
}
SETTLE_S = 300.0
LIVES_S = (0.3, 1.5, 6.0)  # how long a process may live: some die within an act, some get much done first
KILLS = 3  # at least, in a history
REAL = 0.05  # of changes are made, and of runs that were asked for are executed, by Dagster; of the others their events are written
DYING = 0.05  # of the runs that were asked for end before they carry anything out, and are made again


class Mortal:
    """A loop in a child process; killed and started again at random moments until `spare` is called."""

    def __init__(self, loop: Callable[[Path], None], home: Path, seed: int) -> None:
        self._loop, self._home, self._random = loop, home, random.Random(seed)
        self._context = multiprocessing.get_context("forkserver")  # a fork of a process that has Dagster loaded begins at once
        self._context.set_forkserver_preload(["killed_daemon"])
        self._spared, self.kills = threading.Event(), 0
        self._ready = home / f"{loop.__name__}.ready"
        self._process = self._start()
        self._thread = threading.Thread(target=self._reap)
        self._thread.start()

    def _start(self) -> multiprocessing.context.ForkServerProcess:
        self._ready.unlink(missing_ok=True)
        process = self._context.Process(target=self._loop, args=(self._home,), daemon=True)
        process.start()
        return process

    def _reap(self) -> None:
        """Most deaths come while it works; some while it begins."""
        while not self._spared.is_set():
            is_patient = self._random.random() < 0.8
            while is_patient and self._process.is_alive() and not self._ready.exists() and not self._spared.is_set():
                time.sleep(0.01)
            if self._spared.wait(self._random.uniform(0.0, self._random.choice(LIVES_S))):
                return
            was_alive = self._process.is_alive()
            self._process.kill()
            self._process.join()
            self.kills += was_alive
            self._process = self._start()

    def has_begun(self) -> bool:
        """Whether it works, or was killed since."""
        return self.kills > 0 or self._ready.exists()

    def spare(self) -> None:
        """Kill it no more."""
        self._spared.set()
        self._thread.join()

    def end(self) -> None:
        """End it."""
        self.spare()
        self._process.kill()
        self._process.join()


class Killing(History):
    """The history on a home on disk. This process makes the changes and plays the run workers."""

    def __init__(self, home: Path, seed: int, act: str) -> None:
        super().__init__(open_instance(home), home / "resident", seed)
        self._home, self._read = home, 0
        self._mortals = [Mortal(loop, home, seed + place) for place, loop in enumerate(LOOPS[act])]

    @property
    def kills(self) -> int:
        """Processes killed so far."""
        return sum(each.kills for each in self._mortals)

    def wait_for_loops(self) -> None:
        """Wait until each process has begun, or was killed, once; the first start loads Dagster."""
        while not all(each.has_begun() for each in self._mortals):
            time.sleep(0.05)

    # Upstream
    def upstream(self) -> None:
        """A run of one to eight partitions, in any order; some are refused, some die before their checks, some carry out themselves."""
        pick = self.random.random
        if pick() < REAL:
            self.change()
            return
        made = {(self.random.choice(DAYS), self.random.choice(list(POINTS))) for _ in range(self.random.randint(1, 8))}
        fates = {pair: self.random.choices(["good", "refused", "unchecked"], [80, 14, 6])[0] for pair in sorted(made)}
        self.write_run(fates, does_act=pick() < 0.15)

    def write_run(self, fates: dict[tuple[str, str], str], *, does_act: bool = False) -> None:
        """The events of a run that makes these days and points, each `good`, `refused` or `unchecked`."""
        run = self.instance.create_run_for_job(self.agent._definitions.resolve_job_def(DECIDE))
        write = partial(self._write, run)
        write("PIPELINE_START")
        acted = {day for day, _ in fates if does_act and all(fate == "good" for (of, _), fate in fates.items() if of == day)}
        for (day, point), fate in fates.items():
            write("ASSET_MATERIALIZATION", StepMaterializationData(dg.AssetMaterialization(POINTS[point], partition=day)))
            record = self.instance.fetch_materializations(POINTS[point], limit=1).records[0]
            target = AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=run.run_id, timestamp=record.timestamp
            )
            for name in () if fate == "unchecked" else (RECORDED, LATE) if point == STOCK else (RECORDED,):
                told = dg.AssetCheckEvaluation(
                    asset_key=POINTS[point],
                    check_name=name,
                    passed=fate == "good",
                    metadata={},
                    target_materialization_data=target,
                    partition=day,
                )
                write("ASSET_CHECK_EVALUATION", told)
            (self.rejected if fate != "good" else self.by_own_run if day in acted else self.accepted).add(record.storage_id)
            (self.broken_days.discard if fate == "good" else self.broken_days.add)(f"{day} {point}")
        for day in sorted(acted):
            write("ASSET_MATERIALIZATION", StepMaterializationData(dg.AssetMaterialization(ACTS, partition=day)))
        write("PIPELINE_SUCCESS")

    def _write(self, run: dg.DagsterRun, kind: str, data: object = None) -> None:
        event = dg.DagsterEvent(event_type_value=kind, job_name=run.job_name, event_specific_data=data)  # type: ignore[arg-type]
        self.instance.report_dagster_event(event, run_id=run.run_id)

    # The run workers
    def work(self) -> int:
        """Run what was launched since; a run that another start of it has taken, or that was given up as late, is left."""
        file = self._home / "launched"
        lines = file.read_text().splitlines() if file.exists() else []
        ran = 0
        for run_id in lines[self._read :]:
            record = self.instance.get_run_record_by_id(run_id)
            assert record is not None
            is_fresh = time.time() - record.create_timestamp.timestamp() < START_S - 5
            if record.dagster_run.status is dg.DagsterRunStatus.STARTING and is_fresh:
                self._run(record.dagster_run)
                ran += 1
        self._read = len(lines)
        return ran

    def _run(self, run: dg.DagsterRun) -> None:
        lot = self.random.random()
        if lot < DYING:
            self.instance.report_run_failed(run, "the run worker died")
        elif lot < DYING + REAL and run.job_code_origin is not None:
            execute_run(recon_job_from_origin(run.job_code_origin), run, self.instance)
        else:
            self._write(run, "PIPELINE_START")
            made = dg.AssetMaterialization(ACTS, partition=run.tags["dagster/partition"])
            self._write(run, "ASSET_MATERIALIZATION", StepMaterializationData(made))
            self._write(run, "PIPELINE_SUCCESS")

    def started(self) -> Counter[int]:
        """How often each change was really carried out: by finished runs that a sensor asked for, and by the resident worker."""
        counted: Counter[int] = Counter()
        cursor = None
        while True:
            page = self.instance.fetch_materializations(ACTS, limit=200, cursor=cursor)
            for record in page.records:
                run = self.instance.get_run_by_id(record.run_id) if record.run_id else None
                asked = run.tags[CHANGES].split(",") if run is not None and CHANGES in run.tags else changes_of(record)
                counted.update(map(int, asked))
            if not page.has_more:
                return counted
            cursor = page.cursor

    def put_right_and_wait(self) -> None:
        """Put every refused batch right, kill no more, and wait until all is carried out; then a little longer, for what comes twice."""
        broken = sorted(tuple(each.split()) for each in self.broken_days)
        for at in range(0, len(broken), 8):
            self.write_run(dict.fromkeys(broken[at : at + 8], "good"))
            self.work()
        for each in self._mortals:
            each.spare()
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline and set(self.started()) != self.accepted:
            self.work()
            time.sleep(0.2)
        deadline = time.monotonic() + 3.0
        while time.monotonic() < deadline:
            self.work()
            time.sleep(0.2)

    def end(self) -> None:
        """End the processes and close the instance."""
        for each in self._mortals:
            each.end()
        self.instance.dispose()


@contextmanager
def killing(home: Path, seed: int, changes: int, act: str) -> Iterator[Killing]:
    """A history of at least so many changes under kills, at its end."""
    history = Killing(home, seed, act)
    try:
        history.wait_for_loops()
        while len(history.accepted | history.rejected | history.by_own_run) < changes or history.kills < KILLS:
            history.upstream()
            history.work()
        history.put_right_and_wait()
        yield history
    finally:
        history.end()
