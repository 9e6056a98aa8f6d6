"""Runs sagas durably on dbos: killed at any step, the next start goes on from there, and a workflow id runs once.

One embedded worker at a time owns the engine's SQLite file (a lock file sees to it). The choice of dbos: docs/adr/0003.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eco_assets.errors import DoorUnavailable, TransientError
from eco_assets.jorge.saga import Order, Saga, Step
from eco_assets.jorge.world import World

APPLICATION_VERSION = "jorge-1"  # dbos would use a hash of the source, and an edit would strand what is in flight
EXECUTOR = "embedded"
WORKFLOW = "jorge.saga"
CONCURRENCY = 8
RETRY = {"retries_allowed": True, "max_attempts": 4, "interval_seconds": 0.2, "backoff_rate": 2.0}
_FINISHED = ("SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED")


class _Bound:
    """What the registered workflow works with; set while an engine is open."""

    sagas: Mapping[str, Saga] = {}
    world: World | None = None
    pause_s: float = 0.0


def _act(saga_name: str, step: Step, act: Callable[[World, Order], str], decision: dict[str, Any]) -> dict[str, Any]:
    if _Bound.world is None:
        raise TransientError(f"no engine is open; {saga_name} goes on at the next start")
    key = f"{decision['decision_id']}/{step.name}"
    if _Bound.pause_s:
        time.sleep(_Bound.pause_s)
    began = time.perf_counter()
    detail = act(_Bound.world, Order(decision, key))
    elapsed = round((time.perf_counter() - began) * 1000, 3)
    return {"name": step.name, "key": key, "detail": detail, "at": _now(), "ms": elapsed}


def _find(saga_name: str, step_name: str) -> Step:
    return next(step for step in _Bound.sagas[saga_name].steps if step.name == step_name)


@cache
def _workflow() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Register the one durable workflow with dbos, once a process."""
    from dbos import DBOS

    retry: dict[str, Any] = {**RETRY, "should_retry": _is_transient}

    @DBOS.step(name="do", **retry)
    def do(saga_name: str, step_name: str, decision: dict[str, Any]) -> dict[str, Any]:
        step = _find(saga_name, step_name)
        return _act(saga_name, step, step.do, decision)

    @DBOS.step(name="undo", **{**retry, "max_attempts": 8})
    def undo(saga_name: str, step_name: str, decision: dict[str, Any]) -> dict[str, Any]:
        step = _find(saga_name, step_name)
        return _act(saga_name, step, step.undo or (lambda world, order: "nothing to undo"), decision)

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=10)
    def saga(decision: dict[str, Any]) -> dict[str, Any]:
        name, trail, done = str(decision["workflow"]), [], []
        for step in _Bound.sagas[name].steps:
            done.append(step.name)
            try:
                trail.append({**do(name, step.name, decision), "outcome": "done"})
            except Exception as error:  # noqa: BLE001 -- whatever went wrong, what was done must be undone
                trail.append(_failed(step.name, decision, error))
                break
        else:
            return {"outcome": "completed", "steps": trail}
        outcome = "compensated"
        for earlier in reversed(done):  # the failed step too: a door that did not answer may have acted
            try:
                trail.append({**undo(name, earlier, decision), "outcome": "undone"})
            except Exception as error:  # noqa: BLE001 -- one that cannot be undone must not keep the others from it
                trail.append(_failed(earlier, decision, error))
                outcome = "failed"
        return {"outcome": outcome, "steps": trail}

    return saga


def _failed(step_name: str, decision: dict[str, Any], error: Exception) -> dict[str, Any]:
    """The trail's line about a step, or its undoing, that did not go through."""
    key = f"{decision['decision_id']}/{step_name}"
    return {"name": step_name, "key": key, "outcome": "failed", "detail": _cause(error), "at": "", "ms": 0.0}


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, TransientError)


def _cause(error: Exception) -> str:
    inner = getattr(error, "errors", None)
    return str(inner[-1]) if inner else str(error)


