"""Scores one row with a model that may: the same value as the batch's, without a frame. For requests that bring their own features.

A booster is called through LightGBM's single-row interface, whose buffers are made once a model version: 9 µs a row where `predict`
takes 82 µs (shared/design/facts/mcp.md). Add a model to `PREDICTIONS` when its score of a row depends on that row alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from eco_assets.errors import EcoError, NotFound, RequestRefused

if TYPE_CHECKING:
    from ml.propensity.conversion import ConversionModel
    from ml.tracking import Registry

# Models that score a row by itself, and the prediction that policies know the score by.
PREDICTIONS: Mapping[str, str] = {
    "comercial_lead_conversion": "p_convert",
    "varejo_late_delivery": "p_late",
    "varejo_bad_review": "p_bad_review",
}
TRY_AGAIN_S = 30.0  # a model that could not be loaded is asked for again after this time
_MISSING = "missing"  # as `to_inputs` of ml/propensity/estimators.py spells a null text


class _Estimator(Protocol):
    def score(self, row: Mapping[str, Any]) -> float: ...


@dataclass(frozen=True)
class Scorer:
    """One model version, ready to score a row at a time. Not for several threads at once."""

    prediction: str
    text: tuple[str, ...]
    numbers: tuple[str, ...]
    _estimator: _Estimator
    _intercept: float
    _slope: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that a row must bring; a null stands for a missing value."""
        return (*self.text, *self.numbers)

    def score(self, row: Mapping[str, Any]) -> float:
        """The prediction, as the batch writes it (six digits).

        Raises:
            RequestRefused: a feature is not brought, or is of another type; names it.
        """
        for name in self.inputs:
            if name not in row:
                raise RequestRefused(f"{self.prediction} needs {', '.join(self.inputs)}; not given: {name}")
        for name in self.numbers:
            if isinstance(row[name], str):
                raise RequestRefused(f"{name} must be a number, not {row[name]!r}")
        scaled = self._intercept + self._slope * self._estimator.score(row)
        return round(_expit(scaled), 6)


def scorer(name: str, model: ConversionModel) -> Scorer:
    """A scorer of a model of `PREDICTIONS`."""
    columns, estimator = model.columns, model.estimator
    ready: _Estimator = _Trees(estimator) if hasattr(estimator, "booster") else _Linear(estimator)
    return Scorer(PREDICTIONS[name], columns.categorical, columns.numeric, ready, model.intercept, model.slope)


class Scorers:
    """Scorers by model and version, loaded when they are first asked for. Without a registry every row is refused."""

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._held: dict[tuple[str, str], Scorer] = {}
        self._failed: dict[tuple[str, str], tuple[float, EcoError]] = {}
        self._loading = asyncio.Lock()

    async def get(self, name: str, version: str, as_of: str) -> Scorer:
        """The scorer of a version that decides about a day.

        Raises:
            NotFound: the registry has another version for that day, or none; it is asked again after half a minute.
            RequestRefused: there is no registry.
        """
        held = self._held.get((name, version))
        if held is not None:
            return held
        async with self._loading:
            until, error = self._failed.get((name, version), (0.0, None))
            if error is not None and time.monotonic() < until:
                raise error
            if (name, version) not in self._held:
                try:
                    self._held[name, version] = await asyncio.to_thread(self._loaded, name, version, as_of)
                except EcoError as failed:
                    self._failed[name, version] = (time.monotonic() + TRY_AGAIN_S, failed)
                    raise
        return self._held[name, version]

    def _loaded(self, name: str, version: str, as_of: str) -> Scorer:
        if self._registry is None:
            raise RequestRefused("no model registry is at hand, so a request's features cannot be scored; leave them out")
        model, found = self._registry.load(name, date.fromisoformat(as_of))
        if found.version != version:
            raise NotFound(f"{name} {version} is served, {found.version} decides now: materialize the online contexts again")
        return scorer(name, model)  # type: ignore[arg-type]  # PREDICTIONS holds this kind only


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


class _Linear:
    """`Linear` of ml/propensity/estimators.py over plain numbers: no matrix of one row is built."""

    def __init__(self, fitted: Any) -> None:
        design, columns = fitted.design, fitted.design.columns
        weights, at = [float(weight) for weight in fitted.coefficients], 0
        self._base = fitted.base - sum(float(c) * w for c, w in zip(fitted.center, weights, strict=True))
        self._text: list[tuple[str, dict[str, float], float]] = []
        for name in columns.categorical:
            levels = design.levels[name]
            self._text.append((name, dict(zip(levels, weights[at:], strict=False)), weights[at + len(levels)]))
            at += len(levels) + 1
        count = len(columns.numeric)
        scales = zip(design.median, design.mean, design.deviation, strict=True)
        self._numbers = [
            (name, *map(float, scale), weights[at + place], weights[at + count + place])
            for place, (name, scale) in enumerate(zip(columns.numeric, scales, strict=True))
        ]

    def score(self, row: Mapping[str, Any]) -> float:
        total = self._base
        for name, known, other in self._text:
            total += known.get(_text(row[name]), other)
        for name, median, mean, deviation, weight, missing in self._numbers:
            value = _number(row[name])
            is_missing = value != value  # NaN
            total += ((median if is_missing else value) - mean) / deviation * weight + (missing if is_missing else 0.0)
        return float(total)


class _Trees:
    """`Boosted` of ml/propensity/estimators.py through LightGBM's interface for single rows."""

    def __init__(self, fitted: Any) -> None:
        import ctypes

        from lightgbm.basic import _LIB, _safe_call  # what LightGBM's own Python calls; the version is pinned

        self._columns = fitted.columns
        self._codes = {name: {level: float(code) for code, level in enumerate(fitted.levels[name])} for name in self._columns.categorical}
        width = len(self._columns.categorical) + len(self._columns.numeric)
        self._booster = fitted.booster  # owns what the handle points to
        self._fast, self._row = ctypes.c_void_p(), (ctypes.c_double * width)()
        self._out, self._length = (ctypes.c_double * 1)(), ctypes.c_int64()
        raw_score, all_trees, float64 = 1, -1, 1
        _safe_call(
            _LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._booster._handle,
                ctypes.c_int(raw_score),
                ctypes.c_int(0),
                ctypes.c_int(all_trees),
                ctypes.c_int(float64),
                ctypes.c_int32(width),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(self._fast),
            )
        )
        self._predict, self._check = _LIB.LGBM_BoosterPredictForMatSingleRowFast, _safe_call
        self._arguments: Sequence[Any] = (self._fast, self._row, ctypes.byref(self._length), self._out)

    def score(self, row: Mapping[str, Any]) -> float:
        at = 0
        for name in self._columns.categorical:
            self._row[at] = self._codes[name].get(_text(row[name]), math.nan)
            at += 1
        for name in self._columns.numeric:
            self._row[at] = _number(row[name])
            at += 1
        self._check(self._predict(*self._arguments))
        return float(self._out[0])


def _text(value: Any) -> str:
    return _MISSING if value is None else str(value)
