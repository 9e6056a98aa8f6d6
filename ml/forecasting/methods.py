"""The local forecasting methods: small objects that see the past of one series and return its next points.

Add a method here when it forecasts one series from its own values; what learns across series is in `pooled.py`, what needs
dates in `holidays.py`. A method says how many points it needs and never looks at anything but `past`. ETS and Theta are
statsforecast's C++ ones: 33 ms and 3 ms a monthly series of 120 points, where one statsmodels ETS of eight takes 68 ms (measured here).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ml.forecasting.frequencies import Frequency
from ml.forecasting.metrics import Floats, naive2


class Method(Protocol):
    """One way to forecast one series."""

    @property
    def name(self) -> str:
        """What it is called in weights, reports and explanations."""
        ...

    def needs(self, every: Frequency) -> int:
        """The fewest points that it can be fitted on."""
        ...

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """The next `horizon` points after `past`."""
        ...


@dataclass(frozen=True)
class Naive:
    """The last value, M4's seasonal adjustment included (Naive2)."""

    name: str = "naive"

    def needs(self, every: Frequency) -> int:
        """One point."""
        return 1

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """The last value, repeated."""
        return naive2(past, horizon, every.season)


@dataclass(frozen=True)
class SeasonalNaive:
    """The last season, repeated; over the longest cycle of the frequency that the series has twice."""

    name: str = "seasonal_naive"

    def needs(self, every: Frequency) -> int:
        """One season."""
        return max(every.season, 1)

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """The values one whole cycle earlier."""
        period = max([cycle for cycle in every.cycles if 2 * cycle <= len(past)], default=every.season)
        return past[-period:][np.arange(horizon) % period]


@dataclass(frozen=True)
class Mean:
    """The mean of the last points: for counts that are mostly zero nothing smoother is more certain."""

    points: int

    @property
    def name(self) -> str:
        """`mean_<points>`."""
        return f"mean_{self.points}"

    def needs(self, every: Frequency) -> int:
        """Half its window."""
        return max(2, self.points // 2)

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """One level for every step."""
        return np.full(horizon, past[-self.points :].mean())


@dataclass(frozen=True)
class Theta:
    """Theta; `is_dynamic` for the dynamic optimised one (Fiorucci et al. 2016), else the standard one of the M3 competition."""

    is_dynamic: bool = True

    @property
    def name(self) -> str:
        """`dynamic_theta` or `theta`."""
        return "dynamic_theta" if self.is_dynamic else "theta"

    def needs(self, every: Frequency) -> int:
        """Enough for a trend; without three seasons no seasonal adjustment is tried."""
        return 5

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """Theta line of the seasonally adjusted series."""
        from statsforecast.models import DynamicOptimizedTheta
        from statsforecast.models import Theta as Standard

        season = every.season if len(past) >= 3 * every.season else 1
        kind = DynamicOptimizedTheta if self.is_dynamic else Standard
        return _mean(kind(season_length=season), past, horizon)


@dataclass(frozen=True)
class Ets:
    """Exponential smoothing with a damped trend, components chosen by AICc (Hyndman & Khandakar 2008)."""

    model: str = "ZZZ"
    is_damped: bool | None = True
    name: str = "ets"

    def needs(self, every: Frequency) -> int:
        """Enough points that no component is saturated."""
        return 8 if every.season == 1 else 2 * every.season + 5

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """The smoothing state, extrapolated."""
        from statsforecast.models import AutoETS

        return _mean(AutoETS(season_length=every.season, model=self.model, damped=self.is_damped), past, horizon)


@dataclass(frozen=True)
class Decomposed:
    """STL takes the cycles out, `inner` forecasts the rest without season, the last cycle is put back (Cleveland et al. 1990)."""

    inner: str = "theta"

    @property
    def name(self) -> str:
        """`stl_` and the inner method."""
        return f"stl_{self.inner}"

    def needs(self, every: Frequency) -> int:
        """Two of the shortest cycle and a point."""
        return 2 * min(every.cycles) + 1 if every.cycles else 10**9

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """Trend forecast plus the repeated cycles."""
        from statsforecast.models import MSTL, AutoETS, DynamicOptimizedTheta

        cycles = [cycle for cycle in every.cycles if len(past) >= 2 * cycle + 1]
        trend = DynamicOptimizedTheta(season_length=1) if self.inner == "theta" else AutoETS(season_length=1, model="ZZN")
        return _mean(MSTL(season_length=cycles, trend_forecaster=trend), past, horizon)


POOL: dict[str, Method] = {
    each.name: each
    for each in (
        Naive(),
        SeasonalNaive(),
        Mean(4),
        Mean(8),
        Mean(28),
        Theta(),
        Theta(is_dynamic=False),
        Ets(),
        Ets("ANN", False, "ses"),
        Decomposed("ets"),
    )
}


def _mean(model: Any, past: Floats, horizon: int) -> Floats:
    values: Floats = np.asarray(model.forecast(y=past.astype(float), h=horizon)["mean"], dtype=float)
    return values
