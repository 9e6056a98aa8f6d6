"""The one durable workflow: runs an order's steps and, where one fails, takes back what was done, in reverse, across crashes.

dbos records each step's result, so whoever goes on after a kill repeats the step that was not recorded and none before it. What a
repeat may do to the world is the step's: it carries the same key, or is fenced. Retries are here and not dbos's, because each step
has its own; a compensation that fails after all of them is parked for a person, and the others still run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ConfigError, OutcomeUnknown, RequestRefused, TransientError, is_transient
from eco_assets.jorge.bulkhead import within
from eco_assets.jorge.choreography import COMPENSATE, WORKFLOW, Choreography, Enqueue
from eco_assets.jorge.workflow import UNDO, Act, Order, Retry, Step, Workflow

if TYPE_CHECKING:
    from eco_assets.jorge.store import Store
    from eco_assets.jorge.world import World

COMPLETED, COMPENSATED, FAILED, CANCELLED = "completed", "compensated", "failed", "cancelled"
UNKNOWN = "unknown"  # how a step ended that must not be repeated
Find = Callable[[str], dict[str, Any] | None]
"""An order by its id."""


class Bound:
    """What the registered workflow works with; set while an engine is open."""

    workflows: Mapping[str, Workflow] = {}
    world: World | None = None
    store: Store | None = None
    enqueue: Enqueue | None = None
    find: Find | None = None
    pause_s: float = 0.0


class EngineClosed(TransientError):
    """The engine was closed under a step; the order goes on at the next start."""


@cache
def workflow() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Register the durable workflows with dbos, once a process; gives the one that carries out an order."""
    from dbos import DBOS

    # How a step ended is its result, never an exception: what dbos gives back of a recorded exception has lost its class.
    @DBOS.step(name="do")
    def do(step_name: str, order: dict[str, Any]) -> dict[str, Any]:
        return _do(step_name, order)

    @DBOS.step(name="undo")
    def undo(step_name: str, order: dict[str, Any]) -> dict[str, Any]:
        return _undo(step_name, order)

    @DBOS.step(name="park")
    def park(step_name: str, kind: str, error: str, order: dict[str, Any]) -> None:
        _store().park(order, step_name, kind, error)

    @DBOS.step(name="tell")
    def tell(order: dict[str, Any]) -> bool:
        return _choreography().tell(order, _declared(order))

    @DBOS.step(name="recall")
    def recall(which: str, order: dict[str, Any]) -> None:
        _recall(which, order)

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=10)
    def saga(order: dict[str, Any]) -> dict[str, Any]:
        declared = _declared(order)  # where it is gone the order ends as an error, and goes on from there once it is back
        try:
            declared.read(order)
        except RequestRefused as error:  # nothing was done yet
            park("begin", "refused", str(error), order)
            return {"outcome": FAILED, "steps": [], "error": str(error)}
        trail: list[dict[str, Any]] = []
        ended = "done"
        for step in declared.steps:
            line = do(step.name, order)
            ended = line.pop("ended")
            trail.append(line)
            if ended == UNKNOWN:
                park(step.name, UNKNOWN, line["detail"], order)
                return {"outcome": FAILED, "steps": trail, "error": line["detail"]}
            if ended != "done":
                break
        if ended == "done" and (declared.emits or declared.is_binding) and tell(order) is False:
            ended = "cancelled"
        if ended == "done":
            return {"outcome": COMPLETED, "steps": trail}
        # The failed step too: a door that did not answer may have acted. One that was cancelled before it began did not.
        done = [line["name"] for line in trail if line["outcome"] == "done" or ended == "failed"]
        is_clean = _undo_all(list(reversed(done)), order, trail)
        outcome = FAILED if not is_clean else CANCELLED if ended == "cancelled" else COMPENSATED
        if declared.is_binding and "parent" in order:
            recall("before", order)
        return {"outcome": outcome, "steps": trail}

    def _undo_all(names: list[str], order: dict[str, Any], trail: list[dict[str, Any]]) -> bool:
        is_clean = True
        for name in names:
            line = undo(name, order)
            trail.append(line)
            if line.pop("ended") != "undone":  # one that cannot be undone must not keep the others from it
                park(name, "undo", line["detail"], order)
                is_clean = False
        return is_clean

    @DBOS.step(name="settle")
    def settle(step_name: str, order: dict[str, Any]) -> None:
        _store().settle(order["decision_id"], step_name)

    @DBOS.workflow(name=COMPENSATE, max_recovery_attempts=10)
    def compensate(order: dict[str, Any]) -> dict[str, Any]:
        """Take back what could not be taken back before, or an ended order whose binding one fell; `steps` of the order names it."""
        trail: list[dict[str, Any]] = []
        is_recall = bool(order.get("is_recall"))
        if is_recall:
            recall("after", order)
        for name in order["steps"]:
            before = len(trail)
            if _undo_all([name], order, trail):
                settle(name, order)
            trail[before] = {**trail[before], "again": not is_recall}
        is_clean = all(line["outcome"] == "undone" for line in trail)
        if is_recall and "parent" in order and _declared(order).is_binding:
            recall("before", order)
        return {"outcome": COMPENSATED if is_clean else FAILED, "steps": trail}

    return saga


