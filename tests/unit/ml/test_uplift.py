"""Uplift of an experiment: who is moved is found, noise is not believed, scores and explanations are what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml.model import Trained
from ml.propensity import uplift
from ml.propensity.estimators import Columns, to_inputs
from ml.propensity.uplift_choice import Experiment, against_control
from ml.propensity.uplift_learners import Learner, learners
from ml.propensity.uplift_scores import auuc, credible_slope, gain_curve, interval, qini

LETTER = Experiment("customer", "arm", "none", "visited", Columns(("segment",), ("age", "visits")))


def experiment(rows: int = 3000, *, effect: float = 0.3, for_all: float = 0.0) -> pd.DataFrame:
    """Men's mail moves the men, women's the women; age moves everybody's visits whatever the mail."""
    rng = np.random.default_rng(6)
    segment, arm = rng.choice(["men", "women"], rows), rng.choice(["none", "men mail", "women mail"], rows)
    age = rng.integers(20, 70, rows)
    is_moved = ((segment == "men") & (arm == "men mail")) | ((segment == "women") & (arm == "women mail"))
    visited = rng.random(rows) < 0.1 + 0.003 * (age - 20) + effect * is_moved + for_all * (arm != "none")
    frame = pd.DataFrame({"customer": np.arange(rows), "segment": segment, "age": age, "visits": rng.poisson(2, rows)})
    return frame.assign(arm=arm, visited=visited)


@pytest.fixture(scope="module")
def sent() -> pd.DataFrame:
    return experiment()


@pytest.fixture(scope="module")
def trained(sent: pd.DataFrame) -> Trained:
    return uplift.train(sent, LETTER, seed=7, slice_keys=["segment"], draws=50)


def test_each_segment_is_recommended_its_own_mail(trained: Trained, sent: pd.DataFrame) -> None:
    predicted = trained.model.predict(sent)
    assert list(predicted.columns) == ["uplift_men_mail", "uplift_women_mail", "recommended_arm", "uplift"]
    right = np.where(sent["segment"] == "men", "men mail", "women mail")
    assert (predicted["recommended_arm"] == right).mean() > 0.95
    assert predicted["uplift"].mean() == pytest.approx(0.25, abs=0.08)  # a little less than the truth: the slope is less its error


