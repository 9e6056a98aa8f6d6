"""Why a prediction is what it is, as rows that are kept beside it: each subject's largest contributions, the rest together, and the base.

Families say how a model's rows become subjects; here is what they share.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from ml.contributions import BASE

if TYPE_CHECKING:
    from pandas import DataFrame

    from ml.model import Predictor

OTHERS = "(others)"
SHOWN = 6
Explain = Callable[["Predictor", "DataFrame", date], "DataFrame"]


def by_row(key: str) -> Explain:
    """Explanations of a model that predicts one row for each row of its frame; `key` names the subject."""

    def explain(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
        found = model.explain(frame)
        subjects = frame[key].astype(str).to_numpy()[found["row"].to_numpy(int)]
        return largest(found.assign(subject=subjects))

    return explain


def mean_of(key: str, prefix: str = "") -> Explain:
    """Explanations of a group's mean prediction: the means of its rows' contributions; `prefix` is put before the group's name."""

    def explain(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
        found = model.explain(frame)
        groups = (prefix + frame[key].astype(str)).to_numpy()
        found = found.assign(subject=groups[found["row"].to_numpy(int)])
        sizes = found.groupby("subject")["row"].nunique()
        summed = found.groupby(["subject", "feature"], as_index=False)["contribution"].sum()
        summed["contribution"] /= summed["subject"].map(sizes)
        return largest(summed.assign(value=""))

    return explain


def largest(found: DataFrame, shown: int = SHOWN) -> DataFrame:
    """Each subject's `shown` largest contributions, the sum of the others and the base; together they still add up to its score.

    Args:
        found: `subject, feature, value, contribution`.
        shown: how many are named.

    Returns:
        `subject, feature, value, contribution`, the largest first, then the others, then the base.
    """
    import pandas as pd

    base = found[found["feature"] == BASE]
    parts = found[found["feature"] != BASE]
    order = parts["contribution"].abs().sort_values(ascending=False, kind="stable").index
    parts = parts.loc[order]
    place = parts.groupby("subject").cumcount()
    rest = parts[place >= shown].groupby("subject", as_index=False)["contribution"].sum().assign(feature=OTHERS, value="")
    kept = pd.concat([parts[place < shown].assign(rank=0), rest.assign(rank=1), base.assign(rank=2)], ignore_index=True)
    kept = kept.sort_values(["subject", "rank"], kind="stable")
    named: DataFrame = kept[["subject", "feature", "value", "contribution"]].astype({"subject": str, "value": str})
    return named.reset_index(drop=True)
