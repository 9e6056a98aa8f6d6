"""Routing: knows which questions need the strong model, ranks by what it adds, and is quick."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml import routing
from ml.model import Trained
from ml.routing_scores import gap_scores

EASY = ["what is the capital of", "who wrote", "which colour has"]
HARD = ["prove that the integral of", "derive the theorem of", "compute the determinant of"]


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    """800 questions; the weak model fails two of three hard ones, the strong one one of ten of any."""
    rng = np.random.default_rng(8)
    is_hard = rng.random(800) < 0.5
    words = [
        f"{rng.choice(HARD if hard else EASY)} {rng.choice(['france', 'rome', 'peru'])} {number}?" for number, hard in enumerate(is_hard)
    ]
    weak = rng.random(800) < np.where(is_hard, 0.33, 0.9)
    return pd.DataFrame(
        {"question": words, "weak_ok": weak, "strong_ok": rng.random(800) < 0.9, "subject": np.where(is_hard, "maths", "facts")}
    )


@pytest.fixture(scope="module")
def trained(asked: pd.DataFrame) -> Trained:
    return routing.train(asked)


def test_it_beats_the_length_of_the_question(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["apgr"] > 0.65
    assert trained.metrics["cpt50"] < 0.4


def test_the_probability_is_calibrated(trained: Trained) -> None:
    assert trained.metrics["ece"] < 0.12


def test_a_hard_question_needs_the_strong_model(trained: Trained) -> None:
    answers = trained.model.predict(pd.DataFrame({"question": ["prove that the theorem of rome", "who wrote peru"]}, index=[7, 9]))
    assert answers.loc[7, "p_weak_suffices"] < 0.6 < answers.loc[9, "p_weak_suffices"]
    assert answers.loc[7, "expected_gain"] > 0.3 > answers.loc[9, "expected_gain"]


def test_the_words_explain_the_odds_of_the_strong_model(trained: Trained, asked: pd.DataFrame) -> None:
    rows = asked.head(6)
    model = trained.model
    assert isinstance(model, routing.RoutingModel)
    explained = model.explain(rows)
    shares = model._shares(rows)
    expected = np.log(shares[:, routing.STRONG_ONLY] / shares[:, routing.WEAK_ONLY])
    assert explained.groupby("row")["contribution"].sum().to_numpy() == pytest.approx(expected)
    assert "(base)" in set(explained["feature"])


def test_the_baseline_explains_itself_by_length(asked: pd.DataFrame) -> None:
    naive = routing.fit_length(*routing._parts(asked))
    assert set(naive.explain(asked.head(2))["feature"]) == {"question_length", "(base)"}
    assert naive.losses(asked).shape == (800,)


def test_the_order_of_the_questions_does_not_matter(trained: Trained, asked: pd.DataFrame) -> None:
    again = routing.train(asked.sample(frac=1, random_state=2))
    assert again.metrics == pytest.approx(trained.metrics, abs=1e-9)


def test_equal_questions_are_on_the_same_side(asked: pd.DataFrame) -> None:
    twice = routing.train(pd.concat([asked, asked]))
    assert (twice.held_out.groupby("question").size() == 2).all()


def test_losses_are_those_of_the_probability(trained: Trained) -> None:
    losses = trained.judged.losses(trained.held_out)
    assert losses.shape == (len(trained.held_out),)
    assert losses.mean() == pytest.approx(trained.metrics["log_loss"])


def test_subjects_make_slices(trained: Trained) -> None:
    assert trained.slices is not None
    assert set(trained.slices["slice"]) == {"all", "subject=maths", "subject=facts"}


def test_no_questions_have_no_answers(trained: Trained) -> None:
    assert list(trained.model.predict(pd.DataFrame({"question": []})).columns) == ["p_weak_suffices", "expected_gain"]


@pytest.mark.parametrize(
    ("gain", "apgr", "cpt50"),
    [([4, 3, 2, 1], 0.875, 0.125), ([1, 2, 3, 4], 0.125, 0.875), ([1, 1, 1, 1], 0.5, 0.5)],
    ids=["best order", "worst order", "no order"],
)
def test_the_scores_of_an_order_are_those_of_the_paper(gain: list[float], apgr: float, cpt50: float) -> None:
    weak, strong = np.array([0, 1, 1, 1]), np.array([1, 1, 1, 1])
    found = gap_scores(np.array(gain), weak, strong)
    assert found["apgr"] == pytest.approx(apgr)
    assert found["cpt50"] == pytest.approx(cpt50)


def test_without_a_gap_there_is_nothing_to_recover(asked: pd.DataFrame) -> None:
    assert np.isnan(gap_scores(np.zeros(2), np.array([1, 1]), np.array([1, 0]))["apgr"])
    with pytest.raises(DataRejected, match="route all to the weak one"):
        routing.train(asked.rename(columns={"weak_ok": "strong_ok", "strong_ok": "weak_ok"}))


def test_too_few_answers_are_refused_with_what_to_do(asked: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="collect more answers"):
        routing.fit(*routing._parts(asked.head(50)))


def test_the_frame_of_a_question_is_no_feature() -> None:
    assert routing.plain("Who?\nA. One\nB. Two\nAnswer:").split() == ["who?", "one", "two"]
