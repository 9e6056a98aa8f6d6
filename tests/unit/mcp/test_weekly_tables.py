"""The tables that dbt makes before weekly models predicted first have the columns that those models write."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eco_assets.settings import PROJECT_ROOT
from ml.anomalies.metric_anomaly import MetricsModel
from ml.families import FAMILIES
from ml.forecasting import forecast
from ml.forecasting.frequencies import FREQUENCIES
from ml.forecasting.group_series import SeriesModel

DAY = date(2026, 10, 31)
HOURS = pd.date_range(end=pd.Timestamp(DAY) + pd.Timedelta(hours=23), periods=240, freq="h")
PRICES = 1.0 + 0.1 * np.sin(np.arange(240) * np.pi / 12) + 0.01 * np.cos(np.arange(240) * 7.0)


class _Customers:
    """What the repurchase model says, without one: its family only picks the columns."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"probability": [0.1] * len(frame), "p_alive": [0.9] * len(frame)})


def declared() -> dict[str, set[str]]:
    text = (PROJECT_ROOT / "dbt_project" / "macros" / "weekly.sql").read_text(encoding="utf-8")
    found = re.findall(r"^    '(\w+)': '(.+)',$", text, re.MULTILINE)
    return {table: {column.split()[0].strip('"') for column in columns.split(", ")} for table, columns in found}


def written(name: str) -> pd.DataFrame:
    family = FAMILIES[name]
    if name == "varejo_repeat_purchase":
        return family.score(_Customers(), pd.DataFrame({"customer_id": ["a", "b"]}), DAY)  # type: ignore[arg-type]
    if name == "agencia_media_anomaly":
        return family.score(MetricsModel(4.0, False), pd.DataFrame({"subject": "x", "at": HOURS, "value": PRICES}), DAY)
    model: Any = SeriesModel(forecast.fit({"x": PRICES}, FREQUENCIES["hourly"], seed=1), False)
    return family.score(model, pd.DataFrame({"series": "x", "at": HOURS, "value": PRICES}), DAY)


@pytest.mark.parametrize(
    "name", ["agencia_media_anomaly", "agencia_media_cost_forecast", "industrial_machine_load_forecast", "varejo_repeat_purchase"]
)
def test_an_empty_weekly_table_has_the_columns_that_its_model_writes(name: str) -> None:
    rows = written(name)

    assert len(rows) > 0
    assert not FAMILIES[name].is_daily
    assert declared()[FAMILIES[name].table] == set(rows.columns)


def test_every_weekly_table_that_a_policy_reads_is_made() -> None:
    from eco_assets.mcp.policies import load_policies

    weekly = {family.table for family in FAMILIES.values() if not family.is_daily}
    read = {table for policy in load_policies().values() for table in re.findall(r"predictions\.(\w+)", policy.query)}
    assert read & weekly == set(declared())
