"""Executions: each materialization carries out the day's decisions that were not carried out yet; dead letters; outcomes.

The workflows and the durable engine are in `eco_assets/jorge`; what a person must approve first waits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from eco_assets.defs.decisions import decision_key
from eco_assets.defs.describe import common, day_of, path_metadata
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.jorge.controls import intake_of
from eco_assets.jorge.dead_letters import standing
from eco_assets.jorge.dispatch import Executed, execute_day
from eco_assets.ledger import Ledger
from eco_assets.mcp.policies import load_policies
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource

SUCCESS, DEAD = "success_rate", "no_dead_letters"
SEEN_TO, OLDEST = "all_acknowledged", "oldest_queued"
# Within a run executions come after all that is ready besides them, and so after the mega-agent's plan, without an edge to it: with one,
# refused data of one agent would keep the others from acting.
LATER = {"dagster/priority": "-1"}
TARGET = 0.99


def execution_key(agent: str) -> dg.AssetKey:
    """`executions/<agent>/workflows`."""
    return dg.AssetKey(["executions", agent, "workflows"])


def dead_letters_key(agent: str) -> dg.AssetKey:
    """`executions/<agent>/dead_letters`."""
    return dg.AssetKey(["executions", agent, "dead_letters"])


def outcomes_key(agent: str) -> dg.AssetKey:
    """`executions/<agent>/outcomes`."""
    return dg.AssetKey(["executions", agent, "outcomes"])


@dataclass(frozen=True)
class Told:
    """What an execution tells the graph: metadata of its materialization, and checks by name (passed, metadata)."""

    metadata: dict[str, Any]
    checks: dict[str, tuple[bool, dict[str, Any]]]


def tell(ledger: Ledger, executed: Executed) -> Told:
    """What a day's execution tells, whether a run or the resident worker carried it out."""
    outcomes = executed.outcomes()
    ended = {name: outcomes.get(name, 0) for name in ("completed", "compensated", "failed")}
    finished, dead = sum(ended.values()), standing(ledger, executed.records)
    is_met = not finished or (finished - ended["failed"]) / finished >= TARGET
    return Told(
        {"dagster/row_count": len(executed.records), "new_executions": executed.added, **outcomes},
        {SUCCESS: (is_met, {"finished": finished, **ended}), DEAD: (not dead["open"], {"failed": ended["failed"], **dead})},
    )


def _executions(agent: str) -> dg.AssetsDefinition:
    key = execution_key(agent)

    @dg.asset(
        key=key,
        deps=[decision_key(policy) for policy in load_policies().values() if policy.agent == agent],
        partitions_def=DAILY,
        description="What was done about the day's decisions: durable workflows, their steps and compensations, as ledger records.",
        check_specs=[
            dg.AssetCheckSpec(
                SUCCESS, asset=key, description=f"At least {TARGET:.0%} of finished workflows completed or were compensated."
            ),
            dg.AssetCheckSpec(DEAD, asset=key, description="Every workflow that could neither end nor be undone is seen to by a person."),
        ],
        pool="jorge",
        op_tags=LATER,
        **common("executions", agent, ["dbos", "sqlite"], [f"eco_assets/jorge/agents/{agent}.py", "eco_assets/jorge/coordinator.py"]),
    )
    def execute(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with measured(engines, context, agent):
            executed = execute_day(engines.ledger, agent, day.isoformat(), engines.engine, intake=intake_of(engines))
        told = tell(engines.ledger, executed)
        return dg.MaterializeResult(
            metadata={**told.metadata, "outbox": path_metadata(engines.settings.outbox)},
            check_results=[
                dg.AssetCheckResult(check_name=name, passed=is_passed, metadata=found) for name, (is_passed, found) in told.checks.items()
            ],
        )

    return execute


def _dead_letters(agent: str) -> dg.AssetsDefinition:
    key = dead_letters_key(agent)

    @dg.asset(
        key=key,
        deps=[execution_key(agent)],
        partitions_def=DAILY,
        description="Orders of any day that a person must see to (`eco dlq`), and how the agent's queue stands now.",
        check_specs=[
            dg.AssetCheckSpec(SEEN_TO, asset=key, description="No dead letter, or each is acknowledged by a person."),
            dg.AssetCheckSpec(OLDEST, asset=key, description="The oldest queued order waits for no longer than the agent's queue allows."),
        ],
        op_tags=LATER,
        **common("executions", agent, ["dbos", "sqlite"], ["eco_assets/jorge/dead_letters.py", "eco_assets/jorge/queues.yaml"]),
    )
    def dead_letters(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        from eco_assets.jorge.graph import dead_letters_of

        told = dead_letters_of(platform.get(), agent)
        return dg.MaterializeResult(
            metadata={"dagster/row_count": len(told.letters), "letters": dg.MetadataValue.md(told.table()), "pressure": told.pressure},
            check_results=[
                dg.AssetCheckResult(
                    check_name=SEEN_TO, passed=not told.unseen, metadata={"letters": len(told.letters), "unacknowledged": told.unseen}
                ),
                dg.AssetCheckResult(
                    check_name=OLDEST,
                    passed=told.oldest_s <= told.allowed_s,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"oldest_s": told.oldest_s, "allowed_s": told.allowed_s, "queued": told.queued},
                ),
            ],
        )

    return dead_letters


def _outcomes(agent: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=outcomes_key(agent),
        deps=[execution_key(agent)],
        partitions_def=DAILY,
        description="How the day's executions ended, a row each; table `executions.outcomes_<agent>`. Kept when the engine forgets them.",
        pool="lake",
        op_tags=LATER,
        **common("executions", agent, ["duckdb"], ["eco_assets/jorge/graph.py"]),
    )
    def outcomes(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        from eco_assets.jorge.graph import outcome_rows

        engines, day = platform.get(), day_of(context)
        rows = outcome_rows(engines.ledger, agent, day.isoformat())
        count = engines.lake.replace_day(f"executions.outcomes_{agent}", day, rows)
        ended = {str(outcome): int(number) for outcome, number in rows["outcome"].value_counts().items()}
        return dg.MaterializeResult(metadata={"dagster/row_count": count, **ended})

    return outcomes


def execution_assets() -> Iterator[dg.AssetsDefinition]:
    """What was carried out, what died and how it ended: three assets an agent."""
    for agent in AGENTS:
        yield _executions(agent)
        yield _dead_letters(agent)
        yield _outcomes(agent)
