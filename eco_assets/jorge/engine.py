"""The port to the durable engine: queue orders, wait for their end, look at them, stop, repeat or fork them. The engine is dbos.

`launch.py` opens one. Why dbos: docs/adr/0003.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DoorUnavailable, NotFound, PermanentError, RequestRefused
from eco_assets.jorge.choreography import COMPENSATE, WORKFLOW
from eco_assets.jorge.enqueueing import enqueue, enqueue_all
from eco_assets.jorge.records import DEAD, FINISHED, STATES, error_of, order_of, record_of, state_of, step_of, told
from eco_assets.jorge.store import Store
from eco_assets.jorge.workflow import Workflow

if TYPE_CHECKING:
    import sqlalchemy as sa


class Engine:
    """An open engine. Get one of `launch.py`."""

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
                    enqueue_all(transaction, fresh)
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
                if status.status in FINISHED:
                    ended[status.workflow_id] = status
            open_ids -= set(ended)
            if open_ids and time.monotonic() > deadline:
                raise DoorUnavailable(f"{len(open_ids)} of {len(ids)} workflows are still running; run again to wait on")
            if open_ids:
                time.sleep(pause)
                pause = min(pause * 1.5, 0.25)
        return [record_of(ended[identity]) for identity in ids]

    def record(self, order_id: str) -> dict[str, Any]:
        """The execution record of an order that has ended. Raises `NotFound` where it has not, or is unknown."""
        status = self._one(order_id)
        if status.status not in FINISHED:
            raise NotFound(f"order {order_id} has not ended: it is {state_of(status)}")
        return record_of(status)

    def order(self, order_id: str) -> dict[str, Any]:
        """The order as it was queued. Raises `NotFound` where it is unknown."""
        return order_of(self._one(order_id))

    def status(self, order_id: str) -> dict[str, Any]:
        """How an order stands: id, agent, workflow, version, state, outcome, times (ISO), attempts. Raises `NotFound`."""
        return told(self._one(order_id))

    def history(self, order_id: str) -> list[dict[str, Any]]:
        """What was recorded of an order, step by step: number, what (do, undo, park, tell), name, outcome, detail, error."""
        self._one(order_id)
        return [step_of(step) for step in self._client.list_workflow_steps(order_id)]

    def orders(
        self, *, agent: str | None = None, states: Iterable[str] | None = None, limit: int = 1000, newest_first: bool = True
    ) -> list[dict[str, Any]]:
        """Orders as `status` tells them; `states`: `queued`, `running`, `delayed`, `finished`, `cancelled`, `dead`."""
        wanted = None if states is None else sorted({name for state in states for name in STATES[state]})
        found = self._client.list_workflows(
            queue_name=agent, status=wanted, limit=limit, sort_desc=newest_first, name=[WORKFLOW, COMPENSATE]
        )
        return [told(status) for status in found]

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
        if status.status in FINISHED:
            raise PermanentError(f"order {order_id} has ended already: {state_of(status)}")
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
        given_up = self._client.list_workflows(status=list(DEAD), name=[WORKFLOW, COMPENSATE])
        statuses = {status.workflow_id: status for status in (*self._status(sorted(parked)), *given_up)}
        dropped = {row["order_id"] for row in self.store.parked(is_open=False) if row["step"] == "begin" and row["state"] == "dropped"}
        letters = [
            {**told(status), "parked": parked.get(identity, []), "error": error_of(status, parked.get(identity, []))}
            for identity, status in statuses.items()
            if identity not in dropped or identity in parked
        ]
        return sorted((each for each in letters if agent in (None, each["agent"])), key=lambda each: each["created_at"])

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
        order, kinds = order_of(status), {row["kind"] for row in open_rows}
        if not open_rows and status.status not in DEAD:
            raise PermanentError(f"order {order_id} is no dead letter: it is {state_of(status)}")
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
            if status.status not in DEAD:
                raise PermanentError(f"order {order_id} is no dead letter: it is {state_of(status)}")
            self.store.park(order_of(status), "begin", "refused", "given up")
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
