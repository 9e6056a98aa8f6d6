"""Conversion propensity: time order, drift, calibration and refusal, on leads and calls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml import conversion
from ml.families import CALL_NUMBERS, CALL_TEXT, LEAD_NUMBERS, LEAD_TEXT
from ml.model import Trained
from ml.propensity import Columns, candidates, to_inputs


def train_leads(frame: pd.DataFrame) -> Trained:
    return conversion.train(frame, target="is_converted", time_column="contacted_on", categorical=LEAD_TEXT, numeric=LEAD_NUMBERS, seed=7)


@pytest.fixture(scope="module")
def trained(leads: pd.DataFrame) -> Trained:
    return train_leads(leads)


def test_leads_are_ranked_better_than_by_chance(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["auc"] > 0.6
    assert trained.baseline["auc"] == 0.5
    assert set(trained.metrics) == {"auc", "log_loss", "brier", "ece"}


def test_a_lead_without_an_outcome_does_not_train(trained: Trained, leads: pd.DataFrame) -> None:
    assert trained.params["rows"] == int(leads["is_converted"].notna().sum())


def test_row_order_does_not_matter(trained: Trained, leads: pd.DataFrame) -> None:
    shuffled = train_leads(leads.sample(frac=1, random_state=1))
    assert shuffled.metrics == pytest.approx(trained.metrics)


def test_unseen_and_missing_values_are_scored(trained: Trained, leads: pd.DataFrame) -> None:
    odd = leads.head(2).assign(origin=pd.Series(["carrier_pigeon", None]), origin_rate=np.nan, landing_page_id="new")
    probability = trained.model.predict(odd)["probability"]
    assert probability.between(0, 1).all()
    assert list(probability.index) == list(odd.index)


def test_the_mean_probability_is_the_latest_rate(trained: Trained, leads: pd.DataFrame) -> None:
    known = leads[leads["is_converted"].notna()].sort_values("contacted_on").tail(80)
    predicted = trained.model.predict(known)["probability"].mean()
    assert predicted == pytest.approx(known["is_converted"].astype(int).mean(), abs=0.06)


def test_variables_that_tell_the_period_have_a_competitor_without_them(calls: pd.DataFrame) -> None:
    columns = Columns(tuple(CALL_TEXT), tuple(CALL_NUMBERS))
    options = candidates(to_inputs(calls, columns), columns, seed=7)
    steady = next(option for option in options if option.variables == "steady")
    assert "euribor3m" not in steady.columns.numeric
    assert "month" not in steady.columns.categorical
    assert "job" in steady.columns.categorical


def test_calls_are_ranked_although_the_interest_rate_drifts(calls: pd.DataFrame) -> None:
    result = conversion.train(calls, target="is_subscribed", time_column="call_number", categorical=CALL_TEXT, numeric=CALL_NUMBERS, seed=7)
    assert result.metrics["auc"] > 0.65
    assert result.metrics["log_loss"] < result.baseline["log_loss"]


def test_too_few_conversions_are_refused_with_what_to_do(leads: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="wait for more outcomes"):
        train_leads(leads.assign(is_converted=np.arange(len(leads)) == 0))
