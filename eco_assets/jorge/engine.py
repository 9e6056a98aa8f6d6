"""The port to the durable engine: queue orders, wait for their end, look at them, stop, repeat or fork them. The engine is dbos.

`open_engine` starts a worker in this process; `open_port` only speaks to the database. Embedded, the database is a SQLite file that
one worker at a time owns (a lock file sees to it); on a server it is Postgres, with any number of resident workers (`worker.py`).
Why dbos: docs/adr/0003.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from eco_assets.errors import DoorUnavailable, NotFound, PermanentError, RequestRefused
from eco_assets.jorge import queues
from eco_assets.jorge.coordinator import COMPENSATE, FAILED, WORKFLOW, Bound, workflow
from eco_assets.jorge.store import Store
from eco_assets.jorge.workflow import Workflow
from eco_assets.jorge.world import World

if TYPE_CHECKING:
    import sqlalchemy as sa

APPLICATION_VERSION = "jorge-1"  # dbos would use a hash of the source, and an edit would strand what is in flight
EXECUTOR = "embedded"
_FINISHED = ("SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED")
_DEAD = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class Engine:
    """An open engine. Get one with `open_engine` or `open_port`."""

    def __init__(self, client: Any, database: sa.Engine, workflows: Mapping[str, Workflow]) -> None:
        self._client = client
        self._database = database
        self._workflows = workflows
        self.store = Store(database)
        self.grace_s = 0  # how long closing waits for what runs; dbos would sleep a whole second before it looks

    def run(self, decisions: Iterable[dict[str, Any]], *, timeout_s: float = 600.0) -> list[dict[str, Any]]:
        """Carry out orders, wait for their end and return one execution record each, in the given order.

        What their events started is waited for too, and its records follow. An order that was carried out before is not carried out
        again: its first record is returned.

        Raises:
            DoorUnavailable: some did not end within `timeout_s`; they stay queued and go on at the next start.
        """
        orders = list(decisions)
        self.enqueue(orders, is_strict=False)
        ids = list(dict.fromkeys(order["decision_id"] for order in orders))
        deadline = time.monotonic() + timeout_s
        records = self.wait(ids, timeout_s=timeout_s)
        waited = set(ids)
        while fresh := [identity for identity in self.store.started_by(ids) if identity not in waited]:
            records += self.wait(fresh, timeout_s=max(1.0, deadline - time.monotonic()))
            waited.update(fresh)
        return records

    def enqueue(self, orders: Iterable[dict[str, Any]], *, delay_s: float | None = None, is_strict: bool = True) -> int:
        """Queue orders in one transaction; those that are known already are left as they are. Returns how many are new.

        Args:
            orders: the orders.
            delay_s: seconds before they may begin.
            is_strict: refuse an unknown workflow; otherwise its order becomes a dead letter and keeps no other from its work.

        Raises:
            RequestRefused: an order names a workflow that there is not.
        """
        batch = {order["decision_id"]: self._pinned(order, is_strict) for order in orders}
        known = {status.workflow_id for status in self._status(list(batch), load=False)}
        fresh = [order for identity, order in batch.items() if identity not in known]
        if fresh:
            with self._database.begin() as transaction:
                if transaction.dialect.name == "postgresql" and delay_s is None:
                    _enqueue_all(transaction, fresh)
                else:
                    for order in fresh:
                        enqueue(self._client, transaction, order, delay_s=delay_s)
        return len(fresh)

    def wait(self, ids: list[str], *, timeout_s: float = 600.0) -> list[dict[str, Any]]:
        """The execution records of orders once all have ended, in the given order.

        Raises:
            DoorUnavailable: some did not end within `timeout_s`.
        """
        deadline, pause = time.monotonic() + timeout_s, 0.02
        open_ids, ended = set(ids), dict[str, Any]()
        while open_ids:
            for status in self._status(sorted(open_ids)):
                if status.status in _FINISHED:
                    ended[status.workflow_id] = status
            open_ids -= set(ended)
            if open_ids and time.monotonic() > deadline:
                raise DoorUnavailable(f"{len(open_ids)} of {len(ids)} workflows are still running; run again to wait on")
            if open_ids:
                time.sleep(pause)
                pause = min(pause * 1.5, 0.25)
        return [_record(ended[identity]) for identity in ids]

    def record(self, order_id: str) -> dict[str, Any]:
        """The execution record of an order that has ended. Raises `NotFound` where it has not, or is unknown."""
        status = self._one(order_id)
        if status.status not in _FINISHED:
            raise NotFound(f"order {order_id} has not ended: it is {_state(status)}")
        return _record(status)

    def order(self, order_id: str) -> dict[str, Any]:
        """The order as it was queued. Raises `NotFound` where it is unknown."""
        return _order(self._one(order_id))

    def status(self, order_id: str) -> dict[str, Any]:
        """How an order stands: id, agent, workflow, version, state, outcome, times (ISO), attempts. Raises `NotFound`."""
        return _told(self._one(order_id))

    def history(self, order_id: str) -> list[dict[str, Any]]:
        """What was recorded of an order, step by step: number, what (do, undo, park, tell), name, outcome, detail, error."""
        self._one(order_id)
        return [_step(step) for step in self._client.list_workflow_steps(order_id)]

    def orders(
        self, *, agent: str | None = None, states: Iterable[str] | None = None, limit: int = 1000, newest_first: bool = True
    ) -> list[dict[str, Any]]:
        """Orders as `status` tells them; `states`: `queued`, `running`, `delayed`, `finished`, `cancelled`, `dead`."""
        wanted = None if states is None else sorted({name for state in states for name in _DBOS_STATES[state]})
        found = self._client.list_workflows(
            queue_name=agent, status=wanted, limit=limit, sort_desc=newest_first, name=[WORKFLOW, COMPENSATE]
        )
        return [_told(status) for status in found]

    def counts(self) -> dict[str, dict[str, float]]:
        """By agent: orders `queued` (delayed ones too), `running`, and the age in seconds of the oldest that is queued and due."""
        import sqlalchemy as sa

        table = "dbos.workflow_status" if self._database.dialect.name == "postgresql" else "workflow_status"
        query = f"""SELECT queue_name AS agent, status, count(*) AS n, min(created_at) AS oldest FROM {table}
            WHERE status IN ('ENQUEUED', 'PENDING', 'DELAYED') AND queue_name IS NOT NULL GROUP BY 1, 2"""
        with self._database.connect() as db:
            rows = db.execute(sa.text(query)).mappings().all()
        now, found = time.time() * 1000, dict[str, dict[str, float]]()
        for row in rows:
            counted = found.setdefault(str(row["agent"]), {"queued": 0, "running": 0, "oldest_s": 0.0})
            counted["running" if row["status"] == "PENDING" else "queued"] += int(row["n"])
            if row["status"] == "ENQUEUED":
                counted["oldest_s"] = max(0.0, round((now - float(row["oldest"])) / 1000, 3))
        return found

    # What people do to running work
    def cancel(self, order_id: str) -> None:
        """Ask for an order's end: before its next step it stops, and what it did is undone. Raises `NotFound`, `PermanentError`."""
        status = self._one(order_id)
        if status.status in _FINISHED:
            raise PermanentError(f"order {order_id} has ended already: {_state(status)}")
        self.store.cancel(order_id)

    def pause(self, agent: str) -> None:
        """Start no further order of an agent; what runs ends. Holds until `unpause`, over restarts."""
        self._queue(agent).set_worker_concurrency(0)

    def unpause(self, agent: str, concurrency: int) -> None:
        """Start orders again, at most so many at once a worker."""
        self._queue(agent).set_worker_concurrency(concurrency)

    def paused(self) -> list[str]:
        """The agents whose queue is paused."""
        agents = sorted({each.agent for each in self._workflows.values()})
        found = ((agent, self._client.retrieve_queue(agent)) for agent in agents)
        return [agent for agent, queue in found if queue is not None and queue.worker_concurrency == 0]

    def dead(self, agent: str | None = None) -> list[dict[str, Any]]:
        """Dead letters: orders with a parked step that is open, and orders that dbos gave up; as `status`, with `parked`, `error`."""
        parked: dict[str, list[dict[str, Any]]] = {}
        for row in self.store.parked():
            parked.setdefault(row["order_id"], []).append(row)
        given_up = self._client.list_workflows(status=list(_DEAD), name=[WORKFLOW, COMPENSATE])
        statuses = {status.workflow_id: status for status in (*self._status(sorted(parked)), *given_up)}
        dropped = {row["order_id"] for row in self.store.parked(is_open=False) if row["step"] == "begin" and row["state"] == "dropped"}
        told = [
            {**_told(status), "parked": parked.get(identity, []), "error": _error(status, parked.get(identity, []))}
            for identity, status in statuses.items()
            if identity not in dropped or identity in parked
        ]
        return sorted((each for each in told if agent in (None, each["agent"])), key=lambda each: each["created_at"])

    def requeue(self, order_id: str, *, changes: Mapping[str, Any] | None = None) -> str:
        """Try a dead letter again: what could not be undone is undone; what never began begins anew. Gives the id that runs.

        Args:
            order_id: a dead letter.
            changes: members of the order to replace, such as `input`; only where it never began.

        Raises:
            NotFound: no such order.
            PermanentError: it is no dead letter, or changes are asked for of one that has acted.
        """
        status, open_rows = self._one(order_id), self.store.parked(order_id)
        order, kinds = _order(status), {row["kind"] for row in open_rows}
        if not open_rows and status.status not in _DEAD:
            raise PermanentError(f"order {order_id} is no dead letter: it is {_state(status)}")
        if changes and kinds != {"refused"}:
            raise PermanentError(f"order {order_id} has acted already, so it cannot be changed; requeue or drop it")
        if kinds == {"undo"}:
            steps = [row["step"] for row in open_rows]
            return self._again(order, COMPENSATE, "undo", {"steps": steps})
        if "unknown" in kinds:
            for row in open_rows:
                self.store.unfence(row["key"])
            # The same id: the steps that are recorded stay, and the one that is open begins again.
            failed = next(number for number, step in enumerate(self.history(order_id), start=1) if step["outcome"] == "failed")
            self.store.settle(order_id)
            self._client.rewind_workflow(order_id, start_step=failed, queue_name=order["agent"])
            return order_id
        if status.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
            self._client.resume_workflow(order_id, queue_name=order["agent"])
            return order_id
        if status.status == "ERROR":
            last = len(self._client.list_workflow_steps(order_id)) + 1
            self._client.rewind_workflow(order_id, start_step=last, queue_name=order["agent"])
            return order_id
        again = self._again({**order, **(changes or {})}, WORKFLOW, "again", {})
        self.store.settle(order_id)
        return again

    def drop(self, order_id: str) -> None:
        """Give a dead letter up: it is none any more. Raises `NotFound`, or `PermanentError` where it is none."""
        status = self._one(order_id)
        if not self.store.settle(order_id, state="dropped"):
            if status.status not in _DEAD:
                raise PermanentError(f"order {order_id} is no dead letter: it is {_state(status)}")
            self.store.park(_order(status), "begin", "refused", "given up")
            self.store.settle(order_id, state="dropped")

    def fork(self, order_id: str, step: str) -> str:
        """Run an ended order again from a step on, as a new order with the same step keys; gives its id. Raises `NotFound`."""
        order = self.order(order_id)
        for entry in self.history(order_id):
            if entry["what"] == "do" and entry["name"] == step:
                return str(self._client.fork_workflow(order_id, entry["number"], queue_name=order["agent"]).workflow_id)
        raise NotFound(f"order {order_id} has no recorded step {step!r}")

    def forget(self, before: datetime, *, keep: Iterable[str] = (), limit: int = 1000) -> int:
        """Delete orders that ended well before a time, with their steps; dead letters and `keep` stay. Returns how many."""
        kept = set(keep) | {row["order_id"] for row in self.store.parked()}
        stamp = before.astimezone(UTC).isoformat()
        found = self._client.list_workflows(
            status=["SUCCESS", "CANCELLED"], completed_before=stamp, load_input=False, load_output=False, limit=limit
        )
        old = [status.workflow_id for status in found if status.workflow_id not in kept]
        if old:
            self._client.delete_workflows(old)
        return len(old)

    def _again(self, order: dict[str, Any], name: str, how: str, more: Mapping[str, Any]) -> str:
        first = str(order["decision_id"])
        number = 1 + len(self._client.list_workflows(workflow_id_prefix=f"{first}:{how}", load_input=False, load_output=False))
        identity = f"{first}:{how}{number}"
        with self._database.begin() as transaction:
            enqueue(self._client, transaction, {**order, **more}, name=name, identity=identity)
        return identity

    def _pinned(self, order: dict[str, Any], is_strict: bool = True) -> dict[str, Any]:
        declared = self._workflows.get(str(order.get("workflow")))
        if declared is None and not is_strict:
            return order
        if declared is None:
            raise RequestRefused(f"no workflow {order.get('workflow')!r}; the known ones are listed by `eco workflows`")
        return {"workflow_version": declared.version, "priority": declared.priority, **order}

    def _queue(self, agent: str) -> Any:
        found = self._client.retrieve_queue(agent)
        if found is None:
            raise NotFound(f"no queue {agent!r}: no worker has been started yet, or there is no such agent")
        return found

    def _one(self, order_id: str) -> Any:
        found = self._status([order_id])
        if not found:
            raise NotFound(f"no order {order_id!r}")
        return found[0]

    def _status(self, ids: list[str], *, load: bool = True) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(ids), 500):  # SQLite takes at most 999 variables in old builds
            found.extend(self._client.list_workflows(workflow_ids=ids[start : start + 500], load_input=load, load_output=load))
        return found


