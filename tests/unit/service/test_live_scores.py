"""A row that a request brings gets the batch's own prediction, by either estimator."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import NotFound, RequestRefused
from eco_assets.mcp.live import Scorers, scorer
from ml.propensity.conversion import ConversionModel
from ml.propensity.estimators import Columns, fit_boosting, fit_logistic, to_inputs

COLUMNS = Columns(("origin", "page"), ("rate", "leads"))
MODEL = "comercial_lead_conversion"


def rows(count: int = 600) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "origin": draw.choice(["email", "social", "paid", None], count),
            "page": draw.choice([f"p{n}" for n in range(12)], count),
            "rate": np.where(draw.random(count) < 0.1, np.nan, draw.random(count)),
            "leads": draw.integers(0, 500, count).astype(float),
        }
    )
    odds = 3 * frame["rate"].fillna(0.5) + (frame["origin"] == "email") - 1.5
    return frame.assign(is_yes=draw.random(count) < 1 / (1 + np.exp(-odds)))


def model(kind: str) -> ConversionModel:
    frame = rows()
    inputs, outcome = to_inputs(frame, COLUMNS), frame["is_yes"].astype(int).to_numpy()
    fitted = (
        fit_logistic(inputs, outcome, COLUMNS) if kind == "logistic" else fit_boosting(inputs, outcome, COLUMNS, objective="binary", seed=1)
    )
    return ConversionModel("is_yes", COLUMNS, kind, fitted, -0.2, 0.9)


def as_row(row: Any) -> dict[str, Any]:
    return {name: None if pd.isna(value) else value for name, value in row.items()}


@pytest.mark.parametrize("kind", ["logistic", "boosting"])
def test_a_row_alone_scores_as_in_a_batch(kind: str) -> None:
    fitted, frame = model(kind), rows(200).drop(columns="is_yes")
    frame.loc[0, "page"] = "a page never seen"
    expected = fitted.predict(frame)["probability"].round(6)
    ready = scorer(MODEL, fitted)
    found = [ready.score(as_row(row)) for row in frame.to_dict("records")]
    assert found == pytest.approx(expected.tolist(), abs=1e-6)
    assert len(set(found)) > 50


def test_a_feature_that_is_missing_or_a_text_is_named() -> None:
    ready = scorer(MODEL, model("logistic"))
    with pytest.raises(RequestRefused, match="not given: leads"):
        ready.score({"origin": "email", "page": "p1", "rate": 0.1})
    with pytest.raises(RequestRefused, match="rate must be a number"):
        ready.score({"origin": "email", "page": "p1", "rate": "high", "leads": 1.0})


class _Registry:
    def __init__(self) -> None:
        self.asked = 0

    def load(self, name: str, as_of: date) -> tuple[ConversionModel, Any]:
        self.asked += 1
        return model("logistic"), type("Version", (), {"version": "2"})


def test_a_version_that_does_not_decide_is_refused_and_not_asked_for_at_every_call() -> None:
    registry = _Registry()
    scorers = Scorers(registry)  # type: ignore[arg-type]

    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(NotFound, match="1 is served, 2 decides"):
                await scorers.get(MODEL, "1", "2026-01-01")
        assert (await scorers.get(MODEL, "2", "2026-01-01")).prediction == "p_convert"

    asyncio.run(twice())
    assert registry.asked == 2
