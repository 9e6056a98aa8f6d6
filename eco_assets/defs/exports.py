"""Each mart as a file of the day, CSV or Parquet: built on demand, for whoever takes data from here without a database."""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.describe import common, day_of, path_metadata
from eco_assets.defs.jobs import EXPORTS
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.phd import model_key
from eco_assets.exports import Form, export
from eco_assets.settings import PROJECT_ROOT
from resources.platform import PlatformResource


class ExportConfig(dg.Config):
    """What a run may choose."""

    form: Form = "csv"


def _file(mart: str) -> dg.AssetsDefinition:
    key = model_key(mart)
    agent, entity = key.path[1:]

    @dg.asset(
        key=dg.AssetKey([EXPORTS, agent, entity]),
        deps=[key],
        partitions_def=DAILY,
        description=f"{mart} of the day as a CSV or Parquet file with a stable schema; protected columns are masked.",
        pool="lake",
        **common(EXPORTS, agent, ["csv", "parquet"], ["eco_assets/exports.py"]),
    )
    def write(context: dg.AssetExecutionContext, config: ExportConfig, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        target = engines.settings.exports / agent / entity / f"{day.isoformat()}.{config.form}"
        done = export(engines.lake, f"marts.{mart}", target, day=day, form=config.form)
        schema = dg.TableSchema([dg.TableColumn(column.name, column.type) for column in done.columns])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": done.rows,
                "dagster/column_schema": schema,
                "file": path_metadata(target),
                "sha256": done.sha256,
                "masked": ", ".join(column.name for column in done.columns if column.is_masked) or "none",
            },
            data_version=dg.DataVersion(done.sha256),
        )

    return write


def export_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset a mart of the dbt project."""
    for path in sorted((PROJECT_ROOT / "dbt_project" / "models" / "marts").rglob("*.sql")):
        yield _file(path.stem)
