"""Executions of the mega-agent: goals handed out, incidents opened, the day's brief sent. What is ordered is in `mcp/mega/carry.py`."""

import dagster as dg

from eco_assets.defs.describe import common, day_of, path_metadata
from eco_assets.defs.executions import TARGET, execution_key
from eco_assets.defs.measure import measured
from eco_assets.defs.mega import KEY as PLAN
from eco_assets.defs.partitions import DAILY
from resources.platform import PlatformResource

KEY = execution_key("mega")
SUCCESS = "success_rate"


@dg.asset(
    key=KEY,
    deps=[PLAN],
    partitions_def=DAILY,
    description="What was done about the day's plan itself: goals handed out, incidents and budget alerts opened, the brief sent.",
    check_specs=[
        dg.AssetCheckSpec(SUCCESS, asset=KEY, description=f"At least {TARGET:.0%} of finished workflows completed or were compensated.")
    ],
    pool="jorge",
    **common("executions", "mega", ["dbos", "sqlite"], ["eco_assets/jorge/agents/mega.py", "eco_assets/mcp/mega/carry.py"]),
)
def mega_executions(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
    """Carry out the newest plan of the day."""
    from eco_assets.mcp.mega import newest_plan
    from eco_assets.mcp.mega.carry import carry_out

    engines, day = platform.get(), day_of(context)
    with measured(engines, context, "mega"):
        records = carry_out(engines, newest_plan(engines, day))
    outcomes = {name: sum(record["outcome"] == name for record in records) for name in ("completed", "compensated", "failed")}
    rate = 1 - outcomes["failed"] / len(records) if records else None
    return dg.MaterializeResult(
        metadata={"dagster/row_count": len(records), **outcomes, "outbox": path_metadata(engines.settings.outbox)},
        check_results=[dg.AssetCheckResult(check_name=SUCCESS, passed=rate is None or rate >= TARGET, metadata=dict(outcomes))],
    )
