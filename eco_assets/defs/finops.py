"""What each agent's day cost and is expected to bring, as tables. The arithmetic is in `eco_assets/finops`."""

from collections.abc import Iterator

import dagster as dg

from eco_assets.briefing import agent_cost
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.executions import execution_key
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.plots import cost_by_day, picture
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource


def cost_key(agent: str) -> dg.AssetKey:
    """`finops/<agent>/costs`."""
    return dg.AssetKey(["finops", agent, "costs"])


def _costs(agent: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=cost_key(agent),
        deps=[execution_key(agent)],
        partitions_def=DAILY,
        description="What the day cost in reais, beside the value expected; table `finops.agent_costs_<agent>`.",
        pool="lake",
        **common("finops", agent, ["duckdb", "python"], ["eco_assets/finops"]),
    )
    def cost(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        import pandas as pd

        engines, day = platform.get(), day_of(context)
        row = agent_cost(engines, agent, day).to_dict()
        engines.lake.replace_day(f"finops.agent_costs_{agent}", day, pd.DataFrame([row]).astype({"return_on_cost": float}))
        with engines.lake.connect() as db:
            shown = picture(cost_by_day(agent, db, day))
        return dg.MaterializeResult(metadata={**{name: value for name, value in row.items() if value is not None}, **shown})

    return cost


def finops_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset an agent."""
    for agent in AGENTS:
        yield _costs(agent)
