"""A record names every model whose predictions its policy read: those needed by their champions, the optional by what predicted."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from policy_files import policy_with

from eco_assets.errors import NotFound, PolicyError
from eco_assets.mcp.policies import Policy, load_policies
from eco_assets.model_versions import model_versions
from eco_assets.platform import Platform
from eco_assets.settings import Settings

DAY = date(2026, 10, 31)
NAME = "varejo_repeat_purchase"


@pytest.fixture
def house(tmp_path: Path) -> Platform:
    return Platform(Settings(home=tmp_path / "home", data=tmp_path))


def policy(folder: Path, inputs: str) -> Policy:
    return policy_with(folder, ("default: wait\n", f"default: wait\ninputs: {{{inputs}}}\n"))


def predict(house: Platform, days_ago: int, version: str, name: str = NAME) -> None:
    rows = pd.DataFrame({"customer_id": ["c"], "p_buy": [0.1], "model_name": [name], "model_version": [version]})
    house.lake.replace_day(f"predictions.{NAME}", DAY - timedelta(days=days_ago), rows)


def test_the_version_that_predicted_last_within_the_days_that_are_read_is_named(house: Platform, tmp_path: Path) -> None:
    weekly = policy(tmp_path, f"optional_models: {{{NAME}: 7}}")
    predict(house, 7, "1")
    assert model_versions(house, weekly, DAY) == [], "a week old: the query reads six days back"
    predict(house, 6, "2")
    assert model_versions(house, weekly, DAY) == [(NAME, "2")]
    predict(house, 2, "3")
    predict(house, -1, "4")
    assert model_versions(house, weekly, DAY) == [(NAME, "3")], "nothing that predicted after the day"
    assert model_versions(house, policy(tmp_path, f"optional_models: {{{NAME}: 1}}"), DAY) == []


def test_an_optional_model_that_never_predicted_is_absent(house: Platform, tmp_path: Path) -> None:
    optional = policy(tmp_path, f"optional_models: {{{NAME}: 7}}")
    house.lake.replace_day("predictions.other", DAY, pd.DataFrame({"x": [1.0]}))
    assert model_versions(house, optional, DAY) == []


def test_a_model_that_is_needed_must_have_a_version_that_may_decide(house: Platform, tmp_path: Path) -> None:
    predict(house, 0, "9")
    with pytest.raises(NotFound):
        model_versions(house, policy(tmp_path, f"models: [{NAME}]"), DAY)


def test_a_model_is_needed_or_optional(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="in models and in optional_models"):
        policy(tmp_path, f"models: [{NAME}], optional_models: {{{NAME}: 7}}")
    with pytest.raises(PolicyError, match="greater than 0"):
        policy(tmp_path, f"optional_models: {{{NAME}: 0}}")


def test_the_weekly_models_that_policies_read_are_named() -> None:
    named = {name: policy.inputs.optional_models for name, policy in load_policies().items() if policy.inputs.optional_models}
    assert named == {
        "agencia/budget_reallocation": {"agencia_media_cost_forecast": 1},
        "agencia/media_anomaly_response": {"agencia_media_anomaly": 1, "agencia_media_cost_forecast": 1},
        "industrial/maintenance_planning": {"industrial_machine_load_forecast": 1},
        "varejo/delivery_recovery": {NAME: 7},
    }
