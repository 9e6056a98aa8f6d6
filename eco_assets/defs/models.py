"""Trained models and their predictions: for each family one asset that trains when its data changed, one that scores the day.

The families are declared in `ml/families.py`; MLflow keeps every run. A model that does not beat its baseline fails its asset, so
nothing decides with it.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.describe import code_version, common, day_of
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.tables import assets_read_by, prediction_key
from ml.families import FAMILIES, Family
from resources.platform import PlatformResource

CHECK = "beats_baseline"


def family_key(family: Family) -> dg.AssetKey:
    """`models/<agent>/<name>`."""
    return dg.AssetKey(["models", family.agent, family.name.removeprefix(f"{family.agent}_")])


def _training(family: Family) -> dg.AssetsDefinition:
    code = ["ml"]

    @dg.asset(
        key=family_key(family),
        deps=assets_read_by(family.train_query),
        partitions_def=DAILY,
        description=f"{family.description} Trained on what was known at the end of the day; tracked in MLflow as `{family.name}`.",
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=family_key(family),
                blocking=True,
                description=f"{family.primary_metric} on held-out rows against a naive baseline.",
            )
        ],
        pool="mlflow",
        **common("models", family.agent, ["mlflow", "python"], code),
    )
    def train(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with measured(engines, context, family.agent):
            with engines.lake.connect() as db:
                frame = family.training_frame(db, day)
            version = engines.registry.train_if_changed(
                family.name,
                frame,
                lambda rows: family.fit(rows, day),
                code_version=code_version(*code),
                as_of=day,
                tags={"agent": family.agent, "dagster_run": context.run.run_id},
            )
        metric = version.primary_metric
        shown = {name: dg.MetadataValue.float(value) for name, value in version.metrics.items()}
        return dg.MaterializeResult(
            metadata={
                **shown,
                f"baseline_{metric}": version.baseline[metric],
                "model_version": version.version,
                "is_new": version.is_new,
                "training_rows": len(frame),
                "mlflow_run": version.run_id,
            },
            data_version=dg.DataVersion(f"{version.name}-{version.version}"),
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK,
                    passed=True,
                    metadata={metric: version.metrics[metric], f"baseline_{metric}": version.baseline[metric]},
                )
            ],
        )

    return train


def _predictions(family: Family) -> dg.AssetsDefinition:
    @dg.asset(
        key=prediction_key(family.table),
        deps=[family_key(family), *assets_read_by(family.score_query)],
        partitions_def=DAILY,
        description=f"{family.description} One row a subject, scored with the model of the day; table `predictions.{family.table}`.",
        pool="lake",
        **common("models", family.agent, ["duckdb", "python"], ["ml/families.py"]),
    )
    def score(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with measured(engines, context, family.agent):
            model, version = engines.registry.load(family.name, as_of=day)
            with engines.lake.connect() as db:
                frame = family.scoring_frame(db, day)
            rows = family.score(model, frame, day).assign(model_name=version.name, model_version=version.version)
            count = engines.lake.replace_day(f"predictions.{family.table}", day, rows)
        return dg.MaterializeResult(metadata={"dagster/row_count": count, "model_version": version.version})

    return score


def model_assets() -> Iterator[dg.AssetsDefinition]:
    """Training and predictions of every family."""
    for family in FAMILIES.values():
        yield _training(family)
        yield _predictions(family)
