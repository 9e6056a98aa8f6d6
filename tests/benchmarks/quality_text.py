"""The text part of the quality table: sentiment and complaint class on Olist's reviews, routing on RouteLLM's MMLU answers.

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
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline

from ml import routing
from ml.language import complaints, embeddings, sentiment
from ml.probability_scores import ece
from ml.routing_scores import gap_scores
from tests.benchmarks.quality import Row

SEED = 0
PLAIN = "word TF-IDF + LR"
BERTIMBAU = "BERTimbau about 0.90 accuracy, whole file"
PLAIN_ROUTER = "word TF-IDF + LR on weak_ok"
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
    yield from _routing(data / "roteamento" / "routellm" / "mmlu" / "responses")


def _timed(fit: Callable[[], Any], predict: Callable[[Any], Any]) -> Timed:
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
    ours = _timed(lambda: sentiment.fit(train, seed=SEED, encoder=encoder), lambda model: model.predict(test)["p_negative"].to_numpy())
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
    found = _timed(lambda: sentiment.train(frame, seed=SEED), lambda trained: trained.model.predict(frame))
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
        found = _timed(lambda train=train: complaints.fit(train), lambda model, test=test: model.predict(test)["complaint_class"])
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


def _routing(folder: Path) -> Iterator[Row]:
    """Weak: Mixtral 8x7B, strong: GPT-4-1106. Folds over all questions (C was chosen on seed 0, hence seed 1), then over whole subjects."""
    files = sorted(folder.glob("mmlu_*.csv"))
    parts = [pd.read_csv(file).set_axis(["question", "weak_ok", "strong_ok"], axis=1).assign(subject=file.stem) for file in files]
    asked = pd.concat(parts, ignore_index=True)
    for seed in (0, 1):
        yield from _routed(asked, list(KFold(5, shuffle=True, random_state=seed).split(asked)), f"5 folds, seed {seed}")
    yield from _routed(asked, list(GroupKFold(10).split(asked, groups=asked["subject"])), "unseen subjects, 10 folds")


def _routed(asked: pd.DataFrame, folds: Folds, name: str) -> Iterator[Row]:
    weak, strong = asked["weak_ok"].to_numpy(), asked["strong_ok"].to_numpy()
    gain, suffices, plain, length = (np.zeros(len(asked)) for _ in range(4))
    spent = []
    for fit_rows, other in folds:
        train, test = asked.iloc[fit_rows], asked.iloc[other]
        known = (list(train["question"]), list(train["weak_ok"]), list(train["strong_ok"]))
        found = _timed(lambda known=known: routing.fit(*known), lambda model, test=test: model.predict(test))
        gain[other], suffices[other] = found.predicted["expected_gain"], found.predicted["p_weak_suffices"]
        length[other] = routing.fit_length(*known).predict(test)["expected_gain"]
        usual = make_pipeline(TfidfVectorizer(min_df=2, sublinear_tf=True, ngram_range=(1, 2)), LogisticRegression(C=1, max_iter=500))
        plain[other] = -usual.fit(train["question"], train["weak_ok"]).predict_proba(test["question"])[:, 1]
        spent.append(found)
    ours, theirs, longest = (gap_scores(rank, weak, strong) for rank in (gain, plain, length))
    common: dict[str, Any] = {
        "train_s": sum(one.fit_s for one in spent),
        "predict_s": sum(one.predict_s for one in spent),
        "rows": len(asked),
    }
    low, high = _gained(gain, plain, weak, strong)
    note = f"{asked['subject'].nunique()} of 57 subjects are in the folder; random 0.5, length {longest['apgr']:.4f}"
    advantage = f"{note}; over the baseline by {low:+.3f} to {high:+.3f} (95 %)"
    published = "0.598 measured with the baseline on all 57 subjects"
    yield Row("routing", f"APGR, {name}", ours["apgr"], theirs["apgr"], PLAIN_ROUTER, published, note=advantage, **common)
    for metric in ("cpt50", "cpt80"):
        yield Row("routing", f"{metric.upper()} (lower is better), {name}", ours[metric], theirs[metric], PLAIN_ROUTER, note=note, **common)
    actual = (strong.astype(int) - weak.astype(int) < 1).astype(int)
    note = f"of p_weak_suffices; {common['predict_s'] / len(asked) * 1000:.2f} ms a question in batches"
    yield Row(
        "routing", f"ECE, {name}", ece(actual, suffices), ece(actual, np.full(len(asked), actual.mean())), "base rate", note=note, **common
    )


def _gained(gain: np.ndarray, plain: np.ndarray, weak: np.ndarray, strong: np.ndarray) -> tuple[float, float]:
    """A 95 % bootstrap interval of our APGR less the baseline's, question by question."""
    rng = np.random.default_rng(SEED)
    found = []
    for at in (rng.integers(0, len(gain), len(gain)) for _ in range(200)):
        ours, theirs = (gap_scores(rank[at], weak[at], strong[at])["apgr"] for rank in (gain, plain))
        found.append(ours - theirs)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
