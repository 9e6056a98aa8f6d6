"""What every model family hands over after training: one shape, so that the registry needs to know no family.

Add a field here only when the registry or a report reads it for every family. Family code (features, estimators, scores)
stays in its own module; MLflow stays in `tracking.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame


class Predictor(Protocol):
    """A fitted model. It is pickled into the registry, so it holds plain arrays and fitted estimators only."""

    def predict(self, frame: DataFrame) -> DataFrame:
        """Predictions for the rows of `frame`; the columns are the family's own and written in its docstring."""
        ...

    def explain(self, frame: DataFrame) -> DataFrame:
        """Why the predictions of `frame` are what they are.

        Returns:
            Rows `row` (position in what `predict` returns, from 0), `feature`, `value` (text) and `contribution`, the largest
            first within a row. The contributions of a row add up to its score on the scale that the family's docstring names; the
            part that no feature explains is the feature `(base)`.
        """
        ...

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """One loss (not negative, lower is better) a judged unit, in an order that depends on `held_out` alone.

        Two models of a family are compared by their losses on the same rows, pair by pair. `held_out` has the training columns.
        """
        ...


@dataclass(frozen=True)
class Trained:
    """One training run: the model for tomorrow and the evidence for it.

    `metrics` and `baseline` are measured on the same held-out rows; both hold `primary_metric`. `model` may be refitted on
    all rows after the measurement; `judged` is the one that has not seen `held_out`. What is held out must be the last rows in time,
    or chosen by a hash of the row's key, so that an older version's `judged` has not seen them either. `slices` has one row a part of
    the held-out rows: `slice` (such as `region=SP`), `rows`, and the primary metric under its name. `figures` maps a file stem to a
    matplotlib figure.
    """

    model: Predictor
    judged: Predictor
    held_out: DataFrame
    metrics: dict[str, float]
    baseline: dict[str, float]
    params: dict[str, Any]
    primary_metric: str
    higher_is_better: bool
    input_example: DataFrame
    slices: DataFrame | None = None
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def beats_baseline(self) -> bool:
        """True when the primary metric is strictly better than the baseline's on the held-out rows."""
        ours, theirs = self.metrics[self.primary_metric], self.baseline[self.primary_metric]
        return ours > theirs if self.higher_is_better else ours < theirs

    @property
    def card(self) -> str:
        """A short Markdown model card: every metric beside its baseline, then the parameters."""
        rows = [
            f"| {name} | {value:.4f} | {self.baseline[name]:.4f} |" if name in self.baseline else f"| {name} | {value:.4f} | |"
            for name, value in self.metrics.items()
        ]
        settings = [f"- {name}: {value}" for name, value in self.params.items()]
        table = ["| metric | model | baseline |", "|---|---|---|", *rows]
        return "\n".join([*table, "", f"Judged by {self.primary_metric}.", "", *settings, ""])
