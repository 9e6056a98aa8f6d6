"""Decision records as assets: a page for each decision that is worth one, and an index. Which are, `notion_sync` says."""

from collections.abc import Iterator

import dagster as dg

from eco_assets.briefing import labels
from eco_assets.day import standing_decisions, superseded_decisions
from eco_assets.decision_words import told
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.executions import execution_key
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.reports import publish
from eco_assets.jorge.approvals import content_hash, counts, needs_person
from eco_assets.settings import AGENTS
from notion_sync.generators.decision_records import decision_records
from resources.platform import PlatformResource


def records_key(agent: str) -> dg.AssetKey:
    """`reports/<agent>/decision_records`."""
    return dg.AssetKey(["reports", agent, "decision_records"])


def _records(agent: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=records_key(agent),
        deps=[execution_key(agent)],
        partitions_def=DAILY,
        description="A page for each decision that needs a person, costs much, failed or gave way, in Portuguese; with an index.",
        **common(
            "reports", agent, ["markdown", "notion"], ["notion_sync/generators/decision_records.py", "notion_sync/decision_detail.py"]
        ),
    )
    def records(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, as_of = platform.get(), day_of(context)
        ledger, day = engines.ledger, as_of.isoformat()
        decisions = told(ledger, standing_decisions(ledger, agent, day))
        decisions = [{**decision, "requires_approval": needs_person(decision)} for decision in decisions]
        known = {decision["decision_id"]: decision for decision in decisions}
        *pages, index = decision_records(
            agent,
            as_of,
            decisions,
            ledger.list("execution", agent=agent, as_of=day),
            superseded=told(ledger, superseded_decisions(ledger, agent, day)),
            answers=[
                answer
                for answer in ledger.list("approval", agent=agent, as_of=day)
                if answer["decision_id"] in known and counts(answer, known[answer["decision_id"]])
            ],
            hashes={identity: content_hash(decision) for identity, decision in known.items()},
            labels=labels(),
        )
        changed = sum(engines.workspace.publish(page.path, page.document, page.images).is_changed for page in pages)
        return publish(engines, index, decision_records=len(pages), pages_changed=changed)

    return records


def decision_record_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset an agent."""
    for agent in AGENTS:
        yield _records(agent)
