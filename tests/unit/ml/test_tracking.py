"""The registry: nothing is trained twice, nothing worse than its baseline is promoted, a champion loads back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import ModelRejected, NotFound
from ml.fingerprint import fingerprint
from ml.language import sentiment
from ml.model import Trained
from ml.review import versions
from ml.tracking import ModelVersion, Registry

AS_OF = date(2018, 5, 31)
EARLIER = date(2018, 5, 1)


def fit(frame: pd.DataFrame) -> Trained:
    return sentiment.train(frame, seed=7)


def never(frame: pd.DataFrame) -> Trained:
    raise AssertionError("nothing had to be trained")


def train(registry: Registry, name: str, frame: pd.DataFrame, how: Callable[[pd.DataFrame], Trained], code: str = "1") -> ModelVersion:
    return registry.train_if_changed(name, frame, how, code_version=code, as_of=AS_OF, tags={"agent": "varejo"})


def noise(frame: pd.DataFrame) -> pd.DataFrame:
    """Complaints in every tenth row, whatever its text says: nothing can be learnt."""
    return frame.assign(text="produto", score=np.where(np.arange(len(frame)) % 10 == 0, 1, 5))


def test_unchanged_rows_and_code_train_nothing(registry: Registry, reviews: pd.DataFrame) -> None:
    first = train(registry, "unchanged", reviews, fit)
    again = train(registry, "unchanged", reviews.sample(frac=1, random_state=0), never)
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.version, again.run_id, again.metrics) == (first.version, first.run_id, first.metrics)


def test_changed_rows_or_code_make_a_new_version(registry: Registry, reviews: pd.DataFrame) -> None:
    decides = [
        train(registry, "changed", reviews, fit),
        train(registry, "changed", reviews.iloc[:-1], fit),
        train(registry, "changed", reviews.iloc[:-1], fit, code="2"),
    ]
    assert [str(each.version) for each in versions(registry.client, "changed")] == ["1", "2", "3"]
    assert [(each.version, each.is_new) for each in decides] == [("1", True), ("1", False), ("1", False)]  # no better, so it stays


def test_a_loaded_champion_predicts_the_same(registry: Registry, reviews: pd.DataFrame) -> None:
    trained = fit(reviews)
    made = registry.train_if_changed("reload", reviews, lambda frame: trained, code_version="1", as_of=AS_OF, tags={})
    model, found = registry.load("reload")
    pd.testing.assert_frame_equal(model.predict(reviews), trained.model.predict(reviews))
    assert found.version == made.version
    assert found.metrics == trained.metrics
    assert found.baseline == trained.baseline
    assert found.primary_metric == "macro_f1"


def test_noise_never_becomes_champion(registry: Registry, reviews: pd.DataFrame) -> None:
    with pytest.raises(ModelRejected, match="does not beat the baseline"):
        train(registry, "noise", noise(reviews), fit)
    with pytest.raises(NotFound, match="no champion of model 'noise'"):
        registry.load("noise")
    with pytest.raises(ModelRejected):  # and the same rows are not tried a second time
        train(registry, "noise", noise(reviews), never)


def test_an_older_champion_stays_when_the_new_version_is_rejected(registry: Registry, reviews: pd.DataFrame) -> None:
    good = train(registry, "fallback", reviews, fit)
    kept = train(registry, "fallback", noise(reviews), fit)
    assert (kept.version, kept.is_new) == (good.version, False)
    assert registry.latest("fallback").data_fingerprint == fingerprint(reviews)


def test_a_run_holds_figures_card_baseline_and_provenance(registry: Registry, reviews: pd.DataFrame) -> None:
    made = train(registry, "evidence", reviews, fit)
    client = registry.client
    run = client.get_run(made.run_id)
    assert run.data.metrics["baseline_macro_f1"] == made.baseline["macro_f1"]
    assert run.data.tags["data_fingerprint"] == made.data_fingerprint
    assert run.data.tags["code_version"] == "1"
    logged = {item.path for folder in ("", "figures") for item in client.list_artifacts(made.run_id, folder)}
    assert {"card.md", "figures/confusion_matrix.png"} <= logged


def test_an_unknown_model_says_what_to_do(registry: Registry) -> None:
    with pytest.raises(NotFound, match="'unheard_of' in the registry: materialize its asset"):
        registry.latest("unheard_of")


def test_the_fingerprint_ignores_order_but_no_value() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [True, None, False]})
    same = frame.sample(frac=1, random_state=3)[["c", "a", "b"]]
    assert fingerprint(same) == fingerprint(frame)
    assert fingerprint(frame.assign(c=[True, False, False])) != fingerprint(frame)
    assert fingerprint(pd.concat([frame, frame.tail(1)])) != fingerprint(frame)
    assert fingerprint(frame.rename(columns={"a": "d"})) != fingerprint(frame)


def test_a_back_fill_of_an_earlier_day_never_replaces_the_champion(registry: Registry, reviews: pd.DataFrame) -> None:
    latest = train(registry, "backfill", reviews, fit)
    half = reviews.iloc[: len(reviews) // 2]
    earlier = registry.train_if_changed("backfill", half, fit, code_version="1", as_of=EARLIER, tags={})
    assert earlier.version != latest.version
    assert registry.latest("backfill").version == latest.version
    assert registry.describe("backfill", EARLIER).version == earlier.version
    assert registry.describe("backfill", AS_OF).version == latest.version


def test_a_day_with_the_same_rows_decides_with_the_same_version(registry: Registry, reviews: pd.DataFrame) -> None:
    first = train(registry, "same-rows", reviews, fit)
    other = registry.train_if_changed("same-rows", reviews, never, code_version="1", as_of=EARLIER, tags={})
    assert (other.version, other.is_new) == (first.version, False)


def test_a_day_without_a_model_says_what_to_do(registry: Registry, reviews: pd.DataFrame) -> None:
    train(registry, "one-day", reviews, fit)
    with pytest.raises(NotFound, match="materialize its asset for that day"):
        registry.describe("one-day", EARLIER)