def test_the_ranking_beats_the_average_effect_and_the_policy_beats_one_mail_for_all(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.baseline["qini"] == pytest.approx(0.0, abs=1e-12)
    assert trained.metrics["qini_low"] > 0
    assert trained.metrics["policy_value"] > trained.metrics["everybody_value"] > trained.metrics["random_value"]
    assert trained.metrics["policy_over_everybody_low"] > 0


def test_losses_prefer_the_better_model_on_the_same_customers(trained: Trained, sent: pd.DataFrame) -> None:
    naive = uplift.fit(sent, LETTER, choice=uplift.Choice(Learner("constant", "linear", LETTER.columns, 7), {}, False))
    ours, theirs = trained.judged.losses(trained.held_out), naive.losses(trained.held_out)
    assert ours.shape == theirs.shape == (len(trained.held_out),)
    assert ours.mean() < theirs.mean()
    assert (ours >= 0).all()


@pytest.mark.parametrize("learner", learners(LETTER.columns, 7), ids=lambda learner: learner.name)
def test_contributions_add_up_to_the_highest_uplift(learner: Learner, sent: pd.DataFrame) -> None:
    model = uplift.fit(sent, LETTER, choice=uplift.Choice(learner, {"men mail": 0.8, "women mail": 1.0}, True))
    some = sent.head(30).assign(age=lambda rows: rows["age"].where(rows["customer"] > 3))
    highest = model.predict(some)[["uplift_men_mail", "uplift_women_mail"]].max(axis=1).to_numpy()
    table = model.explain(some)
    assert table.groupby("row")["contribution"].sum().to_numpy() == pytest.approx(highest, abs=1e-9)
    assert set(table["feature"]) == {"(base)", "segment", "age", "visits"}


@pytest.mark.parametrize("learner", learners(LETTER.columns, 7), ids=lambda learner: learner.name)
def test_every_learner_finds_the_average_effect_and_all_but_one_the_moved(learner: Learner, sent: pd.DataFrame) -> None:
    arm, at, treated, outcome = against_control(sent, LETTER)[0]
    effect = learner.fit(to_inputs(sent, LETTER.columns).iloc[at], treated, outcome)
    scored = effect.score(to_inputs(sent, LETTER.columns))
    is_man = (sent["segment"] == "men").to_numpy()
    more = scored[is_man].mean() - scored[~is_man].mean()
    assert arm == "men mail"
    assert scored.mean() == pytest.approx(0.15, abs=0.05)
    assert 0.08 < more < 0.4 or (learner.meta == "constant" and abs(more) < 1e-9)


def test_noise_is_not_believed() -> None:
    """Nobody is moved more than others: the policy stays with one arm for all instead of following noise."""
    made = uplift.train(experiment(effect=0.0, for_all=0.2), LETTER, seed=7, draws=20)
    slopes = [value for name, value in made.params.items() if name.startswith("believed_")]
    assert max(slopes, default=0.0) < 0.5
    spread = made.judged.predict(made.held_out)[["uplift_men_mail", "uplift_women_mail"]].std()
    assert (spread < 0.03).all()
    assert not made.params["is_personal"]
    assert made.judged.predict(made.held_out)["recommended_arm"].nunique() == 1
    assert made.metrics["policy_over_everybody"] == 0.0
    assert made.judged.explain(made.held_out.head(5)).groupby("row")["contribution"].sum().to_numpy() == pytest.approx(
        made.judged.predict(made.held_out.head(5))["uplift"].to_numpy()
    )


def test_row_order_does_not_matter(trained: Trained, sent: pd.DataFrame) -> None:
    shuffled = uplift.train(sent.sample(frac=1, random_state=3), LETTER, seed=7, draws=50)
    assert shuffled.metrics == pytest.approx(trained.metrics)
    assert shuffled.params == trained.params


def test_a_customer_stays_held_out_when_others_come(trained: Trained, sent: pd.DataFrame) -> None:
    more = pd.concat([sent, experiment(600).assign(customer=lambda rows: rows["customer"] + 10_000)])
    again = uplift.train(more, LETTER, seed=7, draws=5)
    assert set(trained.held_out["customer"]) <= set(again.held_out["customer"])


def test_slices_name_the_primary_metric(trained: Trained) -> None:
    assert trained.slices is not None
    assert list(trained.slices.columns) == ["slice", "rows", "qini", "low", "high"]
    assert trained.slices["qini"].iloc[0] == pytest.approx(trained.metrics["qini"])


def test_the_gain_of_everybody_is_the_average_effect_and_a_perfect_order_has_a_positive_qini() -> None:
    score, treated = np.array([2.0, 2.0, 1.0, 1.0]), np.array([1, 0, 1, 0])
    outcome = np.array([1.0, 0.0, 0.0, 0.0])
    share, gain = gain_curve(score, treated, outcome)
    assert share.tolist() == [0.0, 0.5, 1.0]
    assert gain.tolist() == [0.0, 0.5, 0.5]  # the moved half gives all of it
    assert auuc(score, treated, outcome) == pytest.approx(0.375)
    assert qini(score, treated, outcome) == pytest.approx(0.125)
    assert qini(np.ones(4), treated, outcome) == 0.0


def test_a_slope_is_one_for_right_predictions_and_nothing_for_random_ones() -> None:
    rng = np.random.default_rng(8)
    effect, treated = rng.choice([0.0, 0.6], 4000), rng.integers(0, 2, 4000)
    outcome = (rng.random(4000) < 0.2 + effect * treated).astype(float)
    assert credible_slope(effect, treated, outcome) > 0.8
    assert credible_slope(rng.permutation(effect), treated, outcome) < 0.2
    assert credible_slope(np.ones(4000), treated, outcome) == 0.0


def test_an_interval_holds_the_mean_it_is_about() -> None:
    values = np.random.default_rng(9).normal(5, 1, 400)
    low, high = interval(lambda at: float(values[at].mean()), 400, draws=200, seed=1)
    assert low < values.mean() < high
    assert high - low == pytest.approx(4 * 1 / 20, rel=0.3)


def test_a_small_arm_is_refused_with_what_to_do(sent: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="larger experiment"):
        uplift.train(sent[(sent["arm"] != "women mail") | (sent["customer"] < 200)], LETTER, seed=7)
    with pytest.raises(DataRejected, match="the control is 'none'"):
        uplift.train(sent[sent["arm"] != "none"], LETTER, seed=7)
