"""Routing learnt from what was logged: what asking each rung first is worth for a question, in right answers less cost and lateness.

Of each question the log knows the outcome of the rung that was asked alone (`routing.py` learns from questions that every model has
answered). One logistic regression a rung on shared word vectors, each row weighed by one over the probability with which it was logged.
Which rungs there are, and drawing among them, stays in the gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml.language.text import fold
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

STRENGTH = 0.3  # inverse regularisation C; of 0.01 to 1 the best on logs of RouteLLM's answers (halves of seeds 1 and 2), by 0.002 reward
LARGEST_WEIGHT = 20.0  # of a row: a rung drawn once in 150 would otherwise outvote the rest
MIN_ROWS, MIN_PER_OUTCOME = 50, 5  # of a rung; one with fewer has no worth


@dataclass(frozen=True)
class Reward:
    """What counts. An answer is worth 1 where it is right, less its cost and its lateness.

    Attributes:
        micro_usd: how many micro-dollars are worth one right answer.
        late_after_ms: until when an answer is in time.
        late_ms: milliseconds of lateness that are worth one right answer.
    """

    micro_usd: float = 2_000.0
    late_after_ms: float = 150.0
    late_ms: float = 2_000.0

    def of(self, is_right: np.ndarray, cost_micro_usd: np.ndarray, ms: np.ndarray) -> np.ndarray:
        """One reward a row; arrays of one length, or numbers."""
        import numpy as np

        late = np.maximum(0.0, np.asarray(ms, dtype=float) - self.late_after_ms)
        found: np.ndarray = (
            np.asarray(is_right, dtype=float) - np.asarray(cost_micro_usd, dtype=float) / self.micro_usd - late / self.late_ms
        )
        return found


@dataclass(frozen=True)
class OutcomeModel:
    """Fitted words, and for each rung its coefficients, its intercept and the mean price of asking it (cost and lateness, as reward)."""

    words: Any
    rungs: dict[str, tuple[np.ndarray, float, float]]

    def worth(self, texts: Sequence[str], rung: str) -> np.ndarray | None:
        """Expected reward of asking `rung` first, one a text; None for a rung that too little is known of."""
        from scipy.special import expit

        if rung not in self.rungs:
            return None
        coefficients, intercept, price = self.rungs[rung]
        found: np.ndarray = expit(self.words.transform([fold(text) for text in texts]) @ coefficients + intercept) - price
        return found


def fit_outcomes(log: DataFrame, reward: Reward | None = None) -> OutcomeModel:
    """Fit on a log; the order of its rows does not matter, nothing is random.

    Args:
        log: `text`, `rung`, `is_right`, `cost_micro_usd`, `ms`, `propensity` (of the rung that was asked first).
        reward: what counts.

    Raises:
        DataRejected: no rung has 50 rows with 5 of each outcome.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    counts, rows = reward or Reward(), log.sort_values(["text", "rung", "is_right"], ignore_index=True)
    known = [name for name, part in rows.groupby("rung") if _is_enough(part)]
    if not known:
        raise DataRejected(f"routing needs a rung with {MIN_ROWS} outcomes, {MIN_PER_OUTCOME} right and wrong: log more answers")
    words = TfidfVectorizer(lowercase=False, ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    matrix = words.fit_transform([fold(text) for text in rows["text"]])
    words._stop_words_id = None  # the id of an object of this process: pickles of equal models would differ
    rungs = {}
    for name in known:
        at = np.flatnonzero((rows["rung"] == name).to_numpy())
        part = rows.iloc[at]
        weight = np.minimum(1 / part["propensity"].to_numpy(), LARGEST_WEIGHT)
        with one_thread():
            found = LogisticRegression(C=STRENGTH, max_iter=500, tol=1e-5).fit(matrix[at], part["is_right"], sample_weight=weight)
        price = -float(np.average(counts.of(np.zeros(len(part)), part["cost_micro_usd"].to_numpy(), part["ms"].to_numpy()), weights=weight))
        rungs[str(name)] = (found.coef_[0], float(found.intercept_[0]), price)
    return OutcomeModel(words, rungs)


def _is_enough(part: DataFrame) -> bool:
    right = int(part["is_right"].sum())
    return len(part) >= MIN_ROWS and min(right, len(part) - right) >= MIN_PER_OUTCOME