def _do(step_name: str, order: dict[str, Any]) -> dict[str, Any]:
    """Act; `ended` says how: `done`, `failed`, `cancelled` (never begun) or `unknown` (begun before by a worker that died)."""
    declared = _declared(order)
    step = declared.step(step_name)
    if _store().is_cancelled(order["decision_id"]):
        return _failed(step_name, order, "somebody asked for its end", ended="cancelled")
    if not step.is_idempotent and not _store().begin_once(_key(order, step_name)):
        why = f"{step_name} had begun when its worker died, and cannot be repeated: find out whether it acted"
        return _failed(step_name, order, why, ended=UNKNOWN)
    try:
        line = _perform(step, step.do, order, declared, step.retry if step.is_idempotent else Retry(attempts=1))
    except EngineClosed:
        raise
    except OutcomeUnknown as error:
        return _failed(step_name, order, str(error), ended=UNKNOWN)
    except Exception as error:  # noqa: BLE001 -- whatever went wrong, what was done must be undone
        is_open = not step.is_idempotent and is_transient(error)  # no answer, and asking again could act twice
        return _failed(step_name, order, str(error), ended=UNKNOWN if is_open else "failed")
    return {**line, "outcome": "done", "ended": "done"}


def _undo(step_name: str, order: dict[str, Any]) -> dict[str, Any]:
    """Take back; `ended` is `undone` or `failed`."""
    declared = _declared(order)
    step = declared.step(step_name)
    try:
        line = _perform(step, step.undo or (lambda world, order: "nothing to undo"), order, declared, UNDO)
    except EngineClosed:
        raise
    except Exception as error:  # noqa: BLE001 -- it is parked for a person
        return _failed(step_name, order, str(error), ended="failed")
    return {**line, "outcome": "undone", "ended": "undone"}


def _perform(step: Step, act: Act, order: dict[str, Any], declared: Workflow, retry: Retry) -> dict[str, Any]:
    """Act, as often as the step's retry allows, each time within the step's time-out; what is recorded of it."""
    if Bound.world is None:
        raise EngineClosed(f"no engine is open; {declared.name} goes on at the next start")
    key = _key(order, step.name)
    told = Order(order, key, declared.read(order))
    place = f"{declared.name}/{step.name}{'' if act is step.do else ' undo'}"
    if Bound.pause_s:
        time.sleep(Bound.pause_s)
    began = time.perf_counter()
    for attempt in range(1, retry.attempts + 1):
        try:
            detail = str(within(step.timeout_s, place, partial(act, Bound.world, told)))
            break
        except Exception as error:
            if attempt == retry.attempts or not is_transient(error):
                raise
            time.sleep(retry.pause_s(attempt))
    elapsed = round((time.perf_counter() - began) * 1000, 3)
    return {"name": step.name, "key": key, "detail": detail, "at": _now(), "ms": elapsed, "attempts": attempt}


def _choreography() -> Choreography:
    if Bound.enqueue is None:
        raise EngineClosed("no engine is open")
    return Choreography(_store(), Bound.enqueue, Bound.workflows)


def _recall(which: str, order: dict[str, Any]) -> None:
    """Take back what stands and falls with an order: the one `before` it, or those `after` it."""
    if Bound.find is None:
        raise EngineClosed("no engine is open")
    if which == "after":
        _choreography().recall_after(order, Bound.find)
    elif before := Bound.find(str(order["parent"])):
        _choreography().recall_before(order, before)


def _declared(order: Mapping[str, Any]) -> Workflow:
    """The declaration that the order began with.

    Raises:
        ConfigError: the workflow or that version of it is gone.
    """
    name, version = str(order["workflow"]), order.get("workflow_version")
    found = Bound.workflows.get(name)
    if found is None:
        raise ConfigError(f"no workflow {name!r} is known here; start a worker of the code that has it, or drop the order")
    declared = found if version is None else found.at(int(version))
    if declared is None:
        raise ConfigError(f"workflow {name} has no version {version} any more: keep it in `earlier` until its orders have ended")
    return declared


def _store() -> Store:
    if Bound.store is None:
        raise EngineClosed("no engine is open")
    return Bound.store


def _key(order: Mapping[str, Any], step_name: str) -> str:
    return f"{order['decision_id']}/{step_name}"


def _failed(step_name: str, order: Mapping[str, Any], why: str, *, ended: str) -> dict[str, Any]:
    """The trail's line about a step, or its undoing, that did not go through."""
    line = {"name": step_name, "key": _key(order, step_name), "outcome": "failed", "detail": why, "at": "", "ms": 0.0}
    return {**line, "ended": ended}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
