"""Online features as assets: one a view, brought up to the end of the day and held against the point-in-time join of the lake.

The views are declared in `eco_assets/aurion/features/views`; the work is done by `eco_assets/aurion/features`.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.aurion.features.lint import lint
from eco_assets.aurion.features.parity import Parity
from eco_assets.aurion.features.store import open_store
from eco_assets.aurion.features.views import View, load_views
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.phd import model_key
from resources.platform import PlatformResource

CHECK = "parity"
SAMPLE = 200
ENGINE = "eco_assets/aurion/features"
CODE = [f"{ENGINE}/{name}.py" for name in ("sql", "offline", "materialize", "online")]


def view_key(view: View) -> dg.AssetKey:
    """`feature_store/<agent>/<view>`."""
    return dg.AssetKey(["feature_store", view.agent, view.name])


def source_key(view: View) -> dg.AssetKey:
    """The asset that a view reads: a model of dbt, or a raw table."""
    first, *rest = view.source.table.split(".")
    return dg.AssetKey(["raw", *rest]) if first == "raw" else model_key(rest[0])


def _features(view: View) -> dg.AssetsDefinition:
    key = view_key(view)
    described = common("feature_store", view.agent, ["python", "duckdb"], [f"{ENGINE}/views/{view.agent}/{view.name}.yaml", *CODE])
    columns = [dg.TableColumn(part.name, part.type, part.description) for part in view.parts]

    @dg.asset(
        key=key,
        deps=[source_key(view)],
        partitions_def=DAILY,
        description=f"{view.description} Served by {', '.join(view.key_names)}; view `{view.name}` of the feature store.",
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=key,
                blocking=True,
                description=f"What is served of up to {2 * SAMPLE} keys is what the point-in-time join says.",
            )
        ],
        pool="lake",
        **{**described, "tags": {**described["tags"], **{f"feature/{tag}": "" for tag in view.tags}}},
    )
    def serve(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines = platform.get()
        with measured(engines, context, view.agent):
            store = open_store(engines.lake, engines.settings)
            done = store.materialize(view.name, day_of(context))
            compared = store.parity(view.name, SAMPLE)
        freshness: dict[str, str | float] = {}
        if done.newest is not None:
            freshness = {"newest": done.newest.isoformat(), "age_hours": round((done.through - done.newest).total_seconds() / 3600, 2)}
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": done.rows,
                "through": done.through.isoformat(),
                **freshness,
                "rows_read": done.read,
                "rows_written": done.written,
                "rows_deleted": done.deleted,
                "seconds": round(done.seconds, 3),
                "online_store": store.online.kind,
            },
            check_results=[_parity(compared)],
        )

    return serve


def _parity(compared: Parity) -> dg.AssetCheckResult:
    shown = [f"{one.key}: {one.feature} is {one.online} online and {one.offline} in the lake" for one in compared.mismatches[:10]]
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=compared.is_equal,
        metadata={
            "keys": compared.checked,
            "mismatches": len(compared.mismatches),
            "reasons": dg.MetadataValue.md("\n".join(f"- {line}" for line in shown) or "none"),
        },
    )


def feature_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset a view. Raises `ConfigError` when a view names what does not exist."""
    views = load_views()
    lint(views.values())
    for view in views.values():
        yield _features(view)
