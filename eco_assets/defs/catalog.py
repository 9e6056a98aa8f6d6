"""The catalogue as an asset with a job of its own, and the sensors that start it after every run, failed ones too.

It has no upstream assets: Dagster skips what comes after a refused source, and that is when people look a table up. What a page says is
in `eco_assets/catalog`.
"""

from collections.abc import Iterator
from functools import cache

import dagster as dg

from eco_assets.defs.describe import common, path_metadata
from resources.platform import PlatformResource

GROUP = "catalog"
JOB = "catalog"
KEY = dg.AssetKey(["reports", "grupo", "catalog"])


@dg.asset(
    key=KEY,
    description="A page a dataset, in Portuguese: contract, owner, lineage, readers, quality, loads, a masked sample; and a search.",
    **common(GROUP, "grupo", ["markdown", "notion"], ["eco_assets/catalog", "eco_assets/lineage", "notion_sync"]),
)
def catalog(platform: PlatformResource) -> dg.MaterializeResult:
    """Build the catalogue as of now."""
    from eco_assets.catalog.build import build_catalog

    built = build_catalog(platform.get())
    return dg.MaterializeResult(
        metadata={
            "page": path_metadata(built.index),
            "datasets": built.datasets,
            "pages_changed": len(built.changed),
            "changed": dg.MetadataValue.md("\n".join(f"- {page}" for page in built.changed[:50]) or "none"),
            "conflicts": dg.MetadataValue.text(", ".join(str(path) for path in built.conflicts) or "none"),
        }
    )


@cache  # one object, or Dagster sees two jobs of one name
def catalog_job() -> "dg.UnresolvedAssetJobDefinition":
    """The job that builds the catalogue."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(KEY),
        executor_def=dg.in_process_executor,
        description="The catalogue of data, as of now.",
        tags={"agent": "grupo"},
    )


def catalog_sensors() -> Iterator[dg.SensorDefinition]:
    """One sensor for runs that succeeded and one for those that failed: both may have loaded something."""
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
        yield _after(status)


def _after(status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"catalog_after_{status.value.lower()}",
        request_job=catalog_job(),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Builds the catalogue anew after a run.",
    )
    def build_again(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        if context.dagster_run.job_name == JOB:
            return dg.SkipReason("the catalogue is not built because it was built")
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    return build_again
