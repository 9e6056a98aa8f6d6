"""A metric by slice: pooled small slices, intervals that hold the figure, and no figure without enough rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.slices import slice_table


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    region = rng.choice(["SP", "RJ", "AC", None], 600, p=[0.6, 0.3, 0.02, 0.08])
    return pd.DataFrame({"region": region, "error": rng.exponential(np.where(region == "SP", 1.0, 3.0))})


def mean_error(part: pd.DataFrame) -> float:
    return float(part["error"].mean())


def test_each_slice_has_its_rows_its_metric_and_an_interval_round_it(judged: pd.DataFrame) -> None:
    table = slice_table(judged, ["region"], mean_error, min_rows=30, metric="mae")
    assert list(table.columns) == ["slice", "rows", "mae", "low", "high"]
    assert table["slice"].tolist() == ["all", "region=SP", "region=RJ", "region=(missing)", "region=(other)"]
    assert table["rows"].iloc[0] == 600 == table["rows"].iloc[1:].sum()
    told = table[table["mae"].notna()]
    assert ((told["low"] < told["mae"]) & (told["mae"] < told["high"])).all()
    assert table["mae"].iloc[2] > 2 * table["mae"].iloc[1]


def test_a_slice_with_too_few_rows_has_no_figure(judged: pd.DataFrame) -> None:
    table = slice_table(judged, ["region"], mean_error, min_rows=30).set_index("slice")
    assert table.loc["region=(other)", "rows"] < 30
    assert np.isnan(table.loc["region=(other)", "score"])


def test_a_metric_that_has_no_value_stays_empty(judged: pd.DataFrame) -> None:
    assert slice_table(judged, [], lambda part: float("nan"))["score"].isna().all()


def test_the_same_rows_give_the_same_intervals(judged: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(slice_table(judged, ["region"], mean_error), slice_table(judged, ["region"], mean_error))
