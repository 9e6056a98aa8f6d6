"""Trained models and their predictions: for each family one asset that trains when its data changed, one that scores the day.

The families are declared in `ml/families`; MLflow keeps every run. A model that beats neither its baseline nor the champion decides
nothing; where a policy reads its predictions and there is no older one, its asset fails.
"""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg

from eco_assets.defs.describe import code_version, common, day_of
from eco_assets.defs.jobs import WEEKLY_MODELS
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.plots import picture, prediction_chart
from eco_assets.defs.tables import assets_read_by, prediction_key
from eco_assets.errors import ModelRejected, NotFound
from eco_assets.mcp.policies import load_policies
from eco_assets.model_facts import drift_of
from eco_assets.model_reviews import settled
from eco_assets.platform import Platform
from ml.families import FAMILIES, Family
from ml.workers import workers
from resources.platform import PlatformResource

if TYPE_CHECKING:
    from pandas import DataFrame

    from ml.tracking import ModelVersion

CHECK, DRIFT = "beats_baseline", "drift"


def family_key(family: Family) -> dg.AssetKey:
    """`models/<agent>/<name>`."""
    return dg.AssetKey(["models", family.agent, family.name.removeprefix(f"{family.agent}_")])


def group_of(family: Family) -> str:
    """The group of a family's assets: every day's, or every week's."""
    return "models" if family.is_daily else WEEKLY_MODELS


@cache
def decides(name: str) -> bool:
    """Whether a policy reads this model's predictions, so that a day cannot do without it."""
    return any(name in policy.models for policy in load_policies().values())


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
                blocking=decides(family.name),
                description=f"{family.primary_metric} on held-out rows against a naive baseline.",
            )
        ],
        pool="mlflow",
        **common(group_of(family), family.agent, ["mlflow", "python"], code),
    )
    def train(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        settled(engines, family)
        with measured(engines, context, family.agent), workers(engines.settings.train_workers):
            with engines.lake.connect() as db:
                frame = family.training_frame(db, day)
            try:
                version = engines.registry.train_if_changed(
                    family.name,
                    frame,
                    lambda rows: family.train(rows, day, engines.text_encoder),
                    code_version=code_version(*code),
                    as_of=day,
                    tags={"agent": family.agent, "dagster_run": context.run.run_id},
                )
            except ModelRejected as error:
                if decides(family.name):
                    raise
                return _without(family, str(error), len(frame))
        return _trained(family, version, len(frame))

    return train


def _trained(family: Family, version: "ModelVersion", rows: int) -> dg.MaterializeResult:
    metric = version.primary_metric
    judged = {metric: version.metrics[metric], f"baseline_{metric}": version.baseline[metric]}
    return dg.MaterializeResult(
        metadata={
            **{name: dg.MetadataValue.float(value) for name, value in version.metrics.items()},
            f"baseline_{metric}": version.baseline[metric],
            "model_version": version.version,
            "is_new": version.is_new,
            "waits_for_review": version.waiting or "none",
            "training_rows": rows,
            "mlflow_run": version.run_id,
        },
        data_version=dg.DataVersion(f"{version.name}-{version.version}"),
        check_results=[dg.AssetCheckResult(check_name=CHECK, passed=True, metadata=judged)],
    )


def _without(family: Family, why: str, rows: int) -> dg.MaterializeResult:
    """No model of this family may predict, and nothing that decides needs it."""
    failed = dg.AssetCheckResult(check_name=CHECK, passed=False, severity=dg.AssetCheckSeverity.WARN, description=why)
    return dg.MaterializeResult(metadata={"model_version": "none", "training_rows": rows, "why": why}, check_results=[failed])


def _predictions(family: Family) -> dg.AssetsDefinition:
    key = prediction_key(family.table)
    watched = "its inputs against the rows that the model was judged on" if family.inputs else "nothing: its inputs are series"

    @dg.asset(
        key=key,
        deps=[family_key(family), *assets_read_by(family.score_query)],
        partitions_def=DAILY,
        description=f"{family.description} One row a subject, scored with the model of the day; table `predictions.{family.table}`, "
        f"and why in `explanations.{family.table}`.",
        check_specs=[dg.AssetCheckSpec(DRIFT, asset=key, description=f"Population stability index of {watched}; a warning.")],
        pool="lake",
        **common(group_of(family), family.agent, ["duckdb", "python"], ["ml/families"]),
    )
    def score(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with measured(engines, context, family.agent):
            try:
                model, version = engines.registry.load(family.name, as_of=day)
            except NotFound as error:
                if decides(family.name):
                    raise
                nothing = dg.AssetCheckResult(check_name=DRIFT, passed=True, description="no model, so nothing to compare")
                return dg.MaterializeResult(metadata={"dagster/row_count": 0, "why": str(error)}, check_results=[nothing])
            with engines.lake.connect() as db:
                frame = family.scoring_frame(db, day)
            named = {"model_name": version.name, "model_version": version.version}
            count = engines.lake.replace_day(f"predictions.{family.table}", day, family.score(model, frame, day).assign(**named))
            if len(frame):
                why = family.explain(model, frame, day).assign(**named)
                engines.lake.replace_day(f"explanations.{family.table}", day, why)
        drift = _drift(engines, family, version, frame)
        with engines.lake.connect() as db:
            shown = picture(prediction_chart(family, frame, db, day))
        return dg.MaterializeResult(metadata={"dagster/row_count": count, "model_version": version.version, **shown}, check_results=[drift])

    return score


def _drift(engines: Platform, family: Family, version: "ModelVersion", frame: "DataFrame") -> dg.AssetCheckResult:
    if not family.inputs or not len(frame):
        return dg.AssetCheckResult(check_name=DRIFT, passed=True, description="nothing to compare")
    found = drift_of(engines, family, version, frame)
    large = list(found.loc[found["level"] == "large", "what"])
    lines = [f"| {row.what} | {row.value:.3f} | {row.level} |" for row in found.itertuples()]
    return dg.AssetCheckResult(
        check_name=DRIFT,
        passed=not large,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"moved far: {', '.join(large)}" if large else "no input moved far",
        metadata={
            "psi": dg.MetadataValue.md("\n".join(["| input | index | level |", "|---|---|---|", *lines])),
            "model_version": version.version,
            "rows": len(frame),
        },
    )


def model_assets() -> Iterator[dg.AssetsDefinition]:
    """Training and predictions of every family."""
    for family in FAMILIES.values():
        yield _training(family)
        yield _predictions(family)
