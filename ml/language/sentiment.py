"""Review sentiment: how likely a Portuguese comment is negative, from its words and, where one is configured, a small transformer.

TF-IDF on words, word pairs and letters, accents folded, then a logistic regression; a transformer's vectors get a logistic regression of
their own and are kept only where they earn their cost. Scores 4-5 are positive, 1-2 negative; 3 says neither and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml import figures
from ml.language.embeddings import NONE, Encoder
from ml.language.head import PART, Head, fit_head, joined_log_odds
from ml.language.text import TextVectors, explanation, folded, is_held_out, told_rows
from ml.model import Predictor, Trained
from ml.probability_scores import log_losses, scores
from ml.slices import slice_table
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

TEST_SHARE = 0.2
MIN_ROWS = 40
MIN_PER_CLASS = 5
STRENGTH = 1.0  # inverse regularisation C of words; of 1, 2, 4 the best macro-F1 on a quarter of the training reviews of the public file
MIN_GAIN = 0.005  # macro-F1 that a transformer must add out of fold: it costs about 30 ms of CPU a text, words cost 0.2 ms
FOLDS = 3  # of the calibration: a slope and a shift of the log-odds (Platt 1999), learnt out of fold
CALIBRATION_STRENGTH = 1.0  # C of the slope: weak beside 1,000 rows, and it keeps 40 perfectly separated ones finite
SLICE_KEYS = ("category", "customer_state")


@dataclass(frozen=True)
class SentimentModel:
    """Fitted vectors and the coefficients of the log-odds of a negative comment; `mean` is the mean training comment."""

    vectors: TextVectors
    coefficients: np.ndarray
    intercept: float
    mean: np.ndarray
    head: Head | None = None

    def predict(self, frame: DataFrame) -> DataFrame:
        """`p_negative` (0 to 1) for each `text`, with the index of `frame`; a missing text counts as empty."""
        import pandas as pd
        from scipy.special import expit

        if frame.empty:
            return pd.DataFrame({"p_negative": pd.Series(dtype=float)}, index=frame.index)
        return pd.DataFrame({"p_negative": expit(self._log_odds(frame))}, index=frame.index)

    def explain(self, frame: DataFrame) -> DataFrame:
        """What each word adds to the log-odds of a negative comment, beside the mean training comment; see `Predictor.explain`.

        A configured transformer is one feature, `(encoder)`: its vectors have no words.
        """
        texts = folded(frame)
        share = 1.0 if self.head is None else self.head.words_weight
        rows = told_rows(self.vectors, texts, share * self.coefficients, self.mean)
        base = share * (self.intercept + float(self.coefficients @ self.mean))
        if self.head is not None:
            rows = [{**row, PART: self.head.vectors_weight * part} for row, part in zip(rows, self.head.log_odds(frame), strict=True)]
            base += self.head.shift
        return explanation(rows, texts, [base] * len(rows))

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss of each comment of `held_out` with a score other than 3, in its order."""
        return _losses(self, held_out)

    def _log_odds(self, frame: DataFrame) -> np.ndarray:
        import numpy as np

        words = np.asarray(self.vectors.transform(folded(frame)) @ self.coefficients + self.intercept)
        if self.head is None:
            return words
        joint: np.ndarray = self.head.shift + self.head.words_weight * words + self.head.vectors_weight * self.head.log_odds(frame)
        return joint


@dataclass(frozen=True)
class Majority:
    """The naive baseline: every comment has the share of negatives that was seen."""

    rate: float

    def predict(self, frame: DataFrame) -> DataFrame:
        """`p_negative` of each row: always the same."""
        import pandas as pd

        return pd.DataFrame({"p_negative": [self.rate] * len(frame)}, index=frame.index, dtype=float)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Nothing but the base."""
        from scipy.special import logit

        return explanation([{}] * len(frame), folded(frame), [float(logit(self.rate))] * len(frame))

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss of each comment of `held_out` with a score other than 3, in its order."""
        return _losses(self, held_out)


def fit(frame: DataFrame, *, seed: int, encoder: Encoder | None = None) -> SentimentModel:
    """Fit on every comment of `frame` whose score is not 3.

    Args:
        frame: `text`, `score` (1 to 5).
        seed: of the folds in which the calibration, and a transformer's weight, are learnt.
        encoder: a transformer to join; it is joined whatever it earns (`train` decides).

    Raises:
        DataRejected: fewer than 40 labelled comments, or fewer than 5 of one kind.
    """
    labelled = _labelled(frame)
    with one_thread():
        words = _fit_words(labelled, seed)
        return words if encoder is None else _joined(words, labelled, encoder, seed)[0]


def evaluate(model: Predictor, held_out: DataFrame) -> dict[str, float]:
    """`accuracy`, `macro_f1` (of calls at 0.5), `auc`, `log_loss`, `brier` and `ece` on the rows with a score other than 3."""
    judged = _labelled(held_out, least=False)
    actual, p_negative = _is_negative(judged).to_numpy(), model.predict(judged)["p_negative"].to_numpy()
    called = (p_negative >= 0.5).astype(int)
    return {"accuracy": float((called == actual).mean()), "macro_f1": _macro_f1(actual, called), **scores(actual, p_negative)}


