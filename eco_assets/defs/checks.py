"""Great Expectations on the marts, as blocking asset checks of the day. The suites are in `eco_assets/aurion/expectations.py`."""

import warnings
from collections.abc import Iterator

import dagster as dg

from eco_assets.aurion.expectations import SUITES, validate
from eco_assets.aurion.quality.findings import as_markdown
from eco_assets.catalog.samples import Protections
from eco_assets.contracts.contract import load_contracts
from eco_assets.defs.describe import day_of, path_metadata
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.phd import model_key
from eco_assets.lineage.project import load_lineage
from resources.platform import PlatformResource

CHECK = "great_expectations"


def _check(mart: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=model_key(mart),
        name=CHECK,
        blocking=True,
        partitions_def=DAILY,
        description=f"{len(SUITES[mart])} expectations on the day's rows of {mart}.",
        pool="lake",
    )
    def expectations(context: dg.AssetCheckExecutionContext, platform: PlatformResource) -> dg.AssetCheckResult:
        engines, day = platform.get(), day_of(context)
        rows = engines.lake.frame(f"SELECT * FROM marts.{mart} WHERE as_of = $as_of", {"as_of": day})
        protections = Protections(load_contracts(), load_lineage())
        hidden = [name for name in rows.columns if not protections.of(f"marts.{mart}", name).is_shown]
        docs = engines.settings.data_docs / mart / day.isoformat()
        result = validate(mart, rows, hidden=hidden, docs=docs)
        return dg.AssetCheckResult(
            passed=not (result.failed or result.warned),
            severity=dg.AssetCheckSeverity.ERROR if result.failed else dg.AssetCheckSeverity.WARN,
            metadata={
                "rows": len(rows),
                "expectations": result.evaluated,
                "broken": dg.MetadataValue.md("\n".join(f"- {line}" for line in (*result.failed, *result.warned)) or "none"),
                "sample": dg.MetadataValue.md(as_markdown(result.sample) if result.sample else "none"),
                "data_docs": path_metadata(docs / "index.html"),
            },
        )

    return expectations


def mart_checks() -> Iterator[dg.AssetChecksDefinition]:
    """One check a mart that decisions read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitioned checks: a preview in Dagster, and our tests hold what we use of it
        for mart in SUITES:
            yield _check(mart)
