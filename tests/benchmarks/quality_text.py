"""The text part of the quality table: sentiment and complaint class on Olist's reviews.

Every figure beside the plain baseline of the same rows: a word TF-IDF with logistic regression as scikit-learn gives it. The public files
here are a part of what their publishers describe; `rows` says how many were there. `ECO_TEXT_ENCODER` adds the transformer's rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline

from ml.language import complaints, embeddings, sentiment
from tests.benchmarks.quality import Row

SEED = 0
PLAIN = "word TF-IDF + LR"
BERTIMBAU = "BERTimbau about 0.90 accuracy, whole file"
Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Timed:
    """What was predicted, and the CPU seconds that it took to fit and to predict."""

    predicted: Any
    fit_s: float
    predict_s: float


def rows(data: Path) -> Iterable[Row]:
    """All rows of this part; about three CPU-minutes without a transformer."""
    yield from _sentiment(data / "varejo" / "olist_reviews_pt" / "order_review_classification_ptbr.csv")
    yield from _own_reviews(data / "varejo" / "olist")
    yield from _complaints(data / "varejo" / "olist_reviews_pt" / "olist_classified_public_dataset.csv")


def timed(fit: Callable[[], Any], predict: Callable[[Any], Any]) -> Timed:
    """Fit, then predict with what was fitted."""
    start = time.process_time()
    model = fit()
    fitted = time.process_time()
    predicted = predict(model)
    return Timed(predicted, fitted - start, time.process_time() - fitted)


def _plain_classifier() -> Any:
    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    return make_pipeline(vectors, LogisticRegression(C=4, max_iter=500))


def _macro_f1(actual: Any, called: Any) -> float:
    return float(f1_score(actual, called, average="macro"))


def _sentiment(file: Path) -> Iterator[Row]:
    """The published split (80/20, random_state 0, stratified, train.py of gabrieltardochi's repository), then five folds."""
    table = pd.read_csv(file, sep=";", keep_default_na=False, na_values=[""]).dropna()
    table = pd.DataFrame({"text": table["comments"], "score": np.where(table["sentiment"] == "neg", 1, 5)}).reset_index(drop=True)
    is_negative = (table["score"] <= 2).to_numpy()
    fit_rows, test_rows = train_test_split(np.arange(len(table)), test_size=0.2, random_state=0, stratify=is_negative)
    for name, encoder in _encoders():
        ours, plain = _sentiment_on(table, fit_rows, test_rows, encoder)
        actual = is_negative[test_rows]
        common: dict[str, Any] = {"baseline_name": PLAIN, "published": BERTIMBAU, "rows": len(test_rows)}
        common |= {
            "train_s": ours.fit_s,
            "predict_s": ours.predict_s,
            "note": f"{name}; split 80/20 random_state 0; {len(table):,} rows in the file",
        }
        called = ours.predicted >= 0.5
        yield Row("review sentiment", "accuracy", accuracy_score(actual, called), accuracy_score(actual, plain), **common)
        yield Row("review sentiment", "macro-F1 (aim 0.92)", _macro_f1(actual, called), _macro_f1(actual, plain), **common)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=SEED).split(table, is_negative))
    both = [_sentiment_on(table, fit_part, other, None) for fit_part, other in folds]
    ours_f1 = [_macro_f1(is_negative[other], one.predicted >= 0.5) for (_, other), (one, _) in zip(folds, both, strict=True)]
    plain_f1 = [_macro_f1(is_negative[other], called) for (_, other), (_, called) in zip(folds, both, strict=True)]
    wins = np.sum(np.array(ours_f1) > plain_f1)
    note = f"words alone; five folds, {min(ours_f1):.4f} to {max(ours_f1):.4f}; better than the baseline in {wins}"
    spent = {"train_s": sum(one.fit_s for one, _ in both), "predict_s": sum(one.predict_s for one, _ in both)}
    yield Row("review sentiment", "macro-F1, 5 folds", np.mean(ours_f1), np.mean(plain_f1), PLAIN, rows=len(table), note=note, **spent)
    said = table.assign(is_negative=is_negative).groupby("text")["is_negative"].agg(["mean", "size"]).query("size >= 5")
    wrong = (np.minimum(said["mean"], 1 - said["mean"]) * said["size"]).sum() / said["size"].sum()
    note = "label noise: the share that no model of the text can get right, of the texts written five times or more (stars differ)"
    yield Row("review sentiment", "unavoidable error", wrong, 0.0, "no noise", rows=int(said["size"].sum()), note=note)


