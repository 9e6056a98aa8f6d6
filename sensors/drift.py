"""Asks for a training when the inputs of a model have moved far: once a version, because the same version would be told of every day.

The check `drift` on the predictions finds it; what is trained still has to pass the gate. The run's key names the version, so a tick that
is killed and repeated asks for nothing twice.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.jobs import WEEKLY_MODELS
from eco_assets.defs.models import DRIFT, family_key
from eco_assets.defs.tables import prediction_key
from eco_assets.errors import EcoError
from ml.families import FAMILIES, Family
from resources.platform import PlatformResource

TAG = "eco/reason"


@dg.sensor(
    name="drift_retrain",
    target=dg.AssetSelection.groups("models", WEEKLY_MODELS),
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a training of a model whose inputs have moved far, once a version.",
)
def drift_retrain(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    """One tick."""
    moved = list(_moved(context.instance))
    if not moved:
        return dg.SkipReason("no input of a model in force has moved far")
    try:
        day = platform.get().business_date().isoformat()
    except EcoError as error:
        return dg.SkipReason(str(error))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"drift:{family.name}/{version}",
                partition_key=day,
                asset_selection=[family_key(family), prediction_key(family.table)],
                tags={"agent": family.agent, TAG: "drift"},
            )
            for family, version in moved
        ]
    )


def _moved(instance: dg.DagsterInstance) -> Iterator[tuple[Family, str]]:
    """Each family whose newest drift check failed, with the version that it was about."""
    for family in FAMILIES.values():
        check = dg.AssetCheckKey(prediction_key(family.table), DRIFT)
        record = instance.get_latest_asset_check_evaluation_record(check) if family.inputs else None
        found = record.evaluation if record else None  # planned and not run yet, or an evaluation
        if isinstance(found, dg.AssetCheckEvaluation) and not found.passed:
            yield family, str(found.metadata["model_version"].value)