_DBOS_STATES = {
    "queued": ("ENQUEUED",),
    "delayed": ("DELAYED",),
    "running": ("PENDING",),
    "finished": ("SUCCESS",),
    "cancelled": ("CANCELLED",),
    "dead": _DEAD,
}


def enqueue(
    client: Any,
    transaction: Any,
    order: dict[str, Any],
    *,
    name: str = WORKFLOW,
    identity: str | None = None,
    delay_s: float | None = None,
) -> None:
    """Queue one order on an open transaction, so that it is there with what else the transaction writes, or not at all."""
    from dbos import WorkflowSerializationFormat

    delay = delay_s if delay_s is not None else order.get("delay_s")
    options: dict[str, Any] = {
        "queue_name": order["agent"],
        "workflow_name": name,
        "workflow_id": identity or order["decision_id"],
        "app_version": APPLICATION_VERSION,
        "priority": int(order.get("priority") or 10),
        "serialization_type": WorkflowSerializationFormat.PORTABLE,  # the default is pickle: who can write the table could run code
        **({"delay_seconds": float(delay)} if delay else {}),
    }
    client.enqueue_in_transaction(transaction, options, order)


def _enqueue_all(transaction: Any, orders: list[dict[str, Any]]) -> None:
    """Queue many orders with one statement of dbos's own SQL function: 20 times as many a second as one by one."""
    import sqlalchemy as sa

    delay = "CASE WHEN o ->> 'delay_s' IS NULL THEN NULL ELSE CAST(:now + 1000 * CAST(o ->> 'delay_s' AS DOUBLE PRECISION) AS BIGINT) END"
    statement = f"""SELECT dbos.enqueue_workflow(workflow_name => :name, queue_name => o ->> 'agent', workflow_id => o ->> 'decision_id',
        app_version => :version, priority => CAST(coalesce(o ->> 'priority', '10') AS INT), application_name => 'jorge',
        delay_until_epoch_ms => {delay}, positional_args => ARRAY[o])
        FROM json_array_elements(CAST(:orders AS json)) AS t(o)"""
    values = {"name": WORKFLOW, "version": APPLICATION_VERSION, "orders": json.dumps(orders, ensure_ascii=False), "now": time.time() * 1000}
    transaction.execute(sa.text(statement), values).all()


