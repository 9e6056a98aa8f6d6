"""The reports that a user added, one asset a file of `eco_assets/reports/<agent>/`; `eco new report` starts one."""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.describe import common, day_of
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.reports import publish
from eco_assets.defs.tables import assets_read_by
from eco_assets.own_reports import OwnReport, page, read_reports
from resources.platform import PlatformResource


def _report(report: OwnReport) -> dg.AssetsDefinition:
    @dg.asset(
        key=["reports", report.agent, report.name],
        deps=assets_read_by(" ".join(section.query for section in report.content.sections)),
        partitions_def=DAILY,
        description=report.content.description,
        **common("reports", report.agent, ["markdown", "notion"], [str(report.path), "eco_assets/own_reports.py"]),
    )
    def own(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with engines.lake.connect() as db:
            rendered = page(report, db, day)
        return publish(engines, rendered)

    return own


def own_report_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset a file. Raises `ConfigError` when one is malformed."""
    for report in read_reports():
        yield _report(report)
