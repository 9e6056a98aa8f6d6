"""Routing: whether a weak and cheap language model suffices for a question, from the question's words alone.

A multinomial logistic regression on word TF-IDF tells three outcomes apart: only the strong model is right, only the weak one, or
both alike (both right or both wrong: the strong one would add nothing). What a call costs, and which models there are, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml.contributions import long_table
from ml.language.text import fold, is_held_out
from ml.model import Predictor, Trained
from ml.probability_scores import auc, ece, log_losses
from ml.routing_scores import gap_scores
from ml.slices import slice_table
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

WEAK_ONLY, ALIKE, STRONG_ONLY = 0, 1, 2
OUTCOMES = (WEAK_ONLY, ALIKE, STRONG_ONLY)
STRENGTH = 0.5  # inverse regularisation C; of 0.25, 0.5, 2 the best APGR on five folds of RouteLLM's MMLU answers (seed 0)
TEST_SHARE = 0.2
MIN_ROWS, MIN_PER_OUTCOME = 100, 5
EXPLAINED_WORDS = 12
OTHERS = "(other words)"


@dataclass(frozen=True)
class RoutingModel:
    """Fitted words and one row of coefficients an outcome of `OUTCOMES`; `mean` is the mean training question."""

    words: Any
    coefficients: np.ndarray
    intercepts: np.ndarray
    mean: np.ndarray

    def predict(self, frame: DataFrame) -> DataFrame:
        """For each `question`: `p_weak_suffices` (0 to 1, calibrated) and `expected_gain`, with the index of `frame`.

        `expected_gain` is P(only the strong model is right) - P(only the weak one is), -1 to 1: what calling the strong one is worth
        in right answers. Ask the strong one where it is worth more than it costs; rank questions by it.
        """
        return _answers(self._shares(frame), frame)

    def explain(self, frame: DataFrame) -> DataFrame:
        """What each word adds to log(P(only strong) / P(only weak)), beside the mean training question; see `Predictor.explain`.

        The 12 words that say most over the rows of `frame` stand alone, the others are `(other words)`.
        """
        import numpy as np

        weights = self.coefficients[STRONG_ONLY] - self.coefficients[WEAK_ONLY]
        cut, places = self.words.build_analyzer(), self.words.vocabulary_
        names = sorted({term for question in frame["question"] for term in cut(plain(question)) if term in places})
        said = [places[name] for name in names]
        matrix = self._matrix(frame)
        held = matrix[:, said].toarray()
        parts = (held - self.mean[said]) * weights[said]
        strength = np.where(held > 0, np.abs(parts), 0.0).max(axis=0, initial=0.0)
        largest = np.argsort(-strength, kind="stable")[:EXPLAINED_WORDS]
        rest = matrix @ weights - float(weights @ self.mean) - parts[:, largest].sum(axis=1)
        base = self.intercepts[STRONG_ONLY] - self.intercepts[WEAK_ONLY] + float(weights @ self.mean)
        shown = [names[at] for at in largest]
        return long_table(frame, [*shown, OTHERS], np.column_stack([parts[:, largest], rest]), base)

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss of `p_weak_suffices`, one a question, in the order of `held_out`."""
        return _losses(self, held_out)

    def _matrix(self, frame: DataFrame) -> Any:
        return self.words.transform([plain(question) for question in frame["question"]])

    def _shares(self, frame: DataFrame) -> np.ndarray:
        import numpy as np
        from scipy.special import softmax

        if frame.empty:
            return np.zeros((0, len(OUTCOMES)))
        shares: np.ndarray = softmax(self._matrix(frame) @ self.coefficients.T + self.intercepts, axis=1)
        return shares


