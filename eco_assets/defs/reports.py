"""Pages for business people: a report and a decision log an agent and day, and the day's first page.

What a page says is in `notion_sync`, what goes into it in `eco_assets/briefing.py`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from eco_assets.briefing import agent_day, agent_records, labels
from eco_assets.day import standing_decisions, superseded_decisions
from eco_assets.decision_words import told
from eco_assets.defs.decisions import decision_key
from eco_assets.defs.describe import common, day_of, path_metadata
from eco_assets.defs.executions import execution_key
from eco_assets.defs.finops import cost_key
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.slo import slo_key
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from eco_assets.settings import AGENTS
from notion_sync.records import Rendered
from resources.platform import PlatformResource


def report_key(agent: str) -> dg.AssetKey:
    """`reports/<agent>/daily_report`."""
    return dg.AssetKey(["reports", agent, "daily_report"])


def log_key(agent: str) -> dg.AssetKey:
    """`reports/<agent>/decision_log`."""
    return dg.AssetKey(["reports", agent, "decision_log"])


def publish(engines: Platform, page: Rendered, **more: Any) -> dg.MaterializeResult:
    """Publish a page; what Dagster is told of it, with `more` metadata."""
    published = engines.workspace.publish(page.path, page.document, page.images)
    text = published.path.read_text(encoding="utf-8").split("---\n", 2)[-1]
    return dg.MaterializeResult(
        metadata={
            "page": path_metadata(published.path),
            "is_changed": published.is_changed,
            "sha256": published.sha256,
            "conflict": dg.MetadataValue.text(str(published.conflict or "none")),
            "preview": dg.MetadataValue.md(text[:6000]),
            **more,
        },
        data_version=dg.DataVersion(published.sha256[:16]),
    )


def _report(agent: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=report_key(agent),
        deps=[execution_key(agent), cost_key(agent), slo_key(agent)],
        partitions_def=DAILY,
        description="The agent's day for business people, in Portuguese: figures, decisions, approvals, models, data quality, cost.",
        **common("reports", agent, ["markdown", "notion"], ["notion_sync", "eco_assets/briefing.py"]),
    )
    def report(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        from notion_sync.reports import agent_report

        engines = platform.get()
        return publish(engines, agent_report(agent_day(engines, agent, day_of(context)), labels()))

    return report


def _log(agent: str) -> dg.AssetsDefinition:
    decided = [decision_key(policy) for policy in load_policies().values() if policy.agent == agent]

    @dg.asset(
        key=log_key(agent),
        deps=[execution_key(agent), *decided],
        partitions_def=DAILY,
        description="Every decision of the day with its alternatives, inputs and outcome, in Portuguese.",
        **common("reports", agent, ["markdown", "notion"], ["notion_sync"]),
    )
    def log(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        from notion_sync.decision_log import decision_log

        engines, as_of = platform.get(), day_of(context)
        day = as_of.isoformat()
        decisions = told(engines.ledger, standing_decisions(engines.ledger, agent, day))
        executions = engines.ledger.list("execution", agent=agent, as_of=day)
        gave_way, head = superseded_decisions(engines.ledger, agent, day), engines.ledger.last(agent=agent, as_of=day)
        page = decision_log(agent, as_of, decisions, executions, superseded=gave_way, ledger_head=head, labels=labels())
        return publish(engines, page)

    return log


@dg.asset(
    key=["reports", "grupo", "daily_index"],
    deps=[key(agent) for agent in AGENTS for key in (report_key, log_key)],  # not the plan: a day without one has its first page
    partitions_def=DAILY,
    description="The day's first page: one line an agent, with links to its report.",
    **common("reports", "grupo", ["markdown", "notion"], ["notion_sync"]),
)
def daily_index(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
    """Publish the page that a reader opens first."""
    from eco_assets.mcp.mega.standing import MEGA, PLAN
    from notion_sync.records import summarise
    from notion_sync.reports import daily_index as render

    engines, as_of = platform.get(), day_of(context)
    is_planned = bool(engines.ledger.list(PLAN, agent=MEGA, as_of=as_of.isoformat()))
    lines = [summarise(agent_records(engines, agent, as_of)) for agent in AGENTS]
    return publish(engines, render(as_of, lines, is_planned=is_planned))


def report_assets() -> Iterator[dg.AssetsDefinition]:
    """A report and a log an agent, and the first page."""
    for agent in AGENTS:
        yield _report(agent)
        yield _log(agent)
    yield daily_index
