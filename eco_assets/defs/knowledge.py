"""The knowledge base in the graph: brought in line with what people did, what they said as a table, and the pages on which they answer.

Synchronising is `notion_sync`'s, taking in `eco_assets/feedback.py`'s.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from eco_assets.defs.describe import WRITERS, common, day_of, path_metadata
from eco_assets.defs.executions import execution_key
from eco_assets.defs.jobs import KNOWLEDGE
from eco_assets.defs.partitions import DAILY
from eco_assets.platform import Platform
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource

JOB = "knowledge"
PAGES, EVENTS = dg.AssetKey([KNOWLEDGE, "grupo", "pages"]), dg.AssetKey([KNOWLEDGE, "grupo", "feedback_events"])
CONFLICTS, OUTBOX, DRIFT, ONCE = "no_old_conflict", "outbox_empty", "no_drift", "each_once"


def approvals_key(agent: str) -> dg.AssetKey:
    """`reports/<agent>/approvals`."""
    return dg.AssetKey(["reports", agent, "approvals"])


@dg.asset(
    key=PAGES,
    check_specs=[
        dg.AssetCheckSpec(CONFLICTS, asset=PAGES, description="No conflict between a person and the machine is open for too long."),
        dg.AssetCheckSpec(OUTBOX, asset=PAGES, description="Every write that was begun has ended: nothing waits to be made sure of."),
        dg.AssetCheckSpec(
            DRIFT, asset=PAGES, description="What stands on the pages is what is remembered: another look would write nothing."
        ),
    ],
    description="The knowledge base after both sides were brought together: what people changed is kept, what the machine says is written.",
    **common(KNOWLEDGE, "grupo", ["markdown", "notion"], ["notion_sync/sync", "notion_sync/knowledge.py"]),
)
def pages(platform: PlatformResource) -> dg.MaterializeResult:
    """Synchronise both ways and look once more."""
    engines = platform.get()
    report = engines.knowledge.sync()
    return dg.MaterializeResult(
        metadata={**_numbers(report), "place": path_metadata(engines.settings.knowledge)},
        check_results=[_conflicts(engines), _outbox(engines), _drift(engines)],
    )


def _numbers(report: object) -> dict[str, int]:
    return {name: value for name, value in vars(report).items() if isinstance(value, int)}


def _conflicts(engines: Platform) -> dg.AssetCheckResult:
    found, limit = engines.knowledge.conflicts(), timedelta(days=engines.settings.conflict_days)
    old = [conflict for conflict in found if datetime.now(UTC) - conflict.at > limit]
    return dg.AssetCheckResult(
        check_name=CONFLICTS,
        passed=not old,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"open": len(found), "old": len(old), "pages": "\n".join(sorted({conflict.page for conflict in old})) or "none"},
    )


def _outbox(engines: Platform) -> dg.AssetCheckResult:
    waiting = engines.knowledge.outbox_size()
    return dg.AssetCheckResult(check_name=OUTBOX, passed=not waiting, severity=dg.AssetCheckSeverity.WARN, metadata={"waiting": waiting})


def _drift(engines: Platform) -> dg.AssetCheckResult:
    again = _numbers(engines.knowledge.sync(dry_run=True))
    writes = again.get("writes", 0)
    return dg.AssetCheckResult(check_name=DRIFT, passed=not writes, severity=dg.AssetCheckSeverity.WARN, metadata=again)


@dg.asset(
    key=EVENTS,
    deps=[PAGES],
    check_specs=[dg.AssetCheckSpec(ONCE, asset=EVENTS, description="Every event that was noted is in the table, and none is there twice.")],
    pool=WRITERS,
    description="What people did on the pages, each once, with what came of it; table `feedback.events`. Answers go to the ledger.",
    **common(KNOWLEDGE, "grupo", ["duckdb", "python"], ["notion_sync/feedback", "eco_assets/feedback.py"]),
)
def feedback_events(platform: PlatformResource) -> dg.MaterializeResult:
    """Take in what is new and answer on the pages."""
    from eco_assets.feedback import intake_of, take_in

    engines = platform.get()
    taken, intake = take_in(engines), intake_of(engines)
    rows, repeated, missing = *intake.count(), intake.pending(engines.knowledge.events)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": rows,
            "new_events": taken.added,
            "kinds": dg.MetadataValue.json(dict(taken.kinds)),
            "results": dg.MetadataValue.json(dict(taken.results)),
        },
        check_results=[
            dg.AssetCheckResult(check_name=ONCE, passed=not (repeated or missing), metadata={"repeated": repeated, "missing": missing})
        ],
    )


def _approvals(agent: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=approvals_key(agent),
        deps=[execution_key(agent)],
        partitions_def=DAILY,
        description="A page for each decision of the day that a person must answer, where the person answers it, in Portuguese.",
        **common("reports", agent, ["markdown", "notion"], ["notion_sync/approval_pages.py", "eco_assets/feedback.py"]),
    )
    def approvals(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        from eco_assets.feedback import publish_approvals
        from notion_sync.approval_pages import FOLDER

        engines, day = platform.get(), day_of(context).isoformat()
        done = publish_approvals(engines, agent, day)
        place = path_metadata(engines.settings.knowledge / FOLDER / day / agent)
        return dg.MaterializeResult(metadata={"pages": done.pages, "changed": done.changed, "waiting": done.waiting, "folder": place})

    return approvals


def knowledge_assets() -> Iterator[dg.AssetsDefinition]:
    """The pages, the events, and the approval pages of each agent."""
    yield pages
    yield feedback_events
    for agent in AGENTS:
        yield _approvals(agent)


def knowledge_job() -> "dg.UnresolvedAssetJobDefinition":
    """Both ways once: pages, then what people said."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(PAGES, EVENTS),
        executor_def=dg.in_process_executor,
        tags={"agent": "grupo"},
        description="Synchronises the knowledge base and takes in what people said on it.",
    )
