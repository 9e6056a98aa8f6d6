"""Pages of no day as assets: components, architecture decisions and runbooks, risks, post-mortems; with their job and their schedule.

They have no upstream assets, because people look them up when data was refused too. What they say is in `eco_assets/knowledge_pages.py`.
"""

from collections.abc import Iterator
from functools import cache

import dagster as dg

from eco_assets.defs.describe import common
from eco_assets.defs.jobs import KNOWLEDGE, PLATFORM_PAGES
from eco_assets.defs.reports import publish
from eco_assets.knowledge_pages import KINDS
from resources.platform import PlatformResource

ZONE = "America/Sao_Paulo"
_CODE = {
    "components": ["notion_sync/generators/component_pages.py", "notion_sync/templates/components"],
    "decisions_of_architecture": ["notion_sync/generators/framed_pages.py"],
    "risks": ["notion_sync/generators/risk_register.py", "notion_sync/templates/risks"],
    "workflows": ["eco_assets/jorge/catalogue_page.py", "eco_assets/jorge/agents"],
    "post_mortems": ["notion_sync/generators/post_mortems.py", "notion_sync/templates/post_mortems"],
}


def page_key(kind: str) -> dg.AssetKey:
    """`knowledge/grupo/<kind>`."""
    return dg.AssetKey(["knowledge", "grupo", kind])


def _pages(kind: str, description: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=page_key(kind),
        description=description,
        **common(KNOWLEDGE, "grupo", ["markdown", "notion"], ["eco_assets/knowledge_pages.py", *_CODE[kind]]),
    )
    def pages(platform: PlatformResource) -> dg.MaterializeResult:
        engines = platform.get()
        _, make = KINDS[kind]
        *others, first = make(engines)
        changed = [page.path for page in others if engines.workspace.publish(page.path, page.document, page.images).is_changed]
        listed = dg.MetadataValue.md("\n".join(f"- {path}" for path in changed[:50]) or "none")
        return publish(engines, first, pages=len(others) + 1, changed=listed)

    return pages


def knowledge_page_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset a kind."""
    for kind, (description, _) in KINDS.items():
        yield _pages(kind, description)


@cache  # one object, or Dagster sees two jobs of one name
def platform_pages_job() -> "dg.UnresolvedAssetJobDefinition":
    """The job that makes them all."""
    return dg.define_asset_job(
        PLATFORM_PAGES,
        selection=dg.AssetSelection.assets(*map(page_key, KINDS)),
        executor_def=dg.in_process_executor,
        description="Components, architecture decisions, runbooks, risks and post-mortems, as of now.",
        tags={"agent": "grupo"},
    )


def platform_pages_schedule() -> dg.ScheduleDefinition:
    """Every day at 06:15, after the reports of weeks and months."""
    return dg.ScheduleDefinition(
        name=PLATFORM_PAGES,
        job=platform_pages_job(),
        cron_schedule="15 6 * * *",
        execution_timezone=ZONE,
        description="Makes the pages about the platform itself anew, every day at 06:15.",
    )
