"""Start an agent's execution for every change of its decisions, exactly once, and only when the change's checks passed.

A plain asset sensor sees only the newest change (one of four partitions was seen in a trial), and a failed blocking check does not
hide a materialization. So the sensor walks every materialization after its cursor and asks for the verdict of its blocking checks.
What must run is decided by `plan`, a pure function; the sensor is a shell round it. Judging a change is `verdicts.py`'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import dagster as dg
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from eco_assets.defs.decisions import decision_key
from eco_assets.defs.executions import execution_key
from eco_assets.defs.jobs import execution_job
from eco_assets.mcp.policies import load_policies
from eco_assets.resident.outbox import Outbox
from eco_assets.settings import AGENTS, Settings
from sensors.verdicts import CARRIES_OUT, CHANGES, Change, Verdict, Verdicts, change_of

# Changes of one asset that a tick reads; the next tick reads on. A change takes 30 ms to judge, and Dagster gives a tick 60 s.
BATCH = 200
INTERVAL_S = 15
CHECK = "triggers_up_to_date"  # of the execution asset; see `lag.py`
LATE_S = 600.0  # a run of the whole graph takes minutes, and its decisions wait for its end


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Cursor:
    """How far the log was read (`after`, by asset), and earlier changes that are neither accepted nor refused yet."""

    after: dict[str, int]
    pending: tuple[Change, ...]
    is_late: bool = False

    def dumps(self) -> str:
        """As text, for Dagster to keep."""
        return _CURSOR.dump_json(self).decode()

    @classmethod
    def loads(cls, text: str | None) -> Cursor:
        """From the text that Dagster kept. Nothing kept is the beginning.

        Raises:
            ValidationError: the text is not what `dumps` writes.
        """
        return _CURSOR.validate_json(text) if text else BEGINNING


_CURSOR = TypeAdapter(Cursor)
BEGINNING = Cursor({}, ())


@dataclass(frozen=True)
class Plan:
    """What a tick does: the days to execute with the changes that ask for it, what was refused, and where to go on."""

    days: dict[str, tuple[Change, ...]]
    rejected: tuple[Change, ...]
    cursor: Cursor
    to_report: dict[str, tuple[Change, ...]]  # days that the resident worker carried out: only what follows is to be made


def plan(cursor: Cursor, changes: Iterable[Change], verdict: Callable[[Change], Verdict]) -> Plan:
    """Sort new and pending changes by the verdict of their checks; accepted ones of one day share a run."""
    fresh = sorted(changes, key=lambda change: change.storage_id)
    after = dict(cursor.after)
    for change in fresh:
        after[change.asset] = max(after.get(change.asset, 0), change.storage_id)
    sorted_out: dict[Verdict, list[Change]] = {"accepted": [], "rejected": [], "pending": [], "held": [], "done": [], "resident": []}
    for change in (*cursor.pending, *fresh):
        sorted_out[verdict(change)].append(change)
    days = _by_day(sorted_out["accepted"])
    told = {day: asked for day, asked in _by_day(sorted_out["resident"]).items() if day not in days}
    return Plan(days, tuple(sorted_out["rejected"]), Cursor(after, (*sorted_out["pending"], *sorted_out["held"])), told)


def _by_day(changes: Iterable[Change]) -> dict[str, tuple[Change, ...]]:
    days: dict[str, tuple[Change, ...]] = {}
    for change in changes:
        days[change.day] = (*days.get(change.day, ()), change)
    return days


def decision_sensor(
    agent: str,
    keys: Sequence[dg.AssetKey],
    carried_out_by: dg.AssetKey,
    job: str,
    outbox: Callable[[], Outbox | None] = lambda: None,
    interval_s: int = INTERVAL_S,
) -> dg.SensorDefinition:
    """A sensor that asks for a run of `job` for each day on which an asset of `keys` changed.

    Args:
        agent: whose decisions these are; begins the sensor's name and its run keys.
        keys: the decision assets; their blocking checks are looked up in the graph that the sensor is loaded with.
        carried_out_by: the asset that carries decisions out; a run that made it too is not asked for again.
        job: name of a daily partitioned job.
        outbox: that of the resident worker; while one is at work it carries accepted changes out, and this sensor asks for what follows.
        interval_s: seconds between two ticks.
    """

    @dg.sensor(
        name=sensor_name(agent),
        job_name=job,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Carries out the {agent} agent's decisions when they change and their checks passed.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor = _cursor(context)
        changes = list(read_changes(context.instance, cursor, keys))
        verdicts = Verdicts(context.instance, _blocking(context, keys), carried_out_by)
        # While the resident worker is at work, what is accepted is its own; this sensor asks for the reports when it is done.
        box = outbox() if changes or cursor.pending else None
        is_resident = box is not None and box.is_worked_on()
        todo = plan(cursor, changes, lambda change: _left_to(is_resident, verdicts.of_day(change, keys)))
        if box is not None and todo.days:
            todo = _take(box, agent, todo, verdicts)
        if todo.rejected:
            context.log.warning(_refused(todo))
        requests = [request_for(agent, day, asked, carried_out_by) for day, asked in todo.days.items()]
        follow = _following(context, job, carried_out_by) if todo.to_report else None
        requests += [request_for(agent, day, asked, follow=follow) for day, asked in todo.to_report.items() if follow]
        reason = None if requests else _why(todo, len(changes), is_resident)
        told = late(cursor, todo.cursor, carried_out_by, time.time())
        after = replace(todo.cursor, is_late=not told[0].passed if told else cursor.is_late)
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=after.dumps(), asset_events=told)

    return tick


def sensor_name(agent: str) -> str:
    """Name of an agent's sensor."""
    return f"{agent}_decisions_changed"


