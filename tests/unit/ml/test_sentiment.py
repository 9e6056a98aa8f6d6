"""Review sentiment: learns from words, ignores accents and neutral scores, refuses too little."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy.special import expit

from eco_assets.errors import DataRejected
from ml.language import sentiment
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


def test_a_prediction_is_the_sum_of_its_words(trained: Trained, reviews: pd.DataFrame) -> None:
    rows = reviews.head(8)
    explained = trained.model.explain(rows)
    log_odds = explained.groupby("row")["contribution"].sum()
    assert expit(log_odds).to_numpy() == pytest.approx(trained.model.predict(rows)["p_negative"].to_numpy())
    assert "(base)" in set(explained["feature"])


def test_the_word_that_complains_says_the_most(trained: Trained) -> None:
    explained = trained.model.explain(pd.DataFrame({"text": ["PÉSSIMO"]}))
    words = explained[~explained["feature"].str.startswith("(")]
    assert list(words["feature"]) == ["pessimo"]
    assert words["contribution"].iloc[0] > 1


def test_the_order_of_the_rows_does_not_matter(trained: Trained, reviews: pd.DataFrame) -> None:
    again = sentiment.train(reviews.sample(frac=1, random_state=1), seed=7)
    assert again.metrics == pytest.approx(trained.metrics)
    ours, theirs = (one.model.predict(reviews)["p_negative"].to_numpy() for one in (trained, again))
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_held_out_review_stays_held_out_when_reviews_come_in(trained: Trained, reviews: pd.DataFrame) -> None:
    fewer = sentiment.train(reviews.head(180), seed=7)
    assert set(fewer.held_out["review_id"]) == set(trained.held_out["review_id"]) & set(reviews["review_id"].head(180))


def test_an_older_version_can_be_judged_on_todays_rows(trained: Trained, reviews: pd.DataFrame) -> None:
    older = sentiment.train(reviews.head(180), seed=7)
    ours, theirs = trained.judged.losses(trained.held_out), older.judged.losses(trained.held_out)
    assert ours.shape == theirs.shape == (len(trained.held_out),)
    assert (ours >= 0).all()
    assert float(ours.mean()) == pytest.approx(trained.metrics["log_loss"])


def test_the_baseline_is_a_model_too(trained: Trained) -> None:
    naive = sentiment.Majority(0.3)
    assert sentiment.evaluate(naive, trained.held_out)["auc"] == 0.5
    assert naive.explain(trained.held_out.head(2))["feature"].tolist() == ["(base)", "(base)"]


def test_categories_and_states_make_slices(reviews: pd.DataFrame) -> None:
    sliced = sentiment.train(reviews.assign(category="livros", customer_state="SP"), seed=7).slices
    assert sliced is not None
    assert {"all", "category=(other)", "customer_state=(other)"} <= set(sliced["slice"])  # fewer than 50 rows each
    assert "macro_f1" in sliced


def test_the_card_says_why_no_transformer_was_used(trained: Trained) -> None:
    assert "words alone: no transformer is configured" in trained.card
