"""What a model family is: its rows, how it is fitted, what it scores and how that is explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ml.explanations import Explain
from ml.model import Predictor, Trained

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pandas import DataFrame

    from ml.language.embeddings import Encoder

SEED = 20180531


@dataclass(frozen=True)
class Family:
    """One registered model: its data, its training and its predictions table.

    Attributes:
        score: `score(model, frame, as_of)` gives the rows of `predictions.<table>` without `model_name`, `model_version` and `as_of`; the
            first column is the subject.
        explain: `explain(model, frame, as_of)` gives `subject, feature, value, contribution` for the same subjects.
        inputs: columns of training and scoring frames whose drift is watched.
        outcome_query: predictions that can be judged at the end of `$as_of`: `as_of, subject, predicted, actual`, where known
            `low, high`, the band that was promised for 80 %. Empty where outcomes are never told.
        is_probability: whether `predicted` is a probability.
        is_daily: else it is trained and scored weekly and on demand.
        fit_encoded: as `fit`, for texts, with a transformer to compete with words.
    """

    name: str
    agent: str
    table: str
    description: str
    primary_metric: str
    train_query: str
    score_query: str
    fit: Callable[[DataFrame, date], Trained]
    score: Callable[[Predictor, DataFrame, date], DataFrame]
    explain: Explain
    inputs: tuple[str, ...] = ()
    outcome_query: str = ""
    is_probability: bool = True
    is_daily: bool = True
    fit_encoded: Callable[[DataFrame, date, Encoder], Trained] | None = None

    def training_frame(self, lake: DuckDBPyConnection, as_of: date) -> DataFrame:
        """The rows known at the end of `as_of` that the model is trained on."""
        return frame(lake, self.train_query, as_of)

    def scoring_frame(self, lake: DuckDBPyConnection, as_of: date) -> DataFrame:
        """The rows that `score` needs for the predictions of `as_of`."""
        return frame(lake, self.score_query, as_of)

    def train(self, rows: DataFrame, as_of: date, encoder: Encoder | None = None) -> Trained:
        """Train on the rows known at the end of `as_of`."""
        if encoder is not None and self.fit_encoded is not None:
            return self.fit_encoded(rows, as_of, encoder)
        return self.fit(rows, as_of)


def frame(lake: DuckDBPyConnection, query: str, as_of: date) -> DataFrame:
    """The rows of a family's query on a day."""
    return lake.execute(query, {"as_of": as_of} if "$as_of" in query else {}).df()