def late(before: Cursor, after: Cursor, carried_out_by: dg.AssetKey, now: float) -> list[dg.AssetCheckEvaluation]:
    """What to tell the check of the lag: something only when it turns, because events are kept."""
    waited = max((now - change.at for change in after.pending if change.at), default=0.0)
    if (waited > LATE_S) == before.is_late:
        return []
    days = sorted({change.day for change in after.pending})
    return [
        dg.AssetCheckEvaluation(
            asset_key=carried_out_by,
            check_name=CHECK,
            passed=waited <= LATE_S,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"lag_s": round(waited, 1), "waiting": len(after.pending), "days": ", ".join(days)},
        )
    ]


def _cursor(context: dg.SensorEvaluationContext) -> Cursor:
    try:
        return Cursor.loads(context.cursor)
    except ValidationError as error:
        # Run keys make this safe: what was asked for already is not run again.
        context.log.warning(f"cannot read the cursor, so every change is looked at again from the first one: {error}")
        return BEGINNING


def _left_to(is_resident: bool, verdict: Verdict) -> Verdict:
    return "held" if is_resident and verdict == "accepted" else verdict


def _take(box: Outbox, agent: str, todo: Plan, verdicts: Verdicts) -> Plan:
    """What of the plan is this sensor's to start; a change that a worker has meanwhile, or answered, waits for the next tick."""
    accepted = {change.storage_id: change for asked in todo.days.values() for change in asked}
    taken = box.take(agent, accepted, lambda number: verdicts.answered(accepted[number]) == "accepted")
    days = _by_day(change for number, change in accepted.items() if number in taken)
    waiting = tuple(change for number, change in accepted.items() if number not in taken)
    return replace(todo, days=days, cursor=replace(todo.cursor, pending=(*todo.cursor.pending, *waiting)))


def _following(context: dg.SensorEvaluationContext, job: str, carried_out_by: dg.AssetKey) -> list[dg.AssetKey]:
    """What the job makes besides the execution."""
    if context.repository_def is None:
        return []
    return sorted(context.repository_def.get_job(job).asset_layer.selected_asset_keys - {carried_out_by})


def read_changes(instance: dg.DagsterInstance, cursor: Cursor, keys: Iterable[dg.AssetKey]) -> Iterator[Change]:
    """The changes after the cursor, at most `BATCH` of each asset."""
    for key in keys:
        fresh = dg.AssetRecordsFilter(key, after_storage_id=cursor.after.get(key.to_user_string(), 0))
        for record in instance.fetch_materializations(fresh, limit=BATCH, ascending=True).records:
            yield change_of(record, key)


def _blocking(context: dg.SensorEvaluationContext, keys: Sequence[dg.AssetKey]) -> list[dg.AssetCheckKey]:
    repository = context.repository_def
    if repository is None:
        raise dg.DagsterInvariantViolationError("this sensor needs the definitions that it was loaded with, to know the blocking checks")
    return [node.key for node in repository.asset_graph.asset_check_nodes if node.blocking and node.key.asset_key in keys]


def request_for(
    agent: str, day: str, asked: tuple[Change, ...], carried_out_by: dg.AssetKey | None = None, follow: list[dg.AssetKey] | None = None
) -> dg.RunRequest:
    """The run that carries out a day's accepted changes; its key is the newest of them, so that no grouping asks for it twice.

    Args:
        agent: whose changes.
        day: business day, ISO.
        asked: the changes.
        carried_out_by: the asset by whose runs a later tick knows that they were asked for.
        follow: what to make where the resident worker carried them out; the whole job by default.
    """
    newest = max(change.storage_id for change in asked)
    runs = ",".join(sorted({change.run_id for change in asked}))
    numbers = ",".join(str(number) for number in sorted(change.storage_id for change in asked))
    tags = {"eco/asked_by": runs, CHANGES: numbers}
    if carried_out_by is not None and follow is None:
        tags[CARRIES_OUT] = carried_out_by.to_user_string()
    return dg.RunRequest(run_key=f"{agent}:{day}:{newest}", partition_key=day, tags=tags, asset_selection=follow)


def _refused(todo: Plan) -> str:
    names = ", ".join(f"{change.asset} {change.day}" for change in todo.rejected)
    return f"refused, because a blocking check failed or never ran: {names}"


def _why(todo: Plan, seen: int, is_resident: bool) -> str:
    if todo.rejected:
        return _refused(todo)
    if todo.cursor.pending and is_resident:
        return f"{len(todo.cursor.pending)} change(s) are with the resident worker, or wait for a run to end"
    if todo.cursor.pending:
        days = ", ".join(sorted({change.day for change in todo.cursor.pending}))
        return f"{len(todo.cursor.pending)} change(s) wait for a run to end, or for refused decisions of their day to be put right: {days}"
    return f"{seen} change(s), all carried out by the run that made them" if seen else "no change"


def decision_sensors() -> Iterator[dg.SensorDefinition]:
    """One sensor an agent."""
    for agent in AGENTS:
        keys = [decision_key(policy) for policy in load_policies().values() if policy.agent == agent]
        yield decision_sensor(agent, keys, execution_key(agent), execution_job(agent), lambda: Outbox(Settings.from_env().resident))


__all__ = ["BEGINNING", "Change", "Cursor", "Plan", "decision_sensor", "decision_sensors", "plan", "read_changes", "request_for"]
