"""The declared table of frequencies: season, cycles, horizon and rolling origins of every series that is forecast.

A new frequency is one row of `FREQUENCIES`; nothing else in the forecaster holds such a number. Methods read the row they are given.
"""

from __future__ import annotations

from dataclasses import dataclass

from eco_assets.errors import NotFound


@dataclass(frozen=True)
class Frequency:
    """How series of one spacing are forecast; every count is in points of that spacing.

    `season` is the period of the naive forecast and of the scale of MASE (M4 convention: weekly 1, hourly 24). `cycles` are the periods
    that decomposition and the global model look for. `origins` rolling origins, `step` points apart, choose the methods of a series.
    `recent` bounds what the local methods read: an older past costs time and hardly moves a smoothing state. `pool` names the methods that
    compete (`methods.POOL`); they were picked on M1 and on earlier origins of M4 and Tourism, never on a test part.
    """

    name: str
    offset: str  # pandas' name of the spacing
    season: int
    cycles: tuple[int, ...]
    horizon: int
    origins: int
    step: int
    recent: int
    pool: tuple[str, ...]

    @property
    def short(self) -> int:
        """With fewer points nothing can be held back to choose a method on: the series takes the panel's weights."""
        return max(2 * self.season, self.horizon) + 4

    @property
    def cold(self) -> int:
        """With fewer points than this a series cannot be fitted alone: it borrows its siblings' course."""
        return self.season + 4


FREQUENCIES: dict[str, Frequency] = {
    each.name: each
    for each in (
        Frequency("yearly", "YS", 1, (), horizon=6, origins=1, step=1, recent=60, pool=("naive", "dynamic_theta", "ets")),
        Frequency("quarterly", "QS", 4, (4,), horizon=8, origins=1, step=2, recent=120, pool=("naive", "dynamic_theta", "ets")),
        Frequency("monthly", "MS", 12, (12,), horizon=18, origins=1, step=3, recent=144, pool=("naive", "dynamic_theta", "ets")),
        Frequency("weekly", "W", 1, (52,), horizon=13, origins=2, step=13, recent=780, pool=("naive", "ets", "stl_ets")),
        Frequency(
            "daily", "D", 7, (7,), horizon=7, origins=6, step=7, recent=182, pool=("seasonal_naive", "dynamic_theta", "ets", "mean_28")
        ),
        Frequency("hourly", "h", 24, (24, 168), horizon=48, origins=1, step=48, recent=672, pool=("seasonal_naive", "stl_ets")),
        # Seven-day sums that end on the last known day.
        Frequency(
            "block", "7D", 1, (), horizon=1, origins=8, step=1, recent=104, pool=("naive", "mean_4", "mean_8", "dynamic_theta", "ses")
        ),
    )
}


def frequency(name: str) -> Frequency:
    """The row called `name`.

    Raises:
        NotFound: no such frequency; the message lists the known ones.
    """
    if name not in FREQUENCIES:
        raise NotFound(f"no frequency {name!r}: known are {', '.join(sorted(FREQUENCIES))}")
    return FREQUENCIES[name]