@dataclass(frozen=True)
class LengthBaseline:
    """The naive baseline: a longer question needs the strong model; outcomes by a logistic regression on log(characters)."""

    coefficients: np.ndarray
    intercepts: np.ndarray

    def predict(self, frame: DataFrame) -> DataFrame:
        """As `RoutingModel.predict`."""
        from scipy.special import softmax

        return _answers(softmax(_log_length(frame) @ self.coefficients.T + self.intercepts, axis=1), frame)

    def explain(self, frame: DataFrame) -> DataFrame:
        """One feature: `question_length`."""
        weights = self.coefficients[STRONG_ONLY] - self.coefficients[WEAK_ONLY]
        base = float(self.intercepts[STRONG_ONLY] - self.intercepts[WEAK_ONLY])
        return long_table(frame, ["question_length"], _log_length(frame) * weights, base)

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss of `p_weak_suffices`, one a question, in the order of `held_out`."""
        return _losses(self, held_out)


def plain(question: object) -> str:
    """The folded question without the words that only frame it: a closing `Answer:` and the letters before the choices."""
    return re.sub(r"(?m)^[a-j]\. |\s*\banswer:\s*$", " ", fold(question))


def fit(questions: Sequence[object], weak_ok: Sequence[bool], strong_ok: Sequence[bool]) -> RoutingModel:
    """Fit on questions that both models have answered; their order does not matter, nothing is random.

    Raises:
        DataRejected: fewer than 100 questions, or fewer than 5 that only one of the models answers right.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts, outcome = _sorted_rows(questions, weak_ok, strong_ok)
    words = TfidfVectorizer(lowercase=False, ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    matrix = words.fit_transform([plain(text) for text in texts])
    words._stop_words_id = None  # the id of an object of this process: pickles of equal models would differ
    coefficients, intercepts = _logistic(matrix, outcome, STRENGTH)
    return RoutingModel(words, coefficients, intercepts, np.asarray(matrix.mean(axis=0)).ravel())


def fit_length(questions: Sequence[object], weak_ok: Sequence[bool], strong_ok: Sequence[bool]) -> LengthBaseline:
    """The baseline on the same rows; see `fit`."""
    import pandas as pd

    texts, outcome = _sorted_rows(questions, weak_ok, strong_ok)
    return LengthBaseline(*_logistic(_log_length(pd.DataFrame({"question": texts})), outcome, 1.0))


def evaluate(model: Predictor, held_out: DataFrame) -> dict[str, float]:
    """`apgr`, `cpt50`, `cpt80`, and `auc`, `ece`, `log_loss` of `p_weak_suffices`.

    Args:
        model: a `RoutingModel` or the baseline.
        held_out: `question`, `weak_ok`, `strong_ok`.
    """
    answers = model.predict(held_out)
    suffices = _outcome(held_out["weak_ok"], held_out["strong_ok"]) != STRONG_ONLY
    p_suffices = answers["p_weak_suffices"].to_numpy()
    return {
        **gap_scores(answers["expected_gain"].to_numpy(), held_out["weak_ok"].to_numpy(), held_out["strong_ok"].to_numpy()),
        "auc": auc(suffices.astype(int), p_suffices),
        "ece": ece(suffices.astype(int), p_suffices),
        "log_loss": float(model.losses(held_out).mean()),
    }


def train(frame: DataFrame, *, seed: int = 0) -> Trained:
    """Fit on four fifths of the questions, measure on the rest (by a hash of the question), then fit on all.

    Args:
        frame: `question`, `weak_ok`, `strong_ok`; `subject`, where there, makes slices. Equal questions are on the same side.
        seed: kept in the parameters; nothing is random.

    Raises:
        DataRejected: see `fit`; also when the strong model is not better on the held-out questions.
    """
    rows = frame.sort_values(["question", "weak_ok", "strong_ok"], ignore_index=True)
    is_last = is_held_out(rows["question"], TEST_SHARE)
    first, held_out = rows[~is_last].reset_index(drop=True), rows[is_last].reset_index(drop=True)
    if held_out["strong_ok"].sum() <= held_out["weak_ok"].sum():
        raise DataRejected("routing: the strong model is not better than the weak one on the held-out questions: route all to the weak one")
    judged, baseline = fit(*_parts(first)), fit_length(*_parts(first))
    called = held_out.assign(gain=judged.predict(held_out)["expected_gain"])
    return Trained(
        model=fit(*_parts(rows)),
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out),
        baseline=evaluate(baseline, held_out),
        params={"rows": len(rows), "test_rows": len(held_out), "C": STRENGTH, "seed": seed},
        primary_metric="apgr",
        higher_is_better=True,
        input_example=rows[["question"]].head(3),
        slices=slice_table(called, [key for key in ("subject",) if key in called], _slice_score, metric="apgr"),
    )


def _slice_score(rows: DataFrame) -> float:
    return gap_scores(rows["gain"].to_numpy(), rows["weak_ok"].to_numpy(), rows["strong_ok"].to_numpy())["apgr"]


def _parts(rows: DataFrame) -> tuple[list[object], list[bool], list[bool]]:
    return list(rows["question"]), list(rows["weak_ok"]), list(rows["strong_ok"])


def _sorted_rows(questions: Sequence[object], weak_ok: Sequence[bool], strong_ok: Sequence[bool]) -> tuple[list[object], np.ndarray]:
    import pandas as pd

    rows = pd.DataFrame({"question": list(questions), "weak_ok": list(weak_ok), "strong_ok": list(strong_ok)})
    rows = rows.sort_values(list(rows.columns), ignore_index=True)
    outcome = _outcome(rows["weak_ok"], rows["strong_ok"])
    rarest = min(int((outcome == each).sum()) for each in OUTCOMES)
    if len(rows) < MIN_ROWS or rarest < MIN_PER_OUTCOME:
        raise DataRejected(
            f"routing needs {MIN_ROWS} questions that both models have answered, {MIN_PER_OUTCOME} of each outcome, got {len(rows)} with "
            f"{rarest} of the rarest: collect more answers"
        )
    return list(rows["question"]), outcome


def _outcome(weak_ok: Any, strong_ok: Any) -> np.ndarray:
    import numpy as np

    outcome: np.ndarray = np.asarray(strong_ok, dtype=int) - np.asarray(weak_ok, dtype=int) + ALIKE
    return outcome


def _logistic(matrix: Any, outcome: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    with one_thread():
        found = LogisticRegression(C=strength, max_iter=500, tol=1e-5).fit(matrix, outcome)
    return found.coef_, found.intercept_


def _log_length(frame: DataFrame) -> np.ndarray:
    import numpy as np

    length: np.ndarray = np.log1p(np.array([[len(str(question))] for question in frame["question"]], dtype=float).reshape(-1, 1))
    return length


def _answers(shares: np.ndarray, frame: DataFrame) -> DataFrame:
    import pandas as pd

    gain = shares[:, STRONG_ONLY] - shares[:, WEAK_ONLY]
    return pd.DataFrame({"p_weak_suffices": 1 - shares[:, STRONG_ONLY], "expected_gain": gain}, index=frame.index)


def _losses(model: Predictor, held_out: DataFrame) -> np.ndarray:
    suffices = _outcome(held_out["weak_ok"], held_out["strong_ok"]) != STRONG_ONLY
    return log_losses(suffices.astype(int), model.predict(held_out)["p_weak_suffices"].to_numpy())