def _state(status: Any) -> str:
    return next((state for state, names in _DBOS_STATES.items() if status.status in names), str(status.status).lower())


def _order(status: Any) -> dict[str, Any]:
    given = status.input or {}
    args = given.get("args") if isinstance(given, Mapping) else None
    return dict(args[0]) if args else {}


def _told(status: Any) -> dict[str, Any]:
    order = _order(status)
    output = status.output if isinstance(status.output, Mapping) else {}
    return {
        "id": status.workflow_id,
        "agent": order.get("agent", status.queue_name),
        "workflow": order.get("workflow", ""),
        "version": order.get("workflow_version"),
        "subject": order.get("subject", ""),
        "as_of": order.get("as_of", ""),
        "state": _state(status),
        "outcome": output.get("outcome"),
        "priority": status.priority,
        "created_at": _iso(status.created_at),
        "updated_at": _iso(status.updated_at),
        "worker": status.executor_id,
    }


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    output = step["output"] if isinstance(step["output"], Mapping) else {}
    error = step["error"]
    return {
        "number": step["function_id"],
        "what": step["function_name"],
        "name": output.get("name", ""),
        "outcome": output.get("outcome", "failed" if error else ""),
        "detail": output.get("detail", ""),
        "at": output.get("at", ""),
        "ms": output.get("ms", 0.0),
        "error": str(error) if error else "",
    }