class Engine:
    """An open engine. Get one with `open_engine`."""

    def __init__(self, client: Any, database: Any) -> None:
        self._client = client
        self._database = database

    def run(self, decisions: Iterable[dict[str, Any]], *, timeout_s: float = 600.0) -> list[dict[str, Any]]:
        """Carry out decisions, wait for their end and return one execution record each, in the given order.

        A decision that was carried out before is not carried out again: its first record is returned.

        Raises:
            DoorUnavailable: some did not end within `timeout_s`; they stay queued and go on at the next start.
        """
        batch = {decision["decision_id"]: decision for decision in decisions}
        known = {status.workflow_id for status in self._status(list(batch))}
        fresh = [decision for identity, decision in batch.items() if identity not in known]
        if fresh:
            with self._database.begin() as transaction:
                for decision in fresh:
                    self._client.enqueue_in_transaction(transaction, _enqueue(decision), decision)
        deadline = time.monotonic() + timeout_s
        while len(ended := [s for s in self._status(list(batch)) if s.status in _FINISHED]) < len(batch):
            if time.monotonic() > deadline:
                raise DoorUnavailable(f"{len(batch) - len(ended)} of {len(batch)} workflows are still running; run again to wait on")
            time.sleep(0.1)
        records = {status.workflow_id: _record(status, batch[status.workflow_id]) for status in ended}
        return [records[identity] for identity in batch]

    def _status(self, ids: list[str]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(ids), 500):  # SQLite takes at most 999 variables in old builds
            found.extend(self._client.list_workflows(workflow_ids=ids[start : start + 500]))
        return found


def _enqueue(decision: dict[str, Any]) -> dict[str, Any]:
    from dbos import WorkflowSerializationFormat

    return {
        "queue_name": decision["agent"],
        "workflow_name": WORKFLOW,
        "workflow_id": decision["decision_id"],
        "app_version": APPLICATION_VERSION,
        "serialization_type": WorkflowSerializationFormat.PORTABLE,  # the default is pickle: who can write the table could run code
    }


def _record(status: Any, decision: dict[str, Any]) -> dict[str, Any]:
    output = status.output if status.status == "SUCCESS" else {"outcome": "failed", "steps": []}
    stamps = [step["at"] for step in output["steps"] if step["at"]] or [_iso(status.updated_at)]
    record = {
        "workflow_id": status.workflow_id,
        "decision_id": decision["decision_id"],
        "agent": decision["agent"],
        "workflow": decision["workflow"],
        "outcome": output["outcome"],
        "steps": output["steps"],
        "started_at": min(stamps),
        "finished_at": max(stamps),
        "duration_ms": round(sum(step["ms"] for step in output["steps"]), 3),
        "cost_brl": decision["cost_brl"] if output["outcome"] == "completed" else 0.0,
    }
    return record if status.status == "SUCCESS" else {**record, "error": str(status.error)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


@contextmanager
def open_engine(path: Path, sagas: Mapping[str, Saga], world: World, *, pause_s: float = 0.0, wait_s: float = 300.0) -> Iterator[Engine]:
    """Start the embedded worker on the SQLite file `path`, recover what a killed one left, and stop it at the end.

    Raises:
        DoorUnavailable: another worker keeps the file for longer than `wait_s` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise DoorUnavailable(f"another worker has been using {path} for {wait_s:.0f} s; try again when it is done") from error
    try:
        with _launched(path, sagas, world, pause_s) as engine:
            yield engine
    finally:
        lock.release()


@contextmanager
def _launched(path: Path, sagas: Mapping[str, Saga], world: World, pause_s: float) -> Iterator[Engine]:
    from dbos import DBOS, DBOSClient

    logging.getLogger("dbos").setLevel(logging.ERROR)
    url = f"sqlite:///{path}"
    _Bound.sagas, _Bound.world, _Bound.pause_s = sagas, world, pause_s
    _workflow()
    database, grace_s = _sqlite(url), 5
    DBOS(
        config={
            "name": "jorge",
            "system_database_url": url,
            "system_database_engine": database,
            "executor_id": EXECUTOR,
            "application_version": APPLICATION_VERSION,
            "log_level": "ERROR",
        }
    )
    try:
        DBOS.launch()
        for agent in sorted({saga.agent for saga in sagas.values()}):
            DBOS.register_queue(agent, worker_concurrency=CONCURRENCY, polling_interval_sec=0.05)
        client = DBOSClient(system_database_url=url, system_database_engine=database, application_name="jorge")
        yield Engine(client, database)
        grace_s = 0  # every run has ended; dbos would sleep a whole second before it looks
    finally:
        DBOS.destroy(workflow_completion_timeout_sec=grace_s)
        database.dispose()
        _Bound.world = None


def _sqlite(url: str) -> Any:
    """An engine in WAL: 36 to 67 workflows a second, against 13 to 52 with dbos's DELETE journal; FULL survives a power cut."""
    import sqlalchemy as sa

    database = sa.create_engine(url, connect_args={"timeout": 30})

    @sa.event.listens_for(database, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return database
