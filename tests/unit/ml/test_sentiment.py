"""Review sentiment: learns from words, ignores accents and neutral scores, refuses too little."""

from __future__ import annotations

import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml import sentiment
from ml.model import Trained


@pytest.fixture(scope="module")
def trained(reviews: pd.DataFrame) -> Trained:
    return sentiment.train(reviews, seed=7)


def test_it_beats_the_majority_class(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["auc"] > 0.95
    assert trained.baseline["auc"] == 0.5


def test_a_complaint_is_negative_with_and_without_accents(trained: Trained) -> None:
    texts = ["péssimo, não recebi", "pessimo, nao recebi", "adorei, ótimo", None]
    p_negative = trained.model.predict(pd.DataFrame({"text": texts}))["p_negative"]
    assert p_negative[0] == pytest.approx(p_negative[1])
    assert p_negative[0] > 0.5 > p_negative[2]
    assert p_negative.between(0, 1).all()


def test_neutral_scores_do_not_train(trained: Trained, reviews: pd.DataFrame) -> None:
    assert trained.params["rows"] == int((reviews["score"] != 3).sum())


def test_no_rows_give_no_predictions(trained: Trained) -> None:
    assert list(trained.model.predict(pd.DataFrame({"text": []})).columns) == ["p_negative"]


def test_too_few_complaints_are_refused_with_what_to_do(reviews: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="load more reviews"):
        sentiment.train(reviews[reviews["score"] >= 4], seed=7)
