"""Carries out what reviewers answered on MLflow's pages, and asks for the approved model's asset and predictions anew.

Settling is idempotent and recorded in the ledger before a run is asked for; the run's key names the version, so a tick that is killed and
repeated asks for it once.
"""

import dagster as dg

from eco_assets.defs.jobs import WEEKLY_MODELS
from eco_assets.defs.models import family_key
from eco_assets.defs.tables import prediction_key
from eco_assets.errors import EcoError
from eco_assets.model_reviews import settled
from ml.families import FAMILIES
from ml.review import APPROVED
from resources.platform import PlatformResource


@dg.sensor(
    name="model_reviews",
    target=dg.AssetSelection.groups("models", WEEKLY_MODELS),
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Carries out reviewers' answers in MLflow: an approved version becomes champion, and its asset is built anew.",
)
def model_reviews(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    """One tick."""
    engines = platform.get()
    if not engines.settings.mlflow_db.exists():
        return dg.SkipReason("no model was trained yet")
    try:
        day = engines.business_date().isoformat()
    except EcoError as error:
        return dg.SkipReason(str(error))
    approved = [(family, done) for family in FAMILIES.values() for done in settled(engines, family) if done.verdict == APPROVED]
    requests = [
        dg.RunRequest(
            run_key=f"model_reviews:{done.name}/{done.version}/{day}",
            partition_key=day,
            asset_selection=[family_key(family), prediction_key(family.table)],
            tags={"agent": family.agent},
        )
        for family, done in approved
    ]
    return dg.SensorResult(run_requests=requests, skip_reason=None if requests else "no new answer")
