"""Orders that events start, and what stands and falls together.

An order that ends well tells its events, and whatever listens begins as an order of its own: nobody coordinates them. A workflow that
*binds* (`is_binding`) stands and falls with the order whose event started it. Where it does not go through, that order is taken back;
where that order is taken back for another reason, it is too. Each of these is one row that only one side can write first, so that
crashes, repeats and two workers at once make it happen once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from eco_assets.jorge.workflow import Workflow, listeners

if TYPE_CHECKING:
    from eco_assets.jorge.store import Store

WORKFLOW, COMPENSATE = "jorge.saga", "jorge.compensate"
CLOSED, RECALLED = "closed", "recalled"
_START = "INSERT INTO jorge_started VALUES (:id, :event, :parent, :agent, :workflow) ON CONFLICT (order_id) DO NOTHING"


class Enqueue(Protocol):
    """Queue an order on an open transaction."""

    def __call__(self, transaction: Any, order: dict[str, Any], *, name: str = WORKFLOW, identity: str | None = None) -> None:
        """`name`: of the durable workflow. `identity`: the run's, where it is not the order's."""


class Choreography:
    """What an open engine does about events.

    Args:
        store: the engine's. enqueue: queues on the store's database. workflows: the catalogue.
    """

    def __init__(self, store: Store, enqueue: Enqueue, workflows: Mapping[str, Workflow]) -> None:
        self._store, self._enqueue, self._workflows = store, enqueue, workflows

    def tell(self, order: Mapping[str, Any], declared: Workflow) -> bool:
        """Write the events of an order that succeeded, and queue what listens, in one transaction.

        False, and nothing written, where the order binds and was recalled before: it must be taken back.
        """
        with self._store.database.begin() as db:
            if declared.is_binding and _stands(db, order["decision_id"], CLOSED) != CLOSED:
                return False
            for event in declared.emits:
                self._tell(db, order, event)
        return True

    def _tell(self, db: Any, order: Mapping[str, Any], event: str) -> None:
        import sqlalchemy as sa

        identity = _hash(order["decision_id"], event)
        values = {"id": identity, "type": event, "order": order["decision_id"], "agent": order["agent"], "at": _now()}
        db.execute(sa.text("INSERT INTO jorge_events VALUES (:id, :type, :order, :agent, :at) ON CONFLICT (id) DO NOTHING"), values)
        for listener in listeners(self._workflows, event):
            child = asked_by(order, identity, event, listener)
            if self._is_first(db, child["decision_id"], child, identity, order["decision_id"]):
                self._enqueue(db, child)

    def recall_before(self, order: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Take back the order whose event started a binding one, which did not go through."""
        with self._store.database.begin() as db:
            self._recall(db, before, order["decision_id"])

    def recall_after(self, order: Mapping[str, Any], find: Any) -> None:
        """Take back the binding orders that this one's events started.

        One that is under way, or waits, sees it before its next step and takes itself back; one that has closed is queued to be.
        """
        for row in self._store.children(order["decision_id"]):
            declared = self._workflows.get(row["workflow"])
            if declared is None or not declared.is_binding:
                continue
            self._store.cancel(row["order_id"])
            with self._store.database.begin() as db:
                if _stands(db, row["order_id"], RECALLED) == CLOSED and (child := find(row["order_id"])):
                    self._recall(db, child, order["decision_id"])

    def _recall(self, db: Any, order: Mapping[str, Any], because: str) -> None:
        identity = f"{order['decision_id']}:{RECALLED}"
        declared = self._workflows.get(str(order["workflow"]))
        version = order.get("workflow_version")
        at = declared if declared is None or version is None else declared.at(int(version))
        steps = [step.name for step in reversed(at.steps)] if at else []
        if self._is_first(db, identity, order, "", because):
            self._enqueue(db, {**order, "steps": steps, "is_recall": True}, name=COMPENSATE, identity=identity)

    def _is_first(self, db: Any, identity: str, order: Mapping[str, Any], event: str, parent: str) -> bool:
        import sqlalchemy as sa

        values = {"id": identity, "event": event, "parent": parent, "agent": order["agent"], "workflow": order["workflow"]}
        return bool(db.execute(sa.text(_START), values).rowcount)


def asked_by(order: Mapping[str, Any], event_id: str, event: str, listener: Workflow) -> dict[str, Any]:
    """The order that an event makes of a workflow that listens; the same event makes the same order."""
    return {
        "decision_id": _hash(event_id, listener.name),
        "agent": listener.agent,
        "workflow": listener.name,
        "workflow_version": listener.version,
        "subject": order["subject"],
        "action": event,
        "as_of": order["as_of"],
        "cost_brl": 0.0,
        "traceparent": order.get("traceparent", ""),
        "features": order.get("features") or {},
        "input": order.get("input") or {},
        "priority": listener.priority,
        "event": event,
        "parent": order["decision_id"],
    }


def _stands(db: Any, order_id: str, state: str) -> str:
    """Write how an order stands, if nothing is written yet; gives what stands."""
    import sqlalchemy as sa

    statement = "INSERT INTO jorge_standing VALUES (:id, :state) ON CONFLICT (order_id) DO NOTHING"
    db.execute(sa.text(statement), {"id": order_id, "state": state})
    return str(db.execute(sa.text("SELECT state FROM jorge_standing WHERE order_id = :id"), {"id": order_id}).scalar_one())


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
