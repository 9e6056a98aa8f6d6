"""A metric by slice of the held-out rows, because a good mean may hide a region or a segment that is served badly.

Used by every family's `train` for `Trained.slices`. Which columns make slices is the family's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

OTHER, MISSING = "(other)", "(missing)"


def slice_table(
    frame: DataFrame,
    keys: Sequence[str],
    scorer: Callable[[DataFrame], float],
    min_rows: int = 50,
    *,
    metric: str = "score",
    draws: int = 100,
    seed: int = 0,
) -> DataFrame:
    """The metric of each slice with a 95 % bootstrap interval, the largest slice of a key first.

    Args:
        frame: held-out rows, with whatever `scorer` needs (truth and prediction).
        keys: columns whose values are the slices; values with fewer than `min_rows` rows are pooled as `(other)`.
        scorer: the metric of some rows; NaN where it has no value (an AUC of one class).
        min_rows: a slice with fewer rows, pooled or not, has no metric: `rows` only.
        metric: name of the metric's column.
        draws: bootstrap samples a slice.
        seed: of the bootstrap.

    Returns:
        Columns `slice` (`key=value`), `rows`, the metric, `low`, `high`; the first row is `all`.
    """
    import numpy as np
    import pandas as pd

    parts: list[tuple[str, np.ndarray]] = [("all", np.arange(len(frame)))]
    for key in keys:
        names = _names(frame, key, min_rows)
        sizes = sorted((name == OTHER, -rows, name) for name, rows in names.value_counts().items())
        parts += [(f"{key}={name}", np.flatnonzero((names == name).to_numpy())) for _, _, name in sizes]
    rows = [
        {"slice": name, "rows": len(at)} | _measured(frame, at, scorer, metric, draws if len(at) >= min_rows else 0, seed)
        for name, at in parts
    ]
    return pd.DataFrame(rows, columns=["slice", "rows", metric, "low", "high"])


def _names(frame: DataFrame, key: str, min_rows: int) -> Series[str]:
    text = frame[key].astype(object).where(frame[key].notna(), MISSING).astype(str)
    return text.where(text.map(text.value_counts()) >= min_rows, OTHER)


def _measured(
    frame: DataFrame, at: np.ndarray, scorer: Callable[[DataFrame], float], metric: str, draws: int, seed: int
) -> dict[str, float]:
    import numpy as np

    nothing = {metric: float("nan"), "low": float("nan"), "high": float("nan")}
    if not draws:
        return nothing
    rng = np.random.default_rng(seed)
    samples = np.array([scorer(frame.iloc[rng.choice(at, len(at))]) for _ in range(draws)])
    kept = samples[~np.isnan(samples)]
    if len(kept) < draws / 2:
        return nothing
    low, high = np.quantile(kept, [0.025, 0.975])
    return {metric: float(scorer(frame.iloc[at])), "low": float(low), "high": float(high)}
