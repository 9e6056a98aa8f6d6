"""Start an agent's execution for every change of its decisions, exactly once, and only when the change's checks passed.

A plain asset sensor sees only the newest change (one of four partitions was seen in a trial), and a failed blocking check does not
hide a materialization. So the sensor walks every materialization after its cursor and asks for the verdict of its blocking checks.
What must run is decided by `plan`, a pure function; the sensor is a shell round it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import dagster as dg

from eco_assets.defs.decisions import decision_key
from eco_assets.defs.executions import execution_key
from eco_assets.defs.jobs import execution_job
from eco_assets.mcp.policies import load_policies
from eco_assets.settings import AGENTS
from sensors.verdicts import Verdict, verdict_of

BATCH = 200


@dataclass(frozen=True)
class Change:
    """One materialization: its place in the event log, its business day, the run that made it."""

    storage_id: int
    asset: str
    day: str
    run_id: str


@dataclass(frozen=True)
class Cursor:
    """How far the log was read (`after`, by asset), and earlier changes whose checks had not ended."""

    after: dict[str, int] = field(default_factory=dict)
    pending: tuple[Change, ...] = ()

    def dumps(self) -> str:
        """As text, for Dagster to keep."""
        return json.dumps({"after": self.after, "pending": [vars(change) for change in self.pending]})

    @classmethod
    def loads(cls, text: str | None) -> "Cursor":
        """From the text that Dagster kept; nothing kept is the beginning."""
        held = json.loads(text) if text else {"after": {}, "pending": []}
        return cls(held["after"], tuple(Change(**change) for change in held["pending"]))


@dataclass(frozen=True)
class Plan:
    """What a tick does: the days to execute with the changes that ask for it, what was refused, and where to go on."""

    days: dict[str, tuple[Change, ...]]
    rejected: tuple[Change, ...]
    cursor: Cursor


def plan(cursor: Cursor, changes: Iterable[Change], verdict: Callable[[Change], Verdict]) -> Plan:
    """Sort new and pending changes by the verdict of their checks; accepted ones of one day share a run."""
    fresh = sorted(changes, key=lambda change: change.storage_id)
    after = dict(cursor.after)
    for change in fresh:
        after[change.asset] = max(after.get(change.asset, 0), change.storage_id)
    sorted_out: dict[Verdict, list[Change]] = {"accepted": [], "rejected": [], "pending": [], "done": []}
    for change in (*cursor.pending, *fresh):
        sorted_out[verdict(change)].append(change)
    days: dict[str, tuple[Change, ...]] = {}
    for change in sorted_out["accepted"]:
        days[change.day] = (*days.get(change.day, ()), change)
    return Plan(days, tuple(sorted_out["rejected"]), Cursor(after, tuple(sorted_out["pending"])))


def _read(instance: dg.DagsterInstance, cursor: Cursor, keys: Iterable[dg.AssetKey]) -> Iterator[Change]:
    for key in keys:
        asset = key.to_user_string()
        position: str | None = None
        while True:
            records_filter = dg.AssetRecordsFilter(asset_key=key, after_storage_id=cursor.after.get(asset, 0))
            found = instance.fetch_materializations(records_filter, limit=BATCH, cursor=position, ascending=True)
            for record in found.records:
                yield Change(record.storage_id, asset, str(record.partition_key), record.run_id)
            if not found.has_more:
                break
            position = found.cursor


def _sensor(agent: str) -> dg.SensorDefinition:
    keys = [decision_key(policy) for policy in load_policies().values() if policy.agent == agent]

    @dg.sensor(
        name=f"{agent}_decisions_changed",
        job_name=execution_job(agent),
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Carries out the {agent} agent's decisions when they change and their checks passed.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor = Cursor.loads(context.cursor)
        changes = list(_read(context.instance, cursor, keys))
        step = execution_key(agent)
        todo = plan(cursor, changes, lambda change: verdict_of(context.instance, change.asset, change.storage_id, change.run_id, step))
        requests = [
            dg.RunRequest(
                run_key=f"{agent}:{day}:{'-'.join(str(change.storage_id) for change in asked)}",
                partition_key=day,
                tags={"eco/asked_by": ",".join(sorted({change.run_id for change in asked}))},
            )
            for day, asked in todo.days.items()
        ]
        text = todo.cursor.dumps()
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=text)
        return dg.SensorResult(skip_reason=_why(todo, len(changes)), cursor=text)

    return tick


def _why(todo: Plan, seen: int) -> str:
    if todo.rejected:
        return f"refused: {', '.join(f'{change.asset} {change.day}' for change in todo.rejected)} failed a blocking check"
    if todo.cursor.pending:
        return f"waiting for the checks of {len(todo.cursor.pending)} change(s)"
    return f"{seen} change(s), all carried out by the run that made them" if seen else "no change"


def decision_sensors() -> Iterator[dg.SensorDefinition]:
    """One sensor an agent."""
    for agent in AGENTS:
        yield _sensor(agent)


__all__ = ["Change", "Cursor", "Plan", "decision_sensors", "plan"]
