"""How each agent's day stands against its objectives, as tables and checks. Objectives and arithmetic are in `eco_assets/slo`."""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg

from eco_assets.briefing import agent_slo
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.executions import execution_key
from eco_assets.defs.partitions import DAILY
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource

CHECK = "objectives_met"


def slo_key(agent: str) -> dg.AssetKey:
    """`slo/<agent>/objectives`."""
    return dg.AssetKey(["slo", agent, "objectives"])


def _objectives(agent: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=slo_key(agent),
        deps=[execution_key(agent)],
        partitions_def=DAILY,
        description="Decision latency and execution success of the day against the objectives; table `slo.objectives_<agent>`.",
        check_specs=[dg.AssetCheckSpec(CHECK, asset=slo_key(agent), description="No objective with samples is missed.")],
        pool="lake",
        **common("slo", agent, ["duckdb", "python"], ["eco_assets/slo"]),
    )
    def objectives(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        import pandas as pd

        engines, day = platform.get(), day_of(context)
        results = agent_slo(engines, agent, day)
        rows = pd.DataFrame([asdict(result) for result in results])
        rows = rows.astype({"value": float, "error_budget_left": float, "is_met": "boolean", "alert": "string"})
        engines.lake.replace_day(f"slo.objectives_{agent}", day, rows)
        missed = [result.objective for result in results if result.is_met is False]
        measured = {result.objective: result.value for result in results if result.value is not None}
        return dg.MaterializeResult(
            metadata=measured,
            check_results=[
                dg.AssetCheckResult(check_name=CHECK, passed=not missed, severity=dg.AssetCheckSeverity.WARN, metadata={"missed": missed})
            ],
        )

    return objectives


def slo_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset an agent."""
    for agent in AGENTS:
        yield _objectives(agent)
