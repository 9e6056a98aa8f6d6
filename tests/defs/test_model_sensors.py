"""The sensors of the models: drift asks for a training once a version, an answer of a reviewer is carried out once."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from eco_assets.defs.models import DRIFT, family_key
from eco_assets.defs.tables import prediction_key
from eco_assets.platform import Platform
from ml.families import family
from resources.platform import PlatformResource
from sensors.drift import TAG, drift_retrain
from sensors.model_reviews import model_reviews

LEADS = family("comercial_lead_conversion")


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, platform: Platform, repository: dg.RepositoryDefinition
) -> list[dg.RunRequest]:
    context = dg.build_sensor_context(instance=instance, repository_def=repository, resources={"platform": PlatformResource.of(platform)})
    return list(sensor.evaluate_tick(context).run_requests or [])


def checked(instance: dg.DagsterInstance, passed: bool, version: str) -> None:
    """A predictions asset was built, and its drift check said so."""

    @dg.asset(key=prediction_key(LEADS.table), check_specs=[dg.AssetCheckSpec(DRIFT, asset=prediction_key(LEADS.table))])
    def predictions() -> dg.MaterializeResult:
        result = dg.AssetCheckResult(
            check_name=DRIFT, passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata={"model_version": version}
        )
        return dg.MaterializeResult(check_results=[result])

    assert dg.materialize([predictions], instance=instance).success


def test_drift_asks_for_a_training_of_that_model_once_a_version(platform: Platform, repository: dg.RepositoryDefinition) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(drift_retrain, instance, platform, repository) == []
        checked(instance, passed=True, version="3")
        assert tick(drift_retrain, instance, platform, repository) == []
        checked(instance, passed=False, version="3")
        first, again = (tick(drift_retrain, instance, platform, repository) for _ in range(2))
        assert [request.run_key for request in first] == [request.run_key for request in again] == ["drift:comercial_lead_conversion/3"]
        assert set(first[0].asset_selection or []) == {family_key(LEADS), prediction_key(LEADS.table)}
        assert first[0].tags[TAG] == "drift"
        checked(instance, passed=True, version="4")
        assert tick(drift_retrain, instance, platform, repository) == []


def test_without_a_model_there_is_nothing_to_review(platform: Platform, repository: dg.RepositoryDefinition) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(model_reviews, instance, platform, repository) == []


@pytest.fixture
def reviewed(platform: Platform, tmp_path: Path) -> Platform:
    """A registry with a champion and a better version that a reviewer has approved on MLflow's page."""
    client, name = platform.registry.client, LEADS.name
    run = client.create_run(client.create_experiment(name, artifact_location=str(tmp_path / "artifacts")))
    client.create_registered_model(name)
    every = {"as_of": "2026-01-01", "primary_metric": "auc", "data_fingerprint": "x"}
    for tags in ({"promoted_at": "2026-01-01"}, {"review": "approved"}):
        client.create_model_version(name, source=str(tmp_path), run_id=run.info.run_id, tags=every | tags)
    return platform


def test_an_answer_on_mlflows_page_starts_one_run_and_one_entry(reviewed: Platform, repository: dg.RepositoryDefinition) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = tick(model_reviews, instance, reviewed, repository)
        assert tick(model_reviews, instance, reviewed, repository) == []
    assert request.run_key == f"model_reviews:{LEADS.name}/2/{reviewed.business_date()}"
    assert set(request.asset_selection or []) == {family_key(LEADS), prediction_key(LEADS.table)}
    assert reviewed.registry.latest(LEADS.name).version == "2"
    (entry,) = reviewed.ledger.list("model_review")
    assert (entry["version"], entry["verdict"], entry["by"]) == ("2", "approved", "MLflow UI")
