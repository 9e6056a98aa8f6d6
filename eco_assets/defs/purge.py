"""Forgets the noise of old runs. Dagster keeps every event for ever; what lineage and audit need is kept here too.

Kept for ever: materializations, observations, check evaluations, and how runs and steps ended. Forgotten once a run has been over
for longer than `keep_days`: its log lines, the events of its engine, resources, hooks and steps in between, and its captured output.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES

CURSOR = "eco/events_purged_before"  # where the last purge stopped, in the instance's own key-value table
PAGE = 200
NOISE = tuple(
    kind.value
    for kind in (
        dg.DagsterEventType.ENGINE_EVENT,
        dg.DagsterEventType.HANDLED_OUTPUT,
        dg.DagsterEventType.HOOK_COMPLETED,
        dg.DagsterEventType.HOOK_SKIPPED,
        dg.DagsterEventType.LOADED_INPUT,
        dg.DagsterEventType.LOGS_CAPTURED,
        dg.DagsterEventType.RESOURCE_INIT_STARTED,
        dg.DagsterEventType.RESOURCE_INIT_SUCCESS,
        dg.DagsterEventType.STEP_INPUT,
        dg.DagsterEventType.STEP_OUTPUT,
        dg.DagsterEventType.STEP_START,
        dg.DagsterEventType.STEP_WORKER_STARTED,
        dg.DagsterEventType.STEP_WORKER_STARTING,
    )
)


@dataclass(frozen=True)
class Purged:
    """What a purge did: runs looked at, event rows and captured output files deleted."""

    runs: int
    events: int
    files: int


def purge_events(instance: dg.DagsterInstance, keep_days: float, now: datetime | None = None) -> Purged:
    """Forget the noise of runs that ended more than `keep_days` ago. Killed half way, the next call starts again where it started."""
    until = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    storage = instance.run_storage
    before = storage.get_cursor_values({CURSOR}).get(CURSOR)
    since = datetime.fromisoformat(before) - timedelta(days=1) if before else None
    runs = events = files = 0
    for run_id in _ended(instance, since, until):
        runs += 1
        events += _forget(instance, run_id)
        files += _drop_output(instance, run_id)
    storage.set_cursor_values({CURSOR: until.isoformat()})
    return Purged(runs, events, files)


def _ended(instance: dg.DagsterInstance, since: datetime | None, until: datetime) -> Iterator[str]:
    wanted = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_after=since, updated_before=until)
    cursor: str | None = None
    while page := instance.get_run_records(wanted, limit=PAGE, cursor=cursor):
        yield from (record.dagster_run.run_id for record in page)
        cursor = page[-1].dagster_run.run_id


def _forget(instance: dg.DagsterInstance, run_id: str) -> int:
    """Delete a run's noise. Dagster has no public call for it; all use of its tables is here."""
    import sqlalchemy as sa
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    log = instance.event_log_storage
    if not isinstance(log, SqlEventLogStorage):
        return 0
    if log.is_run_sharded and not Path(getattr(log, "path_for_shard", str)(run_id)).exists():
        return 0  # opening it would make an empty one
    kind = Events.c.dagster_event_type
    noise = sa.and_(Events.c.run_id == run_id, sa.or_(kind.is_(None), kind.in_(NOISE)))
    with log.run_connection(run_id) as db:
        deleted = int(db.execute(sa.delete(Events).where(noise)).rowcount)
    if deleted and log.is_run_sharded:
        with log.run_connection(run_id) as db:  # SQLite gives the space back only when asked to
            db.connection.driver_connection.execute("VACUUM")  # type: ignore[union-attr]
    return deleted


def _drop_output(instance: dg.DagsterInstance, run_id: str) -> int:
    folder = Path(instance.storage_directory()) / run_id / "compute_logs"
    files = sum(1 for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
    if files:
        shutil.rmtree(folder)
    return files
