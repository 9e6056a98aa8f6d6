"""What dbos keeps of an order, told in our words: its state, its steps, its execution record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eco_assets.jorge.coordinator import FAILED

FINISHED = ("SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED")
DEAD = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
STATES = {
    "queued": ("ENQUEUED",),
    "delayed": ("DELAYED",),
    "running": ("PENDING",),
    "finished": ("SUCCESS",),
    "cancelled": ("CANCELLED",),
    "dead": DEAD,
}


def state_of(status: Any) -> str:
    """One of `STATES`, or dbos's own word."""
    return next((state for state, names in STATES.items() if status.status in names), str(status.status).lower())


def order_of(status: Any) -> dict[str, Any]:
    """The order as it was queued."""
    given = status.input or {}
    args = given.get("args") if isinstance(given, Mapping) else None
    return dict(args[0]) if args else {}


def told(status: Any) -> dict[str, Any]:
    """How an order stands; see `Engine.status`."""
    order = order_of(status)
    output = status.output if isinstance(status.output, Mapping) else {}
    return {
        "id": status.workflow_id,
        "agent": order.get("agent", status.queue_name),
        "workflow": order.get("workflow", ""),
        "version": order.get("workflow_version"),
        "subject": order.get("subject", ""),
        "as_of": order.get("as_of", ""),
        "state": state_of(status),
        "outcome": output.get("outcome"),
        "priority": status.priority,
        "created_at": _iso(status.created_at),
        "updated_at": _iso(status.updated_at),
        "worker": status.executor_id,
    }


def step_of(step: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of an order's history; see `Engine.history`."""
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


def error_of(status: Any, parked: list[dict[str, Any]]) -> str:
    """Why an order is a dead letter: what each parked step said, or what dbos recorded."""
    return "; ".join(f"{row['step']}: {row['error']}" for row in parked) or str(status.error or "")


def record_of(status: Any) -> dict[str, Any]:
    """The execution record of an order that has ended."""
    order = order_of(status)
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
