"""Propensity: time order, what was known when, drift, calibration, explanation and refusal, on leads and calls."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml.families.agencia import CALL_NUMBERS, CALL_TEXT
from ml.families.comercial import LEAD_NUMBERS, LEAD_TEXT
from ml.model import Trained
from ml.propensity import conversion
from ml.propensity.choice import Candidate, Rows, candidates, fit_calibrated
from ml.propensity.estimators import Columns, to_inputs


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


def log_odds(probability: pd.Series) -> np.ndarray:
    return np.log(probability / (1 - probability)).to_numpy()


@pytest.mark.parametrize("kind", ["logistic", "boosting"])
def test_contributions_add_up_to_the_calibrated_log_odds(kind: str, calls: pd.DataFrame) -> None:
    columns = Columns(tuple(CALL_TEXT), tuple(CALL_NUMBERS))
    inputs, outcome = to_inputs(calls, columns), calls["is_subscribed"].astype(int).to_numpy()
    option = Candidate(kind, "all", columns, 7)
    estimator, (shift, slope) = fit_calibrated(option, Rows(inputs, outcome, np.arange(len(calls))))
    model = conversion.ConversionModel("is_subscribed", columns, option.name, estimator, shift, slope)
    some = calls.head(20).assign(age=np.nan, job="astronaut")
    some = pd.concat([calls.head(20), some])
    table = model.explain(some)
    assert set(table["feature"]) == {"(base)", *CALL_TEXT, *CALL_NUMBERS}
    summed = table.groupby("row")["contribution"].sum().to_numpy()
    assert summed == pytest.approx(log_odds(model.predict(some)["probability"]), abs=1e-9)
    assert slope != 1.0


def test_what_moves_a_call_is_named_first(calls: pd.DataFrame) -> None:
    made = conversion.fit(
        calls, target="is_subscribed", time_column="call_number", columns=Columns(tuple(CALL_TEXT), ("age", "campaign")), seed=7
    )
    table = made.explain(calls[calls["job"] == "student"].head(5))
    told = table[table["feature"] != "(base)"].groupby("row").first()
    assert (told["feature"] == "job").all()
    assert (told["value"] == "student").all()
    assert (told["contribution"] > 0).all()


def test_two_models_are_compared_by_the_log_loss_of_each_held_out_row(trained: Trained) -> None:
    losses = trained.judged.losses(trained.held_out)
    assert losses.shape == (len(trained.held_out),)
    assert (losses >= 0).all()
    assert losses.mean() == pytest.approx(trained.metrics["log_loss"])
    assert conversion.BaseRateModel("is_converted", 0.2).losses(trained.held_out).shape == losses.shape


def test_what_is_held_out_is_the_last_quarter_in_time(trained: Trained, leads: pd.DataFrame) -> None:
    known = leads[leads["is_converted"].notna()]
    assert len(trained.held_out) == trained.params["test_rows"]
    assert trained.held_out["contacted_on"].min() >= known["contacted_on"].quantile(0.74, interpolation="lower")


def test_an_outcome_that_was_not_known_in_time_takes_no_part(leads: pd.DataFrame) -> None:
    """Outcomes are turned round where they became known after the first held-out lead came in: nothing may change."""
    settled = leads.assign(known_on=pd.to_datetime(leads["contacted_on"]) + pd.Timedelta(days=10))
    settings = {"target": "is_converted", "time_column": "contacted_on", "known_column": "known_on", "seed": 7}
    first = conversion.train(settled, categorical=LEAD_TEXT, numeric=LEAD_NUMBERS, **settings)
    start = pd.Timestamp(first.held_out["contacted_on"].min())
    is_late = (settled["known_on"] > start) & (pd.to_datetime(settled["contacted_on"]) < start) & settled["is_converted"].notna()
    assert is_late.sum() > 20
    settled.loc[is_late, "is_converted"] = ~settled.loc[is_late, "is_converted"].astype(bool)
    second = conversion.train(settled, categorical=LEAD_TEXT, numeric=LEAD_NUMBERS, **settings)
    assert second.metrics == pytest.approx(first.metrics)
    assert first.params["fit_rows"] < first.params["rows"] - first.params["test_rows"]


def test_a_part_of_the_held_out_rows_has_its_own_figure(leads: pd.DataFrame) -> None:
    settings = {"target": "is_converted", "time_column": "contacted_on", "slice_keys": ["landing_page_id"], "seed": 7}
    slices = conversion.train(leads, categorical=LEAD_TEXT, numeric=LEAD_NUMBERS, **settings).slices
    assert slices is not None
    assert list(slices.columns) == ["slice", "rows", "auc", "low", "high"]
    assert slices["slice"].iloc[0] == "all"


def test_a_model_without_rows_to_predict_says_nothing(trained: Trained, leads: pd.DataFrame) -> None:
    assert trained.model.predict(leads.head(0)).empty
    assert trained.model.explain(leads.head(0)).empty


def test_a_model_survives_pickling(trained: Trained, leads: pd.DataFrame) -> None:
    again = pickle.loads(pickle.dumps(trained.model))  # noqa: S301 our own bytes
    pd.testing.assert_frame_equal(again.predict(leads), trained.model.predict(leads))
