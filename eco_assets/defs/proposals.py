"""Proposals as assets: a page for every decision of the day that offers something to a customer and was carried out to its end.

What a proposal says is in `notion_sync/proposals.py` and its templates; which decisions get one in `notion_sync/proposal_pages.py`.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.briefing import labels
from eco_assets.day import standing_decisions
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.executions import execution_key
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.reports import publish
from notion_sync.proposal_pages import day_of_proposals, proposing_agents
from resources.platform import PlatformResource

CHECK = "every_proposal_made"
_CODE = ["notion_sync/proposals.py", "notion_sync/proposal_pages.py", "notion_sync/proposal_values.py", "notion_sync/templates/proposals"]


def proposals_key(agent: str) -> dg.AssetKey:
    """`reports/<agent>/proposals`."""
    return dg.AssetKey(["reports", agent, "proposals"])


def _proposals(agent: str) -> dg.AssetsDefinition:
    key = proposals_key(agent)

    @dg.asset(
        key=key,
        deps=[execution_key(agent)],
        partitions_def=DAILY,
        description="What the agent offers customers: a proposal for each decision that was carried out, from a template, in Portuguese.",
        check_specs=[
            dg.AssetCheckSpec(CHECK, asset=key, description="Every decision that a template answers and that was done has its page.")
        ],
        **common("reports", agent, ["markdown", "notion"], _CODE),
    )
    def proposals(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, as_of = platform.get(), day_of(context)
        day = as_of.isoformat()
        executions = engines.ledger.list("execution", agent=agent, as_of=day)
        made = day_of_proposals(agent, as_of, standing_decisions(engines.ledger, agent, day), executions, labels())
        *pages, index = made.pages
        changed = sum(engines.workspace.publish(page.path, page.document, page.images).is_changed for page in pages)
        shown = publish(engines, index, proposals=len(pages), pages_changed=changed)
        reasons = dg.MetadataValue.md("\n".join(f"- {why}" for why in made.refused.values()) or "none")
        check = dg.AssetCheckResult(
            check_name=CHECK,
            passed=not made.refused,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"refused": len(made.refused), "reasons": reasons},
        )
        return shown._replace(check_results=[check])

    return proposals


def proposal_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset for each agent that some template answers."""
    for agent in proposing_agents():
        yield _proposals(agent)