def _encoders() -> Iterator[tuple[str, embeddings.Encoder | None]]:
    yield "words alone", None
    cache = os.environ.get("ECO_BENCH_CACHE")
    chosen = embeddings.encoder(os.environ.get("ECO_TEXT_ENCODER", embeddings.NONE), Path(cache) if cache else None)
    if chosen is not None:
        yield f"words and {chosen.spec}", chosen


def _sentiment_on(
    table: pd.DataFrame, fit_rows: np.ndarray, other: np.ndarray, encoder: embeddings.Encoder | None
) -> tuple[Timed, np.ndarray]:
    """Our probabilities on the other rows, and the baseline's calls."""
    train, test = table.iloc[fit_rows], table.iloc[other]
    ours = timed(lambda: sentiment.fit(train, seed=SEED, encoder=encoder), lambda model: model.predict(test)["p_negative"].to_numpy())
    plain = _plain_classifier().fit(train["text"], train["score"] <= 2)
    return ours, plain.predict(test["text"])


def _own_reviews(folder: Path) -> Iterator[Row]:
    """The family as the daily job trains it: Olist's reviews with their stars, 3 left out, held out by a hash of the review."""
    reviews = pd.read_csv(folder / "olist_order_reviews_dataset.csv")
    orders = pd.read_csv(folder / "olist_orders_dataset.csv", usecols=["order_id", "customer_id"])
    customers = pd.read_csv(folder / "olist_customers_dataset.csv", usecols=["customer_id", "customer_state"])
    parts = [reviews["review_comment_title"], reviews["review_comment_message"]]
    said = parts[0].str.cat(parts[1], sep=". ").fillna(parts[1]).fillna(parts[0])
    frame = pd.DataFrame(
        {"review_id": reviews["review_id"], "order_id": reviews["order_id"], "text": said, "score": reviews["review_score"]}
    )
    frame = frame.dropna(subset=["text"]).merge(orders, on="order_id", how="left").merge(customers, on="customer_id", how="left")
    found = timed(lambda: sentiment.train(frame, seed=SEED), lambda trained: trained.model.predict(frame))
    trained = sentiment.train(frame, seed=SEED)
    first = frame[~frame["review_id"].isin(trained.held_out["review_id"]) & (frame["score"] != 3)]
    plain = _plain_classifier().fit(first["text"], first["score"] <= 2).predict(trained.held_out["text"])
    common: dict[str, Any] = {"baseline_name": PLAIN, "rows": len(trained.held_out), "train_s": found.fit_s, "predict_s": found.predict_s}
    note = f"{trained.params['rows']:,} reviews, 3 stars left out, held out by hash; fit is the daily job's, two fits"
    actual = trained.held_out["score"] <= 2
    yield Row("sentiment, daily family", "macro-F1", trained.metrics["macro_f1"], _macro_f1(actual, plain), note=note, **common)
    yield Row(
        "sentiment, daily family",
        "ECE",
        trained.metrics["ece"],
        trained.baseline["ece"],
        **{**common, "baseline_name": "base rate"},
        note=note,
    )


def _complaints(file: Path) -> Iterator[Row]:
    table = pd.read_csv(file).dropna(subset=["most_voted_class", "review_comment_message"]).reset_index(drop=True)
    frame = pd.DataFrame({"text": table["review_comment_message"], "complaint_class": table["most_voted_class"]})
    actual = frame["complaint_class"].to_numpy()
    ours, plain = actual.copy(), actual.copy()
    spent = []
    for fit_rows, other in StratifiedKFold(5, shuffle=True, random_state=SEED).split(frame, actual):
        train, test = frame.iloc[fit_rows], frame.iloc[other]
        found = timed(lambda train=train: complaints.fit(train), lambda model, test=test: model.predict(test)["complaint_class"])
        ours[other] = found.predicted
        plain[other] = _plain_classifier().fit(train["text"], train["complaint_class"]).predict(test["text"])
        spent.append(found)
    rules = [complaints.by_rules(text) for text in frame["text"]]
    common: dict[str, Any] = {
        "baseline_name": PLAIN,
        "rows": len(frame),
        "note": "out of five stratified folds; labels by vote of three people",
    }
    common |= {"train_s": sum(one.fit_s for one in spent), "predict_s": sum(one.predict_s for one in spent)}
    yield Row("complaint class", "accuracy", accuracy_score(actual, ours), accuracy_score(actual, plain), **common)
    yield Row("complaint class", "macro-F1", _macro_f1(actual, ours), _macro_f1(actual, plain), **common)
    common |= {"note": "the rules, which no label has shaped", "train_s": 0.0, "predict_s": 0.0}
    yield Row("complaint class", "macro-F1 of rules", _macro_f1(actual, rules), _macro_f1(actual, plain), **common)
