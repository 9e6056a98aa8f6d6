"""Dead letters: orders that the engine could neither carry out nor take back. A person edits, requeues, drops or acknowledges them.

An order is a letter of the dead while one of its steps is parked (it could not be undone, or may have acted, or the order never began)
or its workers died of it again and again. Every act is audited (`operations.py`). The day's execution record stays as it was written;
what a requeue came to is an `operation` of its own, `settled`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from eco_assets.errors import EcoError, NotFound, PermanentError
from eco_assets.jorge.operations import KIND, audited, of
from eco_assets.ledger import Entry, Ledger

if TYPE_CHECKING:
    from eco_assets.jorge.engine import Engine
    from eco_assets.jorge.workflow import Workflow

FAILED = "failed"
EDIT, REQUEUE, DROP, ACKNOWLEDGE, SETTLED = "edit", "requeue", "drop", "acknowledge", "settled"
EDITABLE = ("input", "cost_brl", "subject", "priority")


def find(port: Engine, name: str) -> dict[str, Any]:
    """One dead letter by its id or a unique prefix of it. Raises `NotFound`."""
    found = [letter for letter in port.dead() if letter["id"].startswith(name)]
    exact = [letter for letter in found if letter["id"] == name]
    if len(exact or found) != 1 or not name:
        raise NotFound(f"{'more than one' if found else 'no'} dead letter begins with {name!r}; `eco dlq list` shows them")
    return (exact or found)[0]


def listed(port: Engine, ledger: Ledger, agent: str | None = None) -> list[dict[str, Any]]:
    """Dead letters, oldest first, as `Engine.dead` tells them, each with what people did: `operations`, `is_acknowledged`, `edits`."""
    entries = ledger.list(KIND)
    found = []
    for letter in port.dead(agent):
        done = [entry for entry in entries if entry.get("target") == letter["id"]]
        found.append({**letter, "operations": done, "is_acknowledged": _is_acknowledged(done, letter), "edits": _edits(done)})
    return found


def show(port: Engine, ledger: Ledger, name: str) -> dict[str, Any]:
    """One dead letter in full: the order as it was queued, every recorded step, what is parked, what people did."""
    letter = find(port, name)
    done = of(ledger, letter["id"])
    return {
        **letter,
        "order": port.order(letter["id"]),
        "history": port.history(letter["id"]),
        "operations": done,
        "is_acknowledged": _is_acknowledged(done, letter),
        "edits": _edits(done),
    }


def edit(
    port: Engine, ledger: Ledger, workflows: Mapping[str, Workflow], name: str, changes: Mapping[str, Any], *, by: str, why: str
) -> dict[str, Any]:
    """Correct an order that never began; `requeue` then runs it as corrected. Returns all its edits.

    Args:
        port: the engine.
        ledger: target of the audit.
        workflows: the catalogue; the corrected order must be what the workflow takes.
        name: the dead letter.
        changes: values of the order's input by name, or of `EDITABLE` members.
        by: who does it.
        why: the reason.

    Raises:
        NotFound: no such dead letter.
        PermanentError: it has acted already, nothing is changed, or the workflow does not take the corrected order; says what is wrong.
    """
    letter = find(port, name)
    if {row["kind"] for row in letter["parked"]} != {"refused"}:
        raise PermanentError(f"{letter['id']} has acted already, so it cannot be changed; requeue or drop it")
    if not changes:
        raise PermanentError("nothing is changed: say --set name=value")
    order, so_far = port.order(letter["id"]), _edits(of(ledger, letter["id"]))
    before = edited(order, so_far)
    after = edited(order, {**so_far, **changes})
    workflow = workflows.get(str(after["workflow"]))
    if workflow is None:
        raise PermanentError(f"no workflow {after['workflow']!r} is known here, so nothing can be corrected; drop it")
    workflow.read(after)
    was = {key: before.get(key, (before.get("input") or {}).get(key)) for key in changes}
    with audited(ledger, EDIT, letter["id"], by=by, why=why, agent=letter["agent"], changes=dict(changes), before=was):
        return {**so_far, **changes}


def edited(order: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """An order with corrections: members of `EDITABLE` are replaced, everything else is a value of its input."""
    own = {key: value for key, value in changes.items() if key in EDITABLE and key != "input"}
    told = {key: value for key, value in changes.items() if key not in EDITABLE}
    whole = changes.get("input", order.get("input")) or {}
    return {**order, **own, "input": {**whole, **told}}


def requeue(port: Engine, ledger: Ledger, name: str, *, by: str, why: str = "") -> str:
    """Try a dead letter again, with its edits; returns the id that runs. What it comes to is recorded by `settle`.

    Raises:
        NotFound: no such dead letter.
    """
    letter = find(port, name)
    order, edits = port.order(letter["id"]), _edits(of(ledger, letter["id"]))
    changed = edited(order, edits) if edits else {}
    changes = {key: value for key, value in changed.items() if order.get(key) != value}
    about = {"agent": letter["agent"], "as_of": str(letter["as_of"] or ""), "error": letter["error"]}
    with audited(ledger, REQUEUE, letter["id"], by=by, why=why, **about) as identity:
        run = port.requeue(letter["id"], changes=changes or None)
    ledger.append([Entry(KIND, f"{identity}/run", letter["agent"], letter["as_of"], {"operation": "run", "of": letter["id"], "run": run})])
    return run


def drop(port: Engine, ledger: Ledger, name: str, *, by: str, why: str) -> dict[str, Any]:
    """Give a dead letter up. What its steps did stays as it is in the world, so the reason must say who saw to it."""
    letter = find(port, name)
    if not why.strip():
        raise PermanentError("giving up needs a reason: --why TEXT")
    about = {"agent": letter["agent"], "as_of": str(letter["as_of"] or ""), "error": letter["error"]}
    with audited(ledger, DROP, letter["id"], by=by, why=why, **about):
        port.drop(letter["id"])
    return letter


def acknowledge(port: Engine, ledger: Ledger, name: str, *, by: str, why: str) -> dict[str, Any]:
    """Say that somebody sees to a dead letter; it stays one, but is no alarm any more until it changes."""
    letter = find(port, name)
    with audited(ledger, ACKNOWLEDGE, letter["id"], by=by, why=why, agent=letter["agent"], as_of=str(letter["as_of"] or "")):
        return letter


def settle(port: Engine, ledger: Ledger) -> list[dict[str, Any]]:
    """Record what requeued orders came to, each once; returns the new records."""
    entries, fresh = ledger.list(KIND), []
    known = {entry["run_entry"] for entry in entries if entry["operation"] == SETTLED}
    for entry in entries:
        key = f"{entry['seq']}"
        if entry["operation"] != "run" or key in known:
            continue
        try:
            record = port.record(entry["run"])
        except EcoError:  # it has not ended
            continue
        body = {"operation": SETTLED, "target": entry["of"], "run_entry": key, "by": "eco", "record": record}
        ledger.append([Entry(KIND, f"{SETTLED}/{key}", record["agent"], port.order(entry["of"])["as_of"], body)])
        fresh.append(body)
    return fresh


def standing(ledger: Ledger, records: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Of failed execution records: how many nobody has seen to (`open`), somebody does (`acknowledged`), are over (`settled`)."""
    done: dict[str, list[dict[str, Any]]] = {}
    for entry in ledger.list(KIND):
        done.setdefault(str(entry.get("target")), []).append(entry)
    counts = {"open": 0, "acknowledged": 0, "settled": 0}
    for record in records:
        if record["outcome"] == FAILED:
            counts[_state(done.get(record["workflow_id"], []))] += 1
    return counts


