"""How far the triggers are behind: the oldest change that nobody has started yet, so that a sensor never falls behind in silence.

Two look at it: the decision sensor itself on every tick (it tells the check when that turns), and the check in every run and on demand,
which also sees that the sensor has stopped reading.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg
from pydantic import ValidationError

from sensors.decision_changes import CHECK, LATE_S, Cursor, late, read_changes, sensor_name
from sensors.verdicts import Change, Verdicts

JUDGED = 20  # unread changes that a check judges, the oldest first; each takes 30 ms


@dataclass(frozen=True)
class Lag:
    """Changes that wait or were not read, and the seconds since the oldest of them (0 without one)."""

    waiting: int
    unread: int
    oldest_s: float


def lag(
    instance: dg.DagsterInstance,
    agent: str,
    keys: Sequence[dg.AssetKey],
    blocking: Iterable[dg.AssetCheckKey],
    carried_out_by: dg.AssetKey,
    now: float,
) -> Lag:
    """How far an agent's sensor is behind; nothing where it never ran, as in an installation without a daemon."""
    from dagster._core.definitions.run_request import InstigatorType

    if instance.schedule_storage is None:  # an instance in memory
        return Lag(0, 0, 0.0)
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    texts = [getattr(state.instigator_data, "cursor", None) for state in states if state.name == sensor_name(agent)]
    try:
        cursor = Cursor.loads(texts[0]) if texts and texts[0] else None
    except ValidationError:
        cursor = None  # the sensor begins anew with its next tick
    if cursor is None:
        return Lag(0, 0, 0.0)
    fresh = sorted(read_changes(instance, cursor, keys), key=lambda change: change.storage_id)
    verdicts = Verdicts(instance, blocking, carried_out_by)
    unread = [change for change in fresh[:JUDGED] if now - change.at > LATE_S and verdicts.of(change) in ("accepted", "pending")]
    open_: list[Change] = [*cursor.pending, *unread]
    return Lag(len(cursor.pending), len(fresh), max((now - change.at for change in open_), default=0.0))


def lag_check(
    agent: str, keys: Sequence[dg.AssetKey], carried_out_by: dg.AssetKey, blocking: Sequence[dg.AssetCheckKey]
) -> dg.AssetChecksDefinition:
    """The check that an agent's triggers are up to date; `blocking` are the checks that a change of `keys` must have passed."""

    @dg.asset_check(
        asset=carried_out_by,
        name=CHECK,
        description=f"No accepted decision has waited longer than {LATE_S / 60:.0f} minutes for somebody to carry it out.",
    )
    def up_to_date(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        found = lag(context.instance, agent, keys, blocking, carried_out_by, time.time())
        return dg.AssetCheckResult(
            passed=found.oldest_s <= LATE_S,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"lag_s": round(found.oldest_s, 1), "waiting": found.waiting, "unread": found.unread},
        )

    return up_to_date


def lag_checks() -> list[dg.AssetChecksDefinition]:
    """One check an agent."""
    from eco_assets.defs.decisions import BLOCKING, decision_key
    from eco_assets.defs.executions import execution_key
    from eco_assets.mcp.policies import load_policies
    from eco_assets.settings import AGENTS

    def check(agent: str) -> dg.AssetChecksDefinition:
        keys = [decision_key(policy) for policy in load_policies().values() if policy.agent == agent]
        # Named here, because a check of an in-process run does not know the repository that it is part of.
        blocking = [dg.AssetCheckKey(key, name) for key in keys for name in BLOCKING]
        return lag_check(agent, keys, execution_key(agent), blocking)

    return [check(agent) for agent in AGENTS]


__all__ = ["CHECK", "LATE_S", "Lag", "lag", "lag_check", "lag_checks", "late"]
