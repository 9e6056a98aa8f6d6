"""Reports that are not of every day: an agent's week, and what the agents cost in a month. Each has a job and a schedule of its own.

A partition is the last day that a report covers. What a page says is in `notion_sync/generators`, what goes into it in
`eco_assets/briefing_periods.py`.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.briefing import labels
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.finops import cost_key
from eco_assets.defs.jobs import PERIODIC
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.reports import publish
from eco_assets.defs.slo import slo_key
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource

_CODE = ["notion_sync/generators/periods.py", "eco_assets/briefing_periods.py"]
# A week reads seven days of costs and a month up to 31, but each partition depends on the day of its own name only: earlier days that
# were never run leave a gap in the page and stop nothing.
MONTHLY_KEY = dg.AssetKey(["periodic", "grupo", "monthly_costs"])


def weekly_key(agent: str) -> dg.AssetKey:
    """`periodic/<agent>/weekly_report`."""
    return dg.AssetKey(["periodic", agent, "weekly_report"])


def _weekly(agent: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=weekly_key(agent),
        deps=[cost_key(agent), slo_key(agent)],
        partitions_def=DAILY,
        description="The agent's last seven days beside the seven before, for business people, in Portuguese.",
        **common(PERIODIC, agent, ["markdown", "notion"], [*_CODE, "notion_sync/generators/weekly_report.py"]),
    )
    def report(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        from eco_assets.briefing_periods import agent_week
        from notion_sync.generators.weekly_report import weekly_report

        engines = platform.get()
        week = agent_week(engines, agent, day_of(context))
        return publish(engines, weekly_report(week, labels()), decisions=len(week.decisions))

    return report


@dg.asset(
    key=MONTHLY_KEY,
    deps=[cost_key(agent) for agent in AGENTS],
    partitions_def=DAILY,
    description="What the agents cost in the month so far and what is expected in return, by agent, day and kind, in Portuguese.",
    **common(PERIODIC, "grupo", ["markdown", "notion"], [*_CODE, "notion_sync/generators/monthly_costs.py", "eco_assets/finops"]),
)
def monthly_costs(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
    """Publish the month's costs."""
    from eco_assets.briefing_periods import month_costs
    from notion_sync.generators.monthly_costs import monthly_costs as render

    engines = platform.get()
    month = month_costs(engines, day_of(context))
    return publish(engines, render(month, labels()), total_brl=round(sum(cost["total_brl"] for cost in month.costs), 2))


def periodic_assets() -> Iterator[dg.AssetsDefinition]:
    """A weekly report an agent, and the month's costs."""
    for agent in AGENTS:
        yield _weekly(agent)
    yield monthly_costs
