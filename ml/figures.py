"""The evaluation figures of the model families, drawn without pyplot (no global state, no display).

A new figure belongs here when a family logs it to MLflow; report charts for business readers stay out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series


def _canvas(title: str, xlabel: str, ylabel: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def weekly_forecast(weeks: DataFrame) -> Any:
    """Forecast against actual, one point a held-out week.

    Args:
        weeks: columns `week_end`, `actual`, `forecast`, `baseline`, in units a week.
    """
    figure, axes = _canvas("Total demand, held-out weeks", "week ending", "units")
    labels = [day.strftime("%d/%m") for day in weeks["week_end"]]
    for column, style in (("actual", "o-"), ("forecast", "s-"), ("baseline", "^--")):
        axes.plot(labels, weeks[column], style, label=column)
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def confusion(counts: np.ndarray, labels: list[str]) -> Any:
    """A confusion matrix; `counts[i, j]` is the number of rows of class i that were called class j."""
    figure, axes = _canvas("Confusion matrix, held-out rows", "predicted", "actual")
    axes.imshow(counts, cmap="Blues")
    axes.set(xticks=range(len(labels)), yticks=range(len(labels)), xticklabels=labels, yticklabels=labels)
    middle = counts.max() / 2
    for (row, column), count in [((i, j), counts[i, j]) for i in range(len(labels)) for j in range(len(labels))]:
        axes.text(column, row, str(int(count)), ha="center", color="white" if count > middle else "black")
    return figure


def calibration(bins: DataFrame) -> Any:
    """Predicted against observed rate. `bins` has columns `predicted`, `observed` (rates) and `rows`."""
    figure, axes = _canvas("Calibration, held-out rows", "predicted rate", "observed rate")
    top = float(bins[["predicted", "observed"]].to_numpy().max()) * 1.1 or 1.0
    axes.plot([0, top], [0, top], "--", color="grey", label="perfect")
    axes.plot(bins["predicted"], bins["observed"], "o-", label="model")
    axes.legend()
    return figure


def score_histogram(normal: Series, anomalous: Series, threshold: float) -> Any:
    """Anomaly scores (0 to 1) of labelled windows, with the alarm threshold."""
    figure, axes = _canvas("Anomaly score, labelled windows", "score", "windows")
    axes.hist([normal, anomalous], bins=25, range=(0, 1), stacked=True, label=["normal", "anomalous"])
    axes.axvline(threshold, color="black", linestyle="--", label="alarm")
    axes.legend()
    return figure
