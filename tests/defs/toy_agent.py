"""A small stand-in for the varejo agent: assets with the real keys that do what a test tells them, watched by the real sensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dagster as dg

from eco_assets.defs.executions import execution_key
from eco_assets.defs.jobs import execution_job
from eco_assets.resident.outbox import Outbox
from sensors.decision_changes import decision_sensor

AGENT = "varejo"
DAYS = dg.DailyPartitionsDefinition("2018-05-01")
POINTS = {name: dg.AssetKey(["decisions", AGENT, name]) for name in ("replenishment", "review_recovery")}
RECORDED, ADVICE = "in_the_ledger", "looks_usual"
LATE = "looked_at_later"
DECIDE, EVERYTHING, LOOK_AGAIN = "decide", "everything", "look_again"


class Died(Exception):
    """A step ends before its checks ran."""


@dataclass
class Script:
    """What the next runs do, by point: blocking or advisory checks that fail, steps that die, what happens meanwhile."""

    refused: set[str] = field(default_factory=set)
    warned: set[str] = field(default_factory=set)
    advised: set[str] = field(default_factory=set)
    dying: set[str] = field(default_factory=set)
    meanwhile: Callable[[], object] = lambda: None
    is_late_check_passing: bool = True


def _decisions(point: str, script: Script) -> dg.AssetsDefinition:
    key = POINTS[point]
    specs = [dg.AssetCheckSpec(RECORDED, asset=key, blocking=True), dg.AssetCheckSpec(ADVICE, asset=key)]

    @dg.asset(key=key, partitions_def=DAYS, check_specs=specs)
    def decide() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield dg.MaterializeResult()
        if point in script.dying:
            raise Died
        is_warning = point in script.warned
        severity = dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR
        yield dg.AssetCheckResult(check_name=RECORDED, passed=not is_warning and point not in script.refused, severity=severity)
        yield dg.AssetCheckResult(check_name=ADVICE, passed=point not in script.advised)

    return decide


def _definitions(
    script: Script, outbox: Callable[[], Outbox | None] = lambda: None, *, has_report: bool = False, interval_s: int = 15
) -> dg.Definitions:
    @dg.asset(key=["reports", AGENT, "page"], deps=list(POINTS.values()), partitions_def=DAYS)
    def page() -> None:
        script.meanwhile()

    @dg.asset(key=execution_key(AGENT), deps=list(POINTS.values()), partitions_def=DAYS)
    def execute() -> None: ...

    @dg.asset(key=["reports", AGENT, "after"], deps=[execution_key(AGENT)], partitions_def=DAYS)
    def after() -> None: ...

    @dg.asset_check(asset=POINTS["replenishment"], name=LATE, blocking=True, partitions_def=DAYS)
    def late() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=script.is_late_check_passing)

    def job(name: str, selection: dg.AssetSelection) -> object:
        return dg.define_asset_job(name, selection, executor_def=dg.in_process_executor)

    late_key = dg.AssetCheckKey(POINTS["replenishment"], LATE)
    acting = dg.AssetSelection.assets(execution_key(AGENT))
    return dg.Definitions(
        assets=[*(_decisions(point, script) for point in POINTS), page, execute, *([after] if has_report else [])],
        asset_checks=[late],
        jobs=[  # type: ignore[list-item]
            job(DECIDE, dg.AssetSelection.all() - acting.downstream()),
            job(EVERYTHING, dg.AssetSelection.all()),
            # A job of checks alone has no days on this Dagster, so the page goes with it.
            job(LOOK_AGAIN, dg.AssetSelection.checks(late_key) | dg.AssetSelection.assets(page)),
            job(execution_job(AGENT), acting.downstream()),
            *(job(point, dg.AssetSelection.assets(key)) for point, key in POINTS.items()),
        ],
        sensors=[decision_sensor(AGENT, list(POINTS.values()), execution_key(AGENT), execution_job(AGENT), outbox, interval_s)],
    )


class Agent:
    """The toy agent on an instance, with the daemon's part: it keeps the cursor and never runs a run key twice."""

    def __init__(self, instance: dg.DagsterInstance, outbox: Callable[[], Outbox | None] = lambda: None) -> None:
        self.instance = instance
        self.script = Script()
        self.cursor: str | None = None
        self.keys: list[str] = []
        self.skipped = ""
        self._definitions = _definitions(self.script, outbox)

    def run(self, job: str, day: str) -> dg.ExecuteInProcessResult:
        """Run a job for a day; a failed check or step does not raise."""
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        ran = self._definitions.resolve_job_def(job)
        return ran.execute_in_process(instance=self.instance, partition_key=day, raise_on_error=False, run_config=quiet)

    def tick(self) -> list[str]:
        """Evaluate the sensor once; returns the days that are new to run."""
        context = dg.build_sensor_context(self.instance, cursor=self.cursor, definitions=self._definitions)
        ticked = self._definitions.get_sensor_def(f"{AGENT}_decisions_changed").evaluate_tick(context)
        self.cursor, self.skipped = ticked.cursor, ticked.skip_message or ""
        new = [request for request in ticked.run_requests or [] if request.run_key not in self.keys]
        self.keys += [str(request.run_key) for request in new]
        return sorted(str(request.partition_key) for request in new)
