"""A random history of upstream changes on a real instance, with daemons and workers that die at any point, and what it must lead to."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
from toy_agent import AGENT, DECIDE, EVERYTHING, POINTS, RECORDED, Agent

from eco_assets.defs.executions import execution_key
from eco_assets.defs.jobs import execution_job
from eco_assets.resident.outbox import Outbox
from sensors.resident import Resident, Result, Watched
from sensors.verdicts import CARRIES_OUT, CHANGES, changes_of

ACTS = execution_key(AGENT)
LATE = "looked_at_later"
STOCK, REVIEWS = POINTS
DAYS = [(date(2018, 5, 1) + timedelta(days=number)).isoformat() for number in range(60)]


class Killed(BaseException):
    """The process is gone."""


class History:
    """Makes changes, plays the daemon and the resident worker, and knows what every change must lead to."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, seed: int) -> None:
        self.instance, self.folder, self.random = instance, folder, random.Random(seed)
        self.agent = Agent(instance, lambda: Outbox(folder))
        self.cursor: str | None = None
        self.cursors: list[str | None] = [None]
        self.accepted: set[int] = set()
        self.rejected: set[int] = set()
        self.by_own_run: set[int] = set()
        self.broken_days: set[str] = set()
        self.deaths = 0
        self.job = self.agent._definitions.resolve_job_def(execution_job(AGENT))

    def __str__(self) -> str:
        kinds = f"{len(self.accepted)} accepted, {len(self.rejected)} rejected, {len(self.by_own_run)} carried out by their own run"
        return f"{kinds}, {self.deaths} deaths, {sum(self.started().values())} starts"

    # Upstream
    def change(self, *, is_good: bool = False, day: str | None = None) -> None:
        """Decide about a random day again, in any order; some batches are refused, some die before their checks."""
        pick = self.random.random
        chosen = day or self.random.choice(DAYS)
        refused = set() if is_good else {point for point in POINTS if pick() < 0.15}
        dying = set() if is_good else {point for point in POINTS if pick() < 0.05}
        job = DECIDE if is_good else self.random.choice([DECIDE, DECIDE, STOCK, REVIEWS, EVERYTHING])
        self.agent.script.refused, self.agent.script.dying = refused, dying
        ran = self.agent.run(job, chosen)
        made = self._made_by(ran.run_id)
        acted = bool(self.instance.get_records_for_run(ran.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records) and any(
            event.asset_key == ACTS for event in ran.get_asset_materialization_events()
        )
        for point, number in made.items():
            is_bad = point in refused | dying
            (self.rejected if is_bad else self.by_own_run if acted else self.accepted).add(number)
        for point in made:
            (self.broken_days.add if point in refused | dying else self._mended)(f"{chosen} {point}")

    def _mended(self, broken: str) -> None:
        self.broken_days.discard(broken)

    def _made_by(self, run_id: str) -> dict[str, int]:
        records = self.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
        keys = {entry.event_log_entry.dagster_event.asset_key for entry in records if entry.event_log_entry.dagster_event}
        found = {}
        for point, key in POINTS.items():
            if key in keys:
                newest = self.instance.fetch_materializations(key, limit=1).records[0]
                assert newest.run_id == run_id
                found[point] = newest.storage_id
        return found

    # The daemon, as Dagster's: evaluate, start what has no run of its key yet, remember the cursor.
    def tick(self, *, may_die: bool = True) -> int:
        """One tick of the sensor; it may be killed between any two of its acts. Returns the number of runs that it started."""
        started = 0
        try:
            self._maybe_die(may_die)
            context = dg.build_sensor_context(self.instance, cursor=self.cursor, definitions=self.agent._definitions)
            ticked = self.agent._definitions.get_sensor_def(f"{AGENT}_decisions_changed").evaluate_tick(context)
            for request in ticked.run_requests or []:
                self._maybe_die(may_die)
                started += self._start(request, may_die)
            self._maybe_die(may_die)
        except Killed:
            return started
        self.cursor = ticked.cursor
        self.cursors.append(self.cursor)
        return started

    def _start(self, request: dg.RunRequest, may_die: bool) -> bool:
        """Make the request's run, then submit it; a run that was made and not submitted before a death is submitted now."""
        tags = {**request.tags, "dagster/run_key": str(request.run_key), "dagster/partition": str(request.partition_key)}
        found = self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)}))
        run = found[0] if found else self.instance.create_run_for_job(self.job, tags=tags)
        if run.status is not dg.DagsterRunStatus.NOT_STARTED:
            return False
        self._maybe_die(may_die)
        launched = dg.DagsterEvent(event_type_value=dg.DagsterEventType.PIPELINE_STARTING.value, job_name=run.job_name)
        self.instance.report_dagster_event(launched, run_id=run.run_id)
        return True

    def forget(self) -> None:
        """Put an older cursor back, or none."""
        self.cursor = self.random.choice(self.cursors)

    def _maybe_die(self, may_die: bool) -> None:
        if may_die and self.random.random() < 0.15:
            self.deaths += 1
            raise Killed

    # The resident worker, started anew every time, so that nothing in memory helps it.
    def turn(self, *, may_die: bool = True) -> int:
        """One turn of a fresh resident worker; it may be killed before or after carrying out, reporting, and remembering."""
        blocking = [dg.AssetCheckKey(key, RECORDED) for key in POINTS.values()] + [dg.AssetCheckKey(POINTS[STOCK], LATE)]
        watched = Watched(AGENT, tuple(POINTS.values()), tuple(blocking), ACTS)
        outbox = _Mortal(self, may_die)

        def execute(_agent: str, _day: str) -> Result:
            self._maybe_die(may_die)
            return Result()

        try:
            with outbox.working():
                return len(Resident(self.instance, outbox, [watched], execute).turn())
        except Killed:
            return 0

    # The end
    def settle(self, act: str) -> None:
        """Put every refused batch right, then tick and turn without deaths until nothing happens any more."""
        for day in sorted({broken.split()[0] for broken in self.broken_days}):
            self.change(is_good=True, day=day)
        quiet = 0
        while quiet < 2:
            did = (self.tick(may_die=False) if act != "resident" else 0) + (self.turn(may_die=False) if act != "sensor" else 0)
            quiet = 0 if did else quiet + 1

    def started(self) -> Counter[int]:
        """How often each change was carried out: by runs that sensors asked for, and by the resident worker."""
        counted: Counter[int] = Counter()
        for run in self.instance.get_runs(dg.RunsFilter(tags={CARRIES_OUT: ACTS.to_user_string()})):
            if run.status is not dg.DagsterRunStatus.NOT_STARTED:
                counted.update(map(int, run.tags[CHANGES].split(",")))
        cursor = None
        while True:
            page = self.instance.fetch_materializations(ACTS, limit=200, cursor=cursor)
            for record in page.records:
                counted.update(map(int, changes_of(record)))
            if not page.has_more:
                return counted
            cursor = page.cursor


class _Mortal(Outbox):
    """The outbox of a worker that may die just before or just after each write."""

    def __init__(self, history: History, may_die: bool) -> None:
        super().__init__(history.folder)
        self._die = lambda: history._maybe_die(may_die)

    def write(self, agent, cursor, triggers):  # type: ignore[no-untyped-def]
        self._die()
        added = super().write(agent, cursor, triggers)
        self._die()
        return added

    def done(self, key: str) -> None:
        self._die()
        super().done(key)
        self._die()


def play(instance: dg.DagsterInstance, folder: Path, seed: int, changes: int, act: str) -> History:
    """A history of at least so many changes; `act` is `sensor`, `resident`, or `both`, which take turns."""
    history = History(instance, folder, seed)
    while len(history.accepted | history.rejected | history.by_own_run) < changes:
        history.change()
        if history.random.random() < 0.4:
            who = history.random.choice(["sensor", "resident"]) if act == "both" else act
            history.tick() if who == "sensor" else history.turn()
        if history.random.random() < 6 / changes:
            history.forget()
    history.settle(act)
    return history
