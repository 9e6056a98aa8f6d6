"""Makes an incident of every run that failed and will not be run again by itself: a ledger entry, an alert, a page.

Dagster calls the sensor once a failed run; killed in between it is called again, and record, alert and page are the same by their keys.
"""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from eco_assets.incidents import FailedRun, FailedStep, record
from eco_assets.platform import Platform
from notion_sync.records import Rendered
from resources.platform import PlatformResource


@dg.run_failure_sensor(
    name="incidents",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Records a run that failed for good as an incident, alerts whoever is on call and writes the page of the incident.",
)
def incidents(context: dg.RunFailureSensorContext, platform: PlatformResource) -> dg.SkipReason | None:
    """One failed run."""
    run = context.dagster_run
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return dg.SkipReason(f"run {run.run_id} failed and is run again by itself")
    engines = platform.get()
    failed = failed_run(context)
    record(engines.ledger, engines.world, failed)
    write_page(engines, failed.run_id)
    return None


def write_page(engines: Platform, run_id: str) -> None:
    """The page on which people answer the questions of a post-mortem; repeats of an incident on one day share the first one's."""
    from eco_assets.knowledge_pages import incident_pages

    *pages, index = incident_pages(engines)
    for page in (*(each for each in pages if _tells_of(each, run_id)), index):
        engines.workspace.publish(page.path, page.document, page.images)


def _tells_of(page: Rendered, run_id: str) -> bool:
    from notion_sync.documents.markdown_writer import to_markdown

    return run_id[:8] in page.path or run_id[:8] in to_markdown(page.document)


def failed_run(context: dg.RunFailureSensorContext) -> FailedRun:
    """What the event log says of a failed run."""
    run = context.dagster_run
    found = context.instance.get_run_record_by_id(run.run_id)
    ended = datetime.fromtimestamp((found.end_time if found else None) or 0.0, UTC)
    return FailedRun(
        run.run_id,
        run.job_name,
        run.tags.get("agent", "grupo"),
        run.tags.get("dagster/partition", ""),
        ended.isoformat(timespec="seconds"),
        tuple(_step(context.instance, run, event) for event in context.get_step_failure_events()),
    )


def _step(instance: dg.DagsterInstance, run: dg.DagsterRun, event: dg.DagsterEvent) -> FailedStep:
    """A failed step and the innermost error, because Dagster wraps what was raised."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    kind, message = (error.cls_name or "", error.message.strip()) if error is not None else ("", "")
    return FailedStep(event.step_key or "", _assets(instance, run, event), kind, message)


def _assets(instance: dg.DagsterInstance, run: dg.DagsterRun, event: dg.DagsterEvent) -> tuple[str, ...]:
    """The assets that the step was to make."""
    planned = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED).records
    told = [record.event_log_entry.dagster_event for record in planned]
    keys = {e.asset_key.to_user_string() for e in told if e is not None and e.step_key == event.step_key and e.asset_key is not None}
    return tuple(sorted(keys))
