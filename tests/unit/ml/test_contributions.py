"""The long table of explanations: additive, ordered, one column for the indicators of one column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.contributions import BASE, COLUMNS, linear_contributions, long_table, sum_by_column


def test_the_largest_contribution_comes_first_and_the_base_is_one_of_them() -> None:
    values = pd.DataFrame({"age": [31.0, np.nan], "job": ["nurse", None]})
    table = long_table(values, ["age", "job"], np.array([[0.1, -2.0], [0.3, 0.2]]), 1.0)
    assert list(table.columns) == COLUMNS
    assert table["feature"].tolist() == ["job", BASE, "age", BASE, "age", "job"]
    assert table["row"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["value"].tolist() == ["nurse", "", "31", "", "", ""]
    assert table.groupby("row")["contribution"].sum().tolist() == pytest.approx([-0.9, 1.5])


def test_a_base_may_differ_from_row_to_row() -> None:
    table = long_table(pd.DataFrame({"x": [1, 2]}), ["x"], np.zeros((2, 1)), np.array([3.0, 4.0]))
    assert table[table["feature"] == BASE]["contribution"].tolist() == [3.0, 4.0]


def test_indicators_are_summed_to_the_column_they_came_from() -> None:
    names, summed = sum_by_column(np.array([[1.0, 2.0, 4.0]]), ["job", "age", "job"])
    assert names == ["job", "age"]
    assert summed.tolist() == [[5.0, 2.0]]


def test_a_linear_contribution_is_the_coefficient_times_the_distance_to_the_mean() -> None:
    parts = linear_contributions(np.array([[3.0, 1.0]]), np.array([1.0, 1.0]), np.array([0.5, 9.0]))
    assert parts.tolist() == [[1.0, 0.0]]


def test_no_rows_give_an_empty_table() -> None:
    assert long_table(pd.DataFrame({"x": []}), ["x"], np.zeros((0, 1)), 0.0).empty
