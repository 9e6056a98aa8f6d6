"""Prophet's curve of one daily series with Brazil's holidays: what the local methods, which see no calendar, cannot know.

Prophet costs 0.2 to 0.4 CPU-s a fit, a hundred times a Theta, so it is asked only for the total and the largest series. Days come in and
go out as pandas indices; weights and intervals are in `selection.py` and `intervals.py`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

YEARLY_FROM_DAYS = 730  # Prophet itself warns that a year's shape cannot be told from the trend with less


def curve(values: pd.Series[float], ahead: int, seed: int) -> pd.Series[float]:
    """Fit Prophet on a daily series without gaps and draw it, in units a day and never below 0, over its days and `ahead` more.

    Args:
        values: units a day, index of consecutive days.
        ahead: days after the last one.
        seed: given to Stan's optimiser.
    """
    import pandas as pd

    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # reports as an error that plotly is missing: not used
    import cmdstanpy
    from prophet import Prophet

    cmdstanpy.utils.get_logger().setLevel(logging.ERROR)  # sets its own level to INFO when it is first asked for
    has_year = len(values) >= YEARLY_FROM_DAYS
    model = Prophet(weekly_seasonality=True, yearly_seasonality=has_year, daily_seasonality=False, uncertainty_samples=0)
    model.add_country_holidays("BR")
    model.fit(pd.DataFrame({"ds": values.index, "y": values.to_numpy()}), seed=seed)
    days = pd.date_range(values.index[0], periods=len(values) + ahead, freq="D")
    drawn: pd.Series[float] = model.predict(pd.DataFrame({"ds": days})).set_index(days)["yhat"]
    return drawn.clip(lower=0.0)