def _error(status: Any, parked: list[dict[str, Any]]) -> str:
    return "; ".join(f"{row['step']}: {row['error']}" for row in parked) or str(status.error or "")


def _record(status: Any) -> dict[str, Any]:
    order = _order(status)
    output = status.output if status.status == "SUCCESS" else {"outcome": FAILED, "steps": []}
    stamps = [step["at"] for step in output["steps"] if step["at"]] or [_iso(status.updated_at)]
    record = {
        "workflow_id": status.workflow_id,
        "decision_id": order["decision_id"],
        "agent": order["agent"],
        "workflow": order["workflow"],
        "outcome": output["outcome"],
        "steps": output["steps"],
        "started_at": min(stamps),
        "finished_at": max(stamps),
        "duration_ms": round(sum(step["ms"] for step in output["steps"]), 3),
        "cost_brl": float(order.get("cost_brl") or 0.0) if output["outcome"] == "completed" else 0.0,
        **{name: order[name] for name in ("parent", "event") if name in order},
    }
    error = output.get("error") if status.status == "SUCCESS" else str(status.error)
    return {**record, "error": error} if error else record


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


@contextmanager
def open_engine(
    target: Path | str,
    workflows: Mapping[str, Workflow],
    world: World,
    *,
    pause_s: float = 0.0,
    wait_s: float = 300.0,
    home: Path | None = None,
    agents: Iterable[str] | None = None,
    worker: str | None = None,
) -> Iterator[Engine]:
    """Start a worker in this process, recover what a killed one left, and stop it at the end.

    Args:
        target: the SQLite file, or a Postgres URL.
        workflows: the catalogue.
        world: the doors.
        pause_s: seconds to wait before each step; for crash drills.
        wait_s: how long to wait for another worker of the same SQLite file to end, seconds.
        home: folder whose `queues.yaml` changes the queues.
        agents: whose queues this worker serves; all by default.
        worker: this worker's name where several share a database; it must be unique.

    Raises:
        DoorUnavailable: another worker keeps the file for longer than `wait_s` seconds, or the database does not answer.
    """
    with _owned(target, wait_s):
        database = open_database(target)
        try:
            with _launched(database, target, workflows, world, pause_s, home, agents, worker) as engine:
                yield engine
        finally:
            database.dispose()


