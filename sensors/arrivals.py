"""Ask for a load of what the resident ingester wrote: once for each set of new files, again when the load failed.

The cursor holds the newest name of each connection that was asked for. The run's key names the newest file of the set, so a daemon that
dies between asking and remembering asks for the same run again, which Dagster does not start twice. What to do is decided by `plan`, a
pure function; the sensor is a shell round it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from eco_assets.aurion.stream.spool import owner
from eco_assets.contracts.contract import Contract
from eco_assets.defs.stream import arrival_job, inbox_contracts
from resources.platform import PlatformResource

Outcome = Literal["missing", "running", "failed", "done"]
"""How the run that was asked for last stands; `missing` when there is none."""

RETRY_S = (60.0, 300.0, 1_800.0)  # pauses before a load that failed is asked for again; then a new file or a person must ask
TAG = "eco/arrivals"  # of a run: its key, by which the next tick finds it
ZONE = ZoneInfo("America/Sao_Paulo")


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Cursor:
    """What was asked for: the newest name by folder and connection, the last run key, when, and how often it was asked again."""

    newest: dict[str, str]
    asked: str = ""
    asked_at: float = 0.0
    attempt: int = 0

    def dumps(self) -> str:
        """As text, for Dagster to keep."""
        return _CURSOR.dump_json(self).decode()


_CURSOR = TypeAdapter(Cursor)
BEGINNING = Cursor({})


@dataclass(frozen=True)
class Plan:
    """What a tick does: the key of the run to ask for, or why none is."""

    run_key: str
    reason: str
    cursor: Cursor


def plan(cursor: Cursor, present: Iterable[str], outcome: Callable[[str], Outcome], now: float) -> Plan:
    """Ask for a run when files came that were never asked for, or when those that were asked for are there and their run failed.

    Args:
        cursor: what was asked for.
        present: files of the inbox, as `<folder>/<connection>-<time>-<number>.parquet`.
        outcome: how the run of a key stands.
        now: seconds since 1970.
    """
    files = sorted(present)
    last = outcome(cursor.asked) if cursor.asked else "done"
    if last == "running":
        return Plan("", f"the load {cursor.asked} is not done yet", cursor)
    fresh = [name for name in files if _mark(name) > cursor.newest.get(_line(name), "")]
    if fresh:
        newest = {**cursor.newest, **{_line(name): _mark(name) for name in fresh}}  # sorted, so that the last of a line is its newest
        key = max(fresh, key=lambda name: (_mark(name), name))
        return Plan(key, "", Cursor(newest, key, now, 0))
    if not files or last == "done":
        return Plan("", "no new file", cursor)
    if cursor.attempt == len(RETRY_S):
        return Plan("", f"the load {cursor.asked} was asked for {cursor.attempt + 1} times and did not succeed: look at its run", cursor)
    if now < cursor.asked_at + RETRY_S[cursor.attempt]:
        return Plan("", f"the load {cursor.asked} did not succeed; it is asked for again later", cursor)
    attempt = cursor.attempt + 1
    key = f"{cursor.asked.split('#')[0]}#{attempt}"
    return Plan(key, "", Cursor(cursor.newest, key, now, attempt))


def _line(name: str) -> str:
    """Folder and connection of a file."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{owner(file)}"


def _mark(name: str) -> str:
    """The part of a file's name that grows."""
    return "-".join(name.removesuffix(".parquet").rsplit("-", 2)[1:])


def arrivals_sensor(domain: str, contracts: Sequence[Contract]) -> dg.SensorDefinition:
    """A sensor that asks for the domain's arrival job."""
    globs = [contract.glob for contract in contracts]

    @dg.sensor(
        name=f"{domain}_arrivals",
        job_name=arrival_job(domain),
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Loads what the resident ingester wrote for {domain}, once for each set of new files.",
    )
    def tick(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        inbox = platform.get().settings.inbox
        todo = plan(_cursor(context), _present(inbox, globs), lambda key: _outcome(context.instance, key), time.time())
        if not todo.run_key:
            return dg.SensorResult(skip_reason=todo.reason, cursor=todo.cursor.dumps())
        return dg.SensorResult(run_requests=[request_for(todo.run_key)], cursor=todo.cursor.dumps())

    return tick


def request_for(run_key: str) -> dg.RunRequest:
    """The run that loads everything that waits; its cost is booked on the day it runs on."""
    today = datetime.now(UTC).astimezone(ZONE).date().isoformat()
    return dg.RunRequest(run_key=run_key, tags={TAG: run_key, "dagster/partition": today})


def _cursor(context: dg.SensorEvaluationContext) -> Cursor:
    try:
        return _CURSOR.validate_json(context.cursor) if context.cursor else BEGINNING
    except ValidationError as error:
        # Safe: a load of files that are in the lake does nothing.
        context.log.warning(f"cannot read the cursor, so everything that waits is asked for once more: {error}")
        return BEGINNING


def _present(inbox: Path, globs: Iterable[str]) -> list[str]:
    return [path.relative_to(inbox).as_posix() for pattern in globs for path in inbox.glob(pattern)]


def _outcome(instance: dg.DagsterInstance, key: str) -> Outcome:
    runs = instance.get_runs(dg.RunsFilter(tags={TAG: key}), limit=1)
    if not runs:
        return "missing"
    return "running" if not runs[0].is_finished else "done" if runs[0].is_success else "failed"


def arrivals_sensors(contracts: Sequence[Contract] | None = None) -> Iterator[dg.SensorDefinition]:
    """One sensor for each domain that has an inbox."""
    chosen = inbox_contracts() if contracts is None else contracts
    for domain in sorted({contract.domain for contract in chosen}):
        yield arrivals_sensor(domain, [contract for contract in chosen if contract.domain == domain])


__all__ = ["BEGINNING", "Cursor", "Plan", "arrivals_sensor", "arrivals_sensors", "plan", "request_for"]
