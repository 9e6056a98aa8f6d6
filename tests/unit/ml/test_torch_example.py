"""The PyTorch example: through the same interface and the same registry as every other family, and refused kindly without torch."""

from __future__ import annotations

import importlib.util
import sys
from datetime import date

import pandas as pd
import pytest
from scipy.special import expit

from eco_assets.errors import ConfigError, DataRejected
from ml import torch_example
from ml.model import Trained
from ml.tracking import Registry

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="torch is an optional extra: `make torch` installs it")


@pytest.fixture(scope="module")
def trained(reviews: pd.DataFrame) -> Trained:
    if not HAS_TORCH:
        pytest.skip("torch is an optional extra: `make torch` installs it")
    return torch_example.train(reviews, seed=7)


def test_without_torch_it_says_how_to_get_it(reviews: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed, where it is
    with pytest.raises(ConfigError, match="make torch"):
        torch_example.train(reviews, seed=7)


def test_it_beats_the_majority_class(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["auc"] > 0.95


def test_the_registry_tracks_and_serves_it_like_any_family(trained: Trained, reviews: pd.DataFrame, registry: Registry) -> None:
    version = registry.train_if_changed("exemplo_torch", reviews, lambda rows: trained, code_version="1", as_of=date(2018, 5, 31), tags={})
    model, found = registry.load("exemplo_torch")
    assert found.version == version.version
    rows = reviews.head(10)
    pd.testing.assert_frame_equal(model.predict(rows), trained.model.predict(rows))


def test_a_prediction_is_the_sum_of_its_words(trained: Trained, reviews: pd.DataFrame) -> None:
    rows = pd.DataFrame({"text": [*reviews["text"].head(4), None]})
    total = trained.model.explain(rows).groupby("row")["contribution"].sum().to_numpy()
    assert expit(total) == pytest.approx(trained.model.predict(rows)["p_negative"].to_numpy(), abs=1e-5)


def test_the_same_rows_in_any_order_give_the_same_model(trained: Trained, reviews: pd.DataFrame) -> None:
    again = torch_example.fit(reviews.sample(frac=1, random_state=4), seed=7)
    ours, theirs = (model.predict(reviews)["p_negative"].to_numpy() for model in (trained.model, again))
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert trained.judged.losses(trained.held_out).shape == (len(trained.held_out),)


@needs_torch
def test_comments_of_one_kind_are_refused(reviews: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="of both kinds"):
        torch_example.fit(reviews[reviews["score"] >= 4], seed=7)
