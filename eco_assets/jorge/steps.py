"""The step library: what a workflow of `agents/` may do to the world, each with what undoes it.

    booking("technician_slots", 24)                                       people's hours, budgets; of_cost=True books the action's cost
    message("crm", "open_task", kind="call")                              any JSON to any door
    email("write_customer", "desculpas_atraso", to="cliente")             a Portuguese letter of `templates/`
    webhook("page_supervisor", "pager", event="machine_stopped")          a signed event
    upsert("change_price", "erp", "prices", match={"product_id": "{subject}"}, values={"price_brl": price})
    machine_command("lower_load", "load", value=0.6, undo_value=1.0)      a command that the machine acknowledges
    task("follow_up", "Retomar proposta de {subject}", role="vendedor", due_days=3)
    page("write_plan", "Plano de {subject}", path="planos/{day}-{short}", template="plano_conta")
    document("write_report", "relatorios/{subject}-{day}.md", template="relatorio_campanha")
    check("is_due", lambda order: order.input.total_brl > 0, "there is nothing to bill")

Content may be a value, a text with `{field}` in it, or a function of the `Order`; fields are the decision's own, its features and its
input. Every step takes `retry=`, `timeout_s=` as `Step` does. Where no door of a step's name is configured (docs/doors.md), the message
lies in the outbox in its final form. Undoing withdraws: the receiver gets a second message that names the first one's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from eco_assets.errors import ActionRefused, PermanentError
from eco_assets.jorge.workflow import Order, Step, booking
from eco_assets.jorge.world import World

__all__ = [
    "booking",
    "check",
    "document",
    "email",
    "fields",
    "machine_command",
    "message",
    "page",
    "sending",
    "task",
    "upsert",
    "webhook",
]
Content = Mapping[str, Any]


def message(door: str, name: str, **content: Any) -> Step:
    """Any JSON to any door; withdrawn when undone."""
    return sending("", door, name, content)


def email(name: str, template: str, *, to: str, door: str = "email", undo_template: str = "desconsiderar", **content: Any) -> Step:
    """A letter of `templates/`, undone by a second one that takes it back.

    Args:
        name: of the step.
        template: name of a file in `templates/`, without its ending.
        to: whom: a role that the door's configuration knows an address of (`cliente`, `vendedor`), or `{field}` with an address in it.
        door: the door it leaves by.
        undo_template: what the second letter says.
        content: further fields of the letter.
    """
    return sending("email", door, name, {"template": template, "to": to, "undo_template": undo_template, "values": _Fields(content)})


def webhook(name: str, door: str, *, event: str, **content: Any) -> Step:
    """An event for another system, signed; undone by an event that withdraws it."""
    return sending("webhook", door, name, {"event": event, **content})


def upsert(name: str, door: str, table: str, *, match: Content, values: Content) -> Step:
    """One row of another system's table, found by `match` and set to `values`; undone, it is as it was before."""
    return sending("sql", door, name, {"table": table, "match": dict(match), "values": dict(values)})


def machine_command(
    name: str, command: str, *, value: Any = None, undo_command: str = "", undo_value: Any = None, door: str = "machine", **content: Any
) -> Step:
    """A command to the machine that the order is about; undone by `undo_command`, or by withdrawing it."""
    return sending(
        "mqtt", door, name, {"command": command, "value": value, "undo_command": undo_command, "undo_value": undo_value, **content}
    )


def task(name: str, title: str, *, role: str, due_days: int = 1, door: str = "tasks", template: str = "", **content: Any) -> Step:
    """A task on the board of the knowledge base; undone, it is marked as withdrawn, never deleted: people may have worked on it."""
    due = {"due": lambda order: (date.fromisoformat(order.day) + timedelta(days=due_days)).isoformat()}
    return sending(
        "notion", door, name, {"title": title, "role": role, "template": template, "path": "", "values": _Fields(content), **due}
    )


def page(name: str, title: str, *, path: str, template: str, door: str = "pages", **content: Any) -> Step:
    """A page of the knowledge base, of a template; undone, it is marked as withdrawn."""
    return sending("notion", door, name, {"title": title, "path": path, "template": template, "values": _Fields(content)})


def document(name: str, file: str, *, template: str, door: str = "files", **content: Any) -> Step:
    """A file of a template in a folder that others read; undone, it is gone."""
    return sending("file", door, name, {"file": file, "template": template, "values": _Fields(content)})


def check(name: str, holds: Callable[[Order], bool], otherwise: str) -> Step:
    """A step that acts on nothing and refuses the order, for good, unless a condition holds."""

    def do(world: World, order: Order) -> str:
        if not holds(order):
            raise ActionRefused(otherwise)
        return "holds"

    return Step(name, do, lambda world, order: "nothing to undo")


def sending(kind: str, door: str, name: str, content: Content) -> Step:
    """A step that sends `content`, settled for the order, through a door; `kind` is its form where the door is not configured."""
    return Step(
        name,
        do=lambda world, order: world.send(door, order.key, order.message(**settled(content, order)), kind=kind),
        undo=lambda world, order: world.withdraw(door, order.key, order.message(**settled(content, order)), kind=kind),
    )


def fields(order: Order) -> dict[str, Any]:
    """What texts may name: features, then the typed input, then the decision's own fields; `short` is the start of its id."""
    decision = order.decision
    features = {**decision.get("features", {}), **decision.get("input", {})}
    own = {name: decision.get(name, "") for name in ("decision_id", "agent", "subject", "action", "workflow")}
    return {**features, **own, "day": order.day, "cost_brl": order.cost_brl, "short": str(decision["decision_id"])[:8]}


def settled(content: Content, order: Order) -> dict[str, Any]:
    """`content` with every function called and every `{field}` filled in.

    Raises:
        PermanentError: a text names a field that the order does not have.
    """
    known = fields(order)
    return {name: _settled(value, order, known) for name, value in content.items()}


class _Fields(dict[str, Any]):
    """Marks content that goes to a template, which is given every field of the order too."""


def _settled(value: Any, order: Order, known: Mapping[str, Any]) -> Any:
    if callable(value):
        return value(order)
    if isinstance(value, str) and "{" in value:
        try:
            return value.format_map(known)
        except (KeyError, IndexError, ValueError) as error:
            raise PermanentError(f"{value!r} names {error}, which this order does not have; it has {', '.join(sorted(known))}") from error
    if isinstance(value, _Fields):
        return {**known, **{name: _settled(each, order, known) for name, each in value.items()}}
    if isinstance(value, Mapping):
        return {name: _settled(each, order, known) for name, each in value.items()}
    return value
