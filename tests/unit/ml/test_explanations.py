"""Kept explanations: few are named, none is lost, and they add up to the score."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from ml.explanations import BASE, OTHERS, by_row, largest, mean_of

DAY = date(2018, 5, 31)


class Explained:
    """Ten contributions a row, and a base."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    def losses(self, held_out: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(held_out))

    def explain(self, frame: pd.DataFrame) -> pd.DataFrame:
        rows = [
            {"row": row, "feature": f"f{number}", "value": str(number), "contribution": (-1) ** number * (number + row)}
            for row in range(len(frame))
            for number in range(10)
        ]
        rows += [{"row": row, "feature": BASE, "value": "", "contribution": 100.0} for row in range(len(frame))]
        return pd.DataFrame(rows)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"order_id": ["b", "a", "c"], "job": ["x", "y", "x"]}, index=[7, 3, 5])


def test_the_largest_are_named_and_all_add_up(frame: pd.DataFrame) -> None:
    found = by_row("order_id")(Explained(), frame, DAY)
    assert list(found["subject"].unique()) == ["a", "b", "c"]
    first = found[found["subject"] == "b"]
    assert list(first["feature"]) == ["f9", "f8", "f7", "f6", "f5", "f4", OTHERS, BASE]
    whole = Explained().explain(frame).groupby("row")["contribution"].sum()
    assert found.groupby("subject")["contribution"].sum().to_dict() == pytest.approx({"b": whole[0], "a": whole[1], "c": whole[2]})


def test_a_groups_explanation_is_the_mean_of_its_rows(frame: pd.DataFrame) -> None:
    found = mean_of("job", "telefone:")(Explained(), frame, DAY)
    whole = Explained().explain(frame).groupby("row")["contribution"].sum()
    assert found.groupby("subject")["contribution"].sum().to_dict() == pytest.approx(
        {"telefone:x": (whole[0] + whole[2]) / 2, "telefone:y": whole[1]}
    )


def test_with_few_contributions_there_are_no_others() -> None:
    few = pd.DataFrame({"subject": ["a"] * 2, "feature": ["f", BASE], "value": ["1", ""], "contribution": [0.5, 1.0]})
    assert list(largest(few)["feature"]) == ["f", BASE]