def train(frame: DataFrame, *, seed: int, encoder: Encoder | None = None) -> Trained:
    """Fit on four fifths of the labelled comments, measure on the rest (by a hash of `review_id`), then fit on all.

    Args:
        frame: `review_id`, `text`, `score` (1 to 5; 3 is dropped); `category` and `customer_state`, where there, make slices.
        seed: see `fit`.
        encoder: a transformer that is tried beside the words, in folds of the first part, and kept when it adds 0.005 macro-F1.

    Returns:
        Judged by `macro_f1`; the baseline always answers with the more frequent class.

    Raises:
        DataRejected: fewer than 40 labelled comments, fewer than 5 of one kind, or none of a kind among the held-out ones.
    """
    labelled = _labelled(frame)
    is_last = is_held_out(labelled["review_id"], TEST_SHARE)
    first, held_out = labelled[~is_last].reset_index(drop=True), labelled[is_last].reset_index(drop=True)
    if _is_negative(held_out).nunique() < 2:
        raise DataRejected(f"sentiment: the {len(held_out)} held-out comments are all of one kind: load more reviews")
    with one_thread():
        judged, choice = _choose(_labelled(first), encoder, seed)
        model = fit(labelled, seed=seed, encoder=encoder if judged.head is not None else None)
    baseline = Majority(float(_is_negative(first).mean()))
    called = held_out.assign(p_negative=judged.predict(held_out)["p_negative"])
    return Trained(
        model=model,
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out),
        baseline=evaluate(baseline, held_out),
        params={"rows": len(labelled), "test_rows": len(held_out), "C": STRENGTH, "seed": seed, **choice},
        primary_metric="macro_f1",
        higher_is_better=True,
        input_example=labelled[["text"]].head(3),
        slices=slice_table(called, [key for key in SLICE_KEYS if key in called], _slice_score, metric="macro_f1"),
        figures={"confusion_matrix": figures.confusion(_counts(called), ["positive", "negative"])},
    )


def _choose(first: DataFrame, encoder: Encoder | None, seed: int) -> tuple[SentimentModel, dict[str, Any]]:
    """The model with the transformer where it earns its cost out of fold, else words alone; and what the model card says."""
    words = _fit_words(first, seed)
    if encoder is None:
        return words, {"encoder": NONE, "choice": "words alone: no transformer is configured"}
    joined, alone, together = _joined(words, first, encoder, seed)
    found = {"encoder": encoder.spec, "oof_macro_f1_words": alone, "oof_macro_f1_with_encoder": together}
    if together - alone < MIN_GAIN:
        return words, {**found, "choice": f"words alone: the transformer adds less than {MIN_GAIN} macro-F1 out of fold"}
    return joined, {**found, "choice": f"words and transformer: it adds at least {MIN_GAIN} macro-F1 out of fold"}


def _fit_words(labelled: DataFrame, seed: int) -> SentimentModel:
    """Words alone, calibrated: on 2,153 reviews the calibration multiplies the log-odds by 1.9, because C holds them down."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    actual = _is_negative(labelled).to_numpy()
    vectors, matrix = TextVectors.fit(folded(labelled))
    out_of_fold = np.zeros(len(labelled))
    for fit_rows, other in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(matrix, actual):
        out_of_fold[other] = _logistic().fit(matrix[fit_rows], actual[fit_rows]).decision_function(matrix[other])
    found = _logistic().fit(matrix, actual)
    scaled = LogisticRegression(C=CALIBRATION_STRENGTH).fit(out_of_fold[:, None], actual)
    slope, shift = float(scaled.coef_[0, 0]), float(scaled.intercept_[0])
    mean = np.asarray(matrix.mean(axis=0)).ravel()
    return SentimentModel(vectors, slope * found.coef_[0], slope * float(found.intercept_[0]) + shift, mean)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH, max_iter=500, tol=1e-6)


def _joined(words: SentimentModel, labelled: DataFrame, encoder: Encoder, seed: int) -> tuple[SentimentModel, float, float]:
    """Words with the transformer's head, and the macro-F1 out of fold of words alone and of both."""
    actual = _is_negative(labelled).to_numpy()

    def word_log_odds(fit_rows: np.ndarray, other: np.ndarray) -> np.ndarray:
        return _fit_words(labelled.iloc[fit_rows], seed)._log_odds(labelled.iloc[other])

    head, alone, both = fit_head(encoder, labelled, actual, word_log_odds, seed)
    together = _macro_f1(actual, (joined_log_odds(head, alone, both) > 0).astype(int))
    return replace(words, head=head), _macro_f1(actual, (alone > 0).astype(int)), together


def _labelled(frame: DataFrame, *, least: bool = True) -> DataFrame:
    """The comments with an opinion, in an order that depends on the rows alone."""
    labelled = frame[(frame["score"] != 3) & frame["score"].notna() & frame["text"].notna()]
    if not least:
        return labelled
    negative = int(_is_negative(labelled).sum())
    rarest = min(negative, len(labelled) - negative)
    if len(labelled) < MIN_ROWS or rarest < MIN_PER_CLASS:
        raise DataRejected(
            f"sentiment needs {MIN_ROWS} comments with at least {MIN_PER_CLASS} negative and positive, got {len(labelled)} "
            f"with {rarest} of the rarer kind: load more reviews"
        )
    return labelled.sort_values([name for name in ("review_id", "text", "score") if name in labelled], ignore_index=True)


def _is_negative(labelled: DataFrame) -> Series[int]:
    return (labelled["score"] <= 2).astype(int)


def _losses(model: Predictor, held_out: DataFrame) -> np.ndarray:
    judged = _labelled(held_out, least=False)
    return log_losses(_is_negative(judged).to_numpy(), model.predict(judged)["p_negative"].to_numpy())


def _macro_f1(actual: np.ndarray, called: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(actual, called, average="macro", zero_division=0))


def _slice_score(rows: DataFrame) -> float:
    return _macro_f1(_is_negative(rows).to_numpy(), (rows["p_negative"] >= 0.5).astype(int).to_numpy())


def _counts(called: DataFrame) -> np.ndarray:
    from sklearn.metrics import confusion_matrix

    counts: np.ndarray = confusion_matrix(_is_negative(called), called["p_negative"] >= 0.5, labels=[0, 1])
    return counts