@contextmanager
def open_port(target: Path | str, workflows: Mapping[str, Workflow]) -> Iterator[Engine]:
    """Speak to an engine's database without carrying anything out here.

    Raises:
        NotFound: no engine was ever opened on the SQLite file.
    """
    from dbos import DBOSClient

    if isinstance(target, Path) and not target.exists():
        raise NotFound(f"nothing was carried out yet: {target} is not there")
    logging.getLogger("dbos").setLevel(logging.ERROR)
    database = open_database(target)
    _prepare(database, target)
    client = DBOSClient(system_database_url=_url(target), system_database_engine=database, application_name="jorge")
    try:
        engine = Engine(client, database, workflows)
        engine.store.create()
        yield engine
    finally:
        client.destroy()
        database.dispose()


@contextmanager
def _owned(target: Path | str, wait_s: float) -> Iterator[None]:
    """One worker at a time on a SQLite file; on Postgres there may be any number."""
    if not isinstance(target, Path):
        yield
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_suffix(".lock"))
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise DoorUnavailable(f"another worker has been using {target} for {wait_s:.0f} s; try again when it is done") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _launched(
    database: sa.Engine,
    target: Path | str,
    workflows: Mapping[str, Workflow],
    world: World,
    pause_s: float,
    home: Path | None,
    agents: Iterable[str] | None,
    worker: str | None,
) -> Iterator[Engine]:
    from dbos import DBOS, DBOSClient

    logging.getLogger("dbos").setLevel(logging.ERROR)
    served = sorted(set(agents) if agents is not None else {each.agent for each in workflows.values()})
    name = worker or (EXECUTOR if isinstance(target, Path) else f"{EXECUTOR}-{uuid.uuid4().hex[:12]}")
    store, grace_s = Store(database), 5
    store.create()
    store.beat(name, served, APPLICATION_VERSION)  # before the launch: a worker that dies in it must be known
    Bound.workflows, Bound.world, Bound.pause_s, Bound.store = workflows, world, pause_s, store
    workflow()
    if not isinstance(target, Path):
        _prepare(database, target)
    DBOS(
        config={
            "name": "jorge",
            "system_database_url": _url(target),
            "system_database_engine": database,
            "executor_id": name,
            "application_version": APPLICATION_VERSION,
            "log_level": "ERROR",
        }
    )
    client: Any = None
    try:
        DBOS.listen_queues(served)
        client = DBOSClient(system_database_url=_url(target), system_database_engine=database, application_name="jorge")
        Bound.enqueue = lambda transaction, order: enqueue(client, transaction, order)
        DBOS.launch()
        queues.register(served, queues.load_queues(home))
        store.mark_ready()
        engine = Engine(client, database, workflows)
        yield engine
        grace_s = engine.grace_s
    finally:
        DBOS.destroy(workflow_completion_timeout_sec=grace_s)
        with suppress(Exception):
            store.leave(name)
        Bound.world = Bound.store = Bound.enqueue = None


