"""Complaint class: learns from labelled reviews, says why, and has rules where nobody has labelled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml.language import complaints
from ml.language.complaints import CONTENT, DELIVERY, QUALITY
from ml.model import Trained

SAID = {
    DELIVERY: ["não recebi o pedido", "entrega atrasada", "veio só uma parte", "ainda não chegou"],
    QUALITY: ["produto com defeito", "veio quebrado", "qualidade péssima", "não funciona"],
    CONTENT: ["adorei, recomendo", "chegou rápido, ótimo", "muito bom", "perfeito"],
}


@pytest.fixture(scope="module")
def labelled() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    rows = []
    for number in range(300):
        name = str(rng.choice(list(SAID)))
        rows.append(
            {
                "review_id": f"r{number}",
                "text": f"{rng.choice(SAID[name])} {rng.choice(['loja', 'hoje', 'sempre'])}",
                "complaint_class": name,
            }
        )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def trained(labelled: pd.DataFrame) -> Trained:
    return complaints.train(labelled)


def test_it_beats_the_most_frequent_class(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["macro_f1"] > 0.95
    assert trained.baseline["macro_f1"] < 0.3


def test_the_probabilities_of_the_classes_add_up_to_one(trained: Trained) -> None:
    called = trained.model.predict(pd.DataFrame({"text": ["entrega atrasada", None, "PÉSSIMA QUALIDADE"]}))
    assert called.filter(like="p_").drop(columns="p_class").sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert called["complaint_class"].iloc[[0, 2]].tolist() == [DELIVERY, QUALITY]


def test_the_words_explain_the_score_of_the_class_that_is_called(trained: Trained, labelled: pd.DataFrame) -> None:
    rows = labelled.head(6)
    total = trained.model.explain(rows).groupby("row")["contribution"].sum().to_numpy()
    shares = trained.model.predict(rows)
    model = trained.model
    assert isinstance(model, complaints.ComplaintModel)
    assert total == pytest.approx(model._scores([text.lower() for text in complaints.folded(rows)]).max(axis=1))
    assert (shares["p_class"] > 0.5).all()


def test_losses_are_one_a_review_and_the_naive_model_has_larger_ones(trained: Trained) -> None:
    naive = complaints.Majority((0.3, 0.3, 0.4))
    ours, theirs = trained.judged.losses(trained.held_out), naive.losses(trained.held_out)
    assert ours.shape == theirs.shape
    assert ours.mean() < theirs.mean()
    assert naive.explain(trained.held_out.head(1))["feature"].tolist() == ["(base)"]


def test_the_order_of_the_rows_does_not_matter(trained: Trained, labelled: pd.DataFrame) -> None:
    again = complaints.train(labelled.sample(frac=1, random_state=1))
    assert again.metrics == pytest.approx(trained.metrics, abs=1e-3)


def test_no_rows_give_no_predictions(trained: Trained) -> None:
    assert trained.model.predict(pd.DataFrame({"text": []})).empty


@pytest.mark.parametrize(
    ("rows", "says"),
    [(slice(0, 40), "have more reviews labelled"), (slice(0, 300), "'outra' is not known")],
    ids=["too few", "unknown class"],
)
def test_what_cannot_be_learnt_from_is_refused(labelled: pd.DataFrame, rows: slice, says: str) -> None:
    frame = labelled.iloc[rows].copy()
    if "known" in says:
        frame.loc[0, "complaint_class"] = "outra"
    with pytest.raises(DataRejected, match=says):
        complaints.fit(frame)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ainda não recebi, está atrasado", DELIVERY),
        ("Veio com defeito, quero devolver", QUALITY),
        ("Adorei, chegou antes do prazo, recomendo", CONTENT),
        ("ok", CONTENT),
        (None, CONTENT),
    ],
)
def test_rules_know_a_class_without_labels(text: str | None, expected: str) -> None:
    assert complaints.by_rules(text) == expected
