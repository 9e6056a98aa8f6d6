"""Shared helpers of `explain`: from additive contributions to the long table that `ml.model.Predictor` promises.

Put here what more than one family needs. How a contribution is computed (TreeSHAP, coefficients) stays beside the estimator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

BASE = "(base)"
COLUMNS = ["row", "feature", "value", "contribution"]


def linear_contributions(inputs: np.ndarray, mean: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Coefficient x (value - mean), shape (rows, inputs).

    For a linear model these are the exact Shapley values of independent inputs (Lundberg and Lee 2017, corollary 1).
    """
    contributions: np.ndarray = (inputs - mean) * coefficients
    return contributions


def sum_by_column(contributions: np.ndarray, columns: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Add up what came from one original column, such as the indicators of its values.

    Args:
        contributions: shape (rows, inputs).
        columns: the original column of each input.

    Returns:
        The original columns in order of first appearance, and their contributions, shape (rows, columns).
    """
    import numpy as np

    names = list(dict.fromkeys(columns))
    summed = np.zeros((len(contributions), len(names)))
    for at, column in enumerate(columns):
        summed[:, names.index(column)] += contributions[:, at]
    return names, summed


def long_table(values: DataFrame, features: Sequence[str], contributions: np.ndarray, base: np.ndarray | float) -> DataFrame:
    """The table of `Predictor.explain`: largest absolute contribution first within a row, ties by name.

    Args:
        values: the rows explained; a feature that is no column of it has an empty value.
        features: a name for each column of `contributions`.
        contributions: shape (rows, features).
        base: what no feature explains, one number or one a row.

    Returns:
        Columns `row`, `feature`, `value` (text), `contribution`; `(base)` is one of the features of every row.
    """
    import numpy as np
    import pandas as pd

    rows, names = len(values), [*features, BASE]
    bases = np.broadcast_to(np.asarray(base, dtype=float), (rows,))
    texts = {name: [_text(each) for each in values[name]] if name in values else [""] * rows for name in names}
    table = pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), len(names)),
            "feature": np.tile(np.array(names, dtype=object), rows),
            "value": [texts[name][at] for at in range(rows) for name in names],
            "contribution": np.column_stack([contributions, bases]).ravel(),
        },
        columns=COLUMNS,
    )
    order = np.lexsort((table["feature"].to_numpy(dtype=str), -table["contribution"].abs().to_numpy(), table["row"].to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def _text(value: object) -> str:
    """What a reader sees: numbers with six significant digits, nothing for a missing value."""
    import pandas as pd

    if value is None or value is pd.NA or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
