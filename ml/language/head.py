"""A transformer's vectors beside words: a logistic regression on the vectors, and the weights with which it joins the words' log-odds.

Binary text families use it. Which transformer, and its vectors, come from `embeddings.py`; whether it is worth it is the family's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.language.embeddings import Encoder

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

PART = "(encoder)"
STRENGTH = 0.001  # C on standardised vectors; of 0.001, 0.01, 0.1 the best on 2,300 training reviews of the public file
FOLDS = 3


@dataclass(frozen=True)
class Head:
    """The fitted head. The joint log-odds are `shift + words_weight * words + vectors_weight * vectors`."""

    encoder: Encoder
    mean: np.ndarray
    scale: np.ndarray
    coefficients: np.ndarray
    intercept: float
    shift: float
    words_weight: float
    vectors_weight: float

    def log_odds(self, frame: DataFrame) -> np.ndarray:
        """From the vectors of `text` alone, one a row."""
        found: np.ndarray = ((_vectors(self.encoder, frame) - self.mean) / self.scale) @ self.coefficients + self.intercept
        return found


def joined_log_odds(head: Head, words: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The joint log-odds of rows whose two parts are known."""
    joint: np.ndarray = head.shift + head.words_weight * words + head.vectors_weight * vectors
    return joint


def fit_head(
    encoder: Encoder, frame: DataFrame, actual: np.ndarray, words: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int
) -> tuple[Head, np.ndarray, np.ndarray]:
    """The head, with weights learnt on log-odds out of fold (in fold both parts look surer than they are).

    Args:
        encoder: makes the vectors of `text`.
        frame: training rows with `text`.
        actual: 0 or 1 a row.
        words: the words' log-odds of the second rows (positions) by a model of the first ones.
        seed: of the folds.

    Returns:
        The head, and the log-odds out of fold of words and of vectors, one a row.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    vectors = _vectors(encoder, frame)
    parts = np.zeros((len(frame), 2))
    for fit_rows, other in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(vectors, actual):
        mean, scale, coefficients, intercept = _fit_vectors(vectors[fit_rows], actual[fit_rows])
        parts[other, 0] = words(fit_rows, other)
        parts[other, 1] = ((vectors[other] - mean) / scale) @ coefficients + intercept
    join = LogisticRegression(C=1.0).fit(parts, actual)
    weights = (float(join.intercept_[0]), *(float(value) for value in join.coef_[0]))
    return Head(encoder, *_fit_vectors(vectors, actual), *weights), parts[:, 0], parts[:, 1]


def _vectors(encoder: Encoder, frame: DataFrame) -> np.ndarray:
    return encoder.encode([str(text) for text in frame["text"].fillna("")])


def _fit_vectors(vectors: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    from sklearn.linear_model import LogisticRegression

    mean, scale = vectors.mean(axis=0), vectors.std(axis=0) + 1e-6
    found = LogisticRegression(C=STRENGTH, max_iter=500).fit((vectors - mean) / scale, actual)
    return mean, scale, found.coef_[0], float(found.intercept_[0])