def _prepare(database: sa.Engine, target: Path | str, *, wait_s: float = 60.0) -> None:
    """Make dbos's tables on Postgres, one process at a time; orders may be queued before the first worker is there.

    Raises:
        NotFound: a SQLite file has no tables, and no worker is just making them.
    """
    import sqlalchemy as sa
    from dbos import run_dbos_database_migrations

    # Tried and not waited for: dbos builds indexes CONCURRENTLY, which waits for every open statement, a wait for this lock included.
    while not isinstance(target, Path):
        with database.begin() as db:
            if db.execute(sa.text("SELECT pg_try_advisory_xact_lock(4242004)")).scalar():
                run_dbos_database_migrations(target)
                return
        time.sleep(0.2)
    deadline = time.monotonic() + wait_s
    while not sa.inspect(database).has_table("jorge_ready"):  # the last thing that a worker's start makes
        if time.monotonic() > deadline:
            database.dispose()
            raise NotFound(f"nothing was carried out yet: {target} has no tables")
        time.sleep(0.1)


def _url(target: Path | str) -> str:
    return f"sqlite:///{target}" if isinstance(target, Path) else target


def open_database(target: Path | str) -> sa.Engine:
    """A SQLAlchemy engine: SQLite, or Postgres through psycopg 3.

    SQLite is in WAL: 36 to 67 workflows a second, against 13 to 52 with dbos's DELETE journal; FULL survives a power cut.
    """
    import sqlalchemy as sa

    if not isinstance(target, Path):
        return sa.create_engine(
            target.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=20, max_overflow=10, pool_pre_ping=True
        )
    database = sa.create_engine(_url(target), connect_args={"timeout": 30})

    @sa.event.listens_for(database, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return database
