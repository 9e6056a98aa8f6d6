"""Review sentiment: how likely a Portuguese comment is negative, from its words alone.

TF-IDF on words and word pairs plus character n-grams (they survive typing errors), accents folded, then a logistic
regression. Scores 4-5 are positive, 1-2 negative; 3 says neither and is left out of training. Language models stay out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml import figures
from ml.model import Trained

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

TEST_SHARE = 0.2
MIN_ROWS = 40
MIN_PER_CLASS = 5
REGULARISATION = 4.0  # inverse strength C; flat between 2 and 8


@dataclass(frozen=True)
class SentimentModel:
    """A fitted text pipeline."""

    pipeline: Any

    def predict(self, frame: DataFrame) -> DataFrame:
        """`p_negative` (0 to 1) for each `text`, with the index of `frame`; a missing text counts as empty."""
        import pandas as pd

        if frame.empty:
            return pd.DataFrame({"p_negative": pd.Series(dtype=float)}, index=frame.index)
        return pd.DataFrame({"p_negative": self.pipeline.predict_proba(_texts(frame))[:, 1]}, index=frame.index)


def train(frame: DataFrame, *, seed: int) -> Trained:
    """Fit on 80 % of the labelled comments, measure on the rest (stratified), then fit on all.

    Args:
        frame: `text`, `score` (1 to 5); score 3 is dropped.
        seed: of the split.

    Returns:
        Metrics `accuracy`, `macro_f1`, `auc`; the baseline always answers with the more frequent class.

    Raises:
        DataRejected: fewer than 40 labelled comments, or fewer than 5 of one kind.
    """
    from sklearn.model_selection import train_test_split

    labelled = frame[(frame["score"] != 3) & frame["text"].notna()].reset_index(drop=True)
    is_negative = (labelled["score"] <= 2).astype(int)
    rarest = int(min(is_negative.sum(), len(labelled) - is_negative.sum()))
    if len(labelled) < MIN_ROWS or rarest < MIN_PER_CLASS:
        raise DataRejected(
            f"sentiment needs {MIN_ROWS} comments with at least {MIN_PER_CLASS} negative and positive, got {len(labelled)} "
            f"with {rarest} of the rarer kind: load more reviews"
        )
    fit_rows, test_rows = train_test_split(labelled.index, test_size=TEST_SHARE, stratify=is_negative, random_state=seed)
    measured = _pipeline().fit(_texts(labelled.loc[fit_rows]), is_negative.loc[fit_rows])
    p_negative = measured.predict_proba(_texts(labelled.loc[test_rows]))[:, 1]
    metrics, baseline, counts = _evaluate(is_negative.loc[test_rows].to_numpy(), p_negative, is_negative.loc[fit_rows])
    return Trained(
        model=SentimentModel(_pipeline().fit(_texts(labelled), is_negative)),
        metrics=metrics,
        baseline=baseline,
        params={"rows": len(labelled), "test_rows": len(test_rows), "C": REGULARISATION, "seed": seed},
        primary_metric="macro_f1",
        higher_is_better=True,
        input_example=labelled[["text"]].head(3),
        figures={"confusion_matrix": figures.confusion(counts, ["positive", "negative"])},
    )


def _evaluate(actual: np.ndarray, p_negative: np.ndarray, seen: Series[int]) -> tuple[dict[str, float], dict[str, float], np.ndarray]:
    import numpy as np
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, roc_auc_score

    def scores(called: np.ndarray, ranked: np.ndarray) -> dict[str, float]:
        return {
            "accuracy": float(accuracy_score(actual, called)),
            "macro_f1": float(f1_score(actual, called, average="macro")),
            "auc": float(roc_auc_score(actual, ranked)),
        }

    called = (p_negative >= 0.5).astype(int)
    majority = np.full(len(actual), int(seen.mean() >= 0.5))
    return scores(called, p_negative), scores(majority, majority), confusion_matrix(actual, called)


def _texts(frame: DataFrame) -> list[str]:
    return [str(text) for text in frame["text"].fillna("")]


def _pipeline() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(strip_accents="unicode", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(strip_accents="unicode", analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True)
    classifier = LogisticRegression(C=REGULARISATION, max_iter=500, class_weight="balanced")
    return make_pipeline(make_union(words, letters), classifier)
