"""How much heavier the days ahead are than the last ones, a resource at a time: from families' predictions or a daily count's history.

Which load falls on which resource is data (`forecasts.yaml`). What it means for a capacity or a budget is `anticipate.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import yaml
from pydantic import ValidationError, model_validator

from eco_assets.errors import NotFound, PolicyError
from eco_assets.mcp.mega.rules import Strict

if TYPE_CHECKING:
    from eco_assets.lake import Lake
    from ml.forecasting.methods import Method

FORECASTS = Path(__file__).with_name("forecasts.yaml")
HORIZON = 7
ORIGINS = 12  # weeks of the past that the methods are judged on: ten errors at least for a p10 and a p90
METHODS = ("seasonal_naive", "mean_28", "mean_91")
_WORDS = {"seasonal_naive": "a semana anterior repetida", "mean_28": "média de 28 dias", "mean_91": "média de 91 dias"}


class Load(Strict):
    """One load: `history` gives `at, value` a day, or `prediction` gives `low, expected, high, days` and `today` the same figure now."""

    resource: str
    label: str
    family: str = ""
    history: str = ""
    prediction: str = ""
    today: str = ""

    @model_validator(mode="after")
    def _has_one_source(self) -> Load:
        parts = {bool(self.prediction), bool(self.today), bool(self.family)}
        if len(parts) > 1 or bool(self.history) in parts:
            raise ValueError("a load has a history, or a prediction with its family and today's figure")
        return self


class Forecasts(Strict):
    """All of `forecasts.yaml`."""

    api: Literal["eco/mega-forecasts/v1"]
    loads: tuple[Load, ...]


@dataclass(frozen=True)
class Outlook:
    """The load of the next seven days over that of the last seven: 1.0 is the same. `low` and `high` are p10 and p90 or unknown."""

    label: str
    middle: float
    low: float | None
    high: float | None
    basis: str


@cache
def load_forecasts(path: Path = FORECASTS) -> Forecasts:
    """The loads of a file. Raises `PolicyError` when it is malformed."""
    try:
        return Forecasts.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise PolicyError(f"{path.name}: {error}") from error


def outlooks(lake: Lake, as_of: date, forecasts: Forecasts | None = None) -> dict[str, Outlook]:
    """The outlook of each resource whose load can be told on a day; a resource is missing where its tables or its history are."""
    import duckdb

    found = {}
    for load in (forecasts or load_forecasts()).loads:
        try:
            outlook = _predicted(lake, load, as_of) if load.prediction else _extended(lake, load, as_of)
        except (duckdb.Error, NotFound):  # a table that the weekly job makes is not there yet
            continue
        if outlook is not None:
            found[load.resource] = outlook
    return found


def _predicted(lake: Lake, load: Load, as_of: date) -> Outlook | None:
    row = lake.frame(load.prediction, {"as_of": as_of}).astype(float).iloc[0]
    now = float(lake.frame(load.today, {"as_of": as_of}).to_numpy(float)[0, 0])
    if not np.isfinite([row["low"], row["expected"], row["high"], now]).all() or now <= 0:
        return None
    ratios = [float(row[name]) / now for name in ("low", "expected", "high")]
    return Outlook(load.label, ratios[1], ratios[0], ratios[2], f"previsão do modelo {load.family}")


def _extended(lake: Lake, load: Load, as_of: date) -> Outlook | None:
    import pandas as pd

    frame = lake.frame(load.history, {"as_of": as_of})
    if frame.empty:
        return None
    values = pd.Series(frame["value"].to_numpy(float), index=pd.to_datetime(frame["at"]).dt.normalize())
    daily = values.groupby(level=0).sum()
    return outlook_of(daily.reindex(pd.date_range(daily.index[0], pd.Timestamp(as_of)), fill_value=0.0).to_numpy(), load.label)


def outlook_of(past: np.ndarray, label: str) -> Outlook | None:
    """The outlook of a daily count that ends on the day.

    The method is the one whose seven-day totals were nearest over the last `ORIGINS` weeks, and the band is what its totals missed by
    there, p10 and p90. None with less than two weeks of history or nothing in the last one.
    """
    recent = float(past[-HORIZON:].sum())
    if len(past) < 2 * HORIZON or recent <= 0:
        return None
    ends = [len(past) - HORIZON * week for week in range(1, ORIGINS + 1) if len(past) - HORIZON * week >= 4 * HORIZON]
    tried = {name: [_total(name, past[:end]) for end in ends] for name in METHODS if _can(name, past[: min(ends, default=len(past))])}
    actual = np.array([past[end : end + HORIZON].sum() for end in ends])
    if len(ends) < ORIGINS or not tried:
        return Outlook(label, float(past[-4 * HORIZON :].mean()) * HORIZON / recent, None, None, f"média de {min(len(past), 28)} dias")
    best = min(tried, key=lambda name: (float(np.abs(np.array(tried[name]) - actual).mean()), name))
    missed = actual / np.maximum(np.array(tried[best]), 1e-9)
    middle = _total(best, past) / recent
    low, high = (float(np.quantile(missed, level)) for level in (0.1, 0.9))
    basis = f"{_WORDS[best]}, a melhor de três contas em {ORIGINS} semanas passadas"
    return Outlook(label, middle, min(middle, middle * low), max(middle, middle * high), basis)


def _can(name: str, past: Sequence[float] | np.ndarray) -> bool:
    from ml.forecasting.frequencies import frequency

    return len(past) >= _method(name).needs(frequency("daily"))


def _total(name: str, past: np.ndarray) -> float:
    from ml.forecasting.frequencies import frequency

    return float(max(_method(name).forecast(past, HORIZON, frequency("daily")).sum(), 0.0))


def _method(name: str) -> Method:
    from ml.forecasting.methods import Mean, SeasonalNaive

    return SeasonalNaive() if name == "seasonal_naive" else Mean(int(name.removeprefix("mean_")))