def last_record(ledger: Ledger, order_id: str) -> dict[str, Any] | None:
    """What the newest requeue of an order came to; None where it was never requeued or has not ended."""
    settled = [entry["record"] for entry in of(ledger, order_id) if entry["operation"] == SETTLED]
    return dict(settled[-1]) if settled else None


def _state(done: list[dict[str, Any]]) -> str:
    state = "open"
    for entry in done:
        if "failed" in entry:
            continue
        if entry["operation"] == SETTLED:
            state = "open" if entry["record"]["outcome"] == FAILED else "settled"
        elif entry["operation"] == DROP:
            state = "settled"
        elif entry["operation"] in (ACKNOWLEDGE, REQUEUE):
            state = "acknowledged"
    return state


def _is_acknowledged(done: list[dict[str, Any]], letter: Mapping[str, Any]) -> bool:
    died_at = max([letter["updated_at"], *(row["at"] for row in letter["parked"])])
    acts = [entry for entry in done if entry["operation"] in (ACKNOWLEDGE, REQUEUE) and "failed" not in entry]
    return any(entry["recorded_at"] >= died_at for entry in acts)


def _edits(done: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in done:
        if entry["operation"] == EDIT and "failed" not in entry:
            found |= entry["changes"]
        elif entry["operation"] == SETTLED:
            found = {}
    return found
