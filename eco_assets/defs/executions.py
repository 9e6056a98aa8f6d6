"""Executions: one asset an agent. Each materialization carries out the day's decisions that were not carried out yet.

The workflows and the durable engine are in `eco_assets/jorge`; what a person must approve first waits.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.decisions import decision_key
from eco_assets.defs.describe import common, day_of, path_metadata
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.jorge.dispatch import execute_day
from eco_assets.mcp.policies import load_policies
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource

SUCCESS, DEAD = "success_rate", "no_dead_letters"
# Within a run executions come after all that is ready besides them, and so after the mega-agent's plan, without an edge to it: with one,
# refused data of one agent would keep the others from acting.
LATER = {"dagster/priority": "-1"}
TARGET = 0.99


def execution_key(agent: str) -> dg.AssetKey:
    """`executions/<agent>/workflows`."""
    return dg.AssetKey(["executions", agent, "workflows"])


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
            dg.AssetCheckSpec(DEAD, asset=key, description="No workflow ended where neither its steps nor its compensations went through."),
        ],
        pool="jorge",
        op_tags=LATER,
        **common("executions", agent, ["dbos", "sqlite"], [f"eco_assets/jorge/agents/{agent}.py", "eco_assets/jorge/engine.py"]),
    )
    def execute(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with measured(engines, context, agent):
            executed = execute_day(engines.ledger, agent, day.isoformat(), engines.engine)
        outcomes = executed.outcomes()
        ended = {name: outcomes.get(name, 0) for name in ("completed", "compensated", "failed")}
        finished = sum(ended.values())
        rate = (finished - ended["failed"]) / finished if finished else None
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(executed.records),
                "new_executions": executed.added,
                **outcomes,
                "outbox": path_metadata(engines.settings.outbox),
            },
            check_results=[
                dg.AssetCheckResult(check_name=SUCCESS, passed=rate is None or rate >= TARGET, metadata={"finished": finished, **ended}),
                dg.AssetCheckResult(check_name=DEAD, passed=ended["failed"] == 0, metadata={"failed": ended["failed"]}),
            ],
        )

    return execute


def execution_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset an agent."""
    for agent in AGENTS:
        yield _executions(agent)
