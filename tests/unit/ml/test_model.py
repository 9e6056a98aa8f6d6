"""The shape that every family hands over: what counts as better, and what the card says."""

from __future__ import annotations

import pandas as pd
import pytest
from toy_models import Level

from ml.model import Trained


def trained(ours: float, theirs: float, *, higher_is_better: bool) -> Trained:
    return Trained(
        model=Level(1.0),
        judged=Level(1.0),
        held_out=pd.DataFrame(),
        metrics={"score": ours, "extra": 0.25},
        baseline={"score": theirs},
        params={"rows": 12},
        primary_metric="score",
        higher_is_better=higher_is_better,
        input_example=pd.DataFrame(),
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "higher_is_better", "expected"),
    [(0.8, 0.5, True, True), (0.5, 0.5, True, False), (0.4, 0.5, False, True), (0.5, 0.5, False, False)],
)
def test_only_a_strictly_better_primary_metric_beats_the_baseline(
    ours: float, theirs: float, higher_is_better: bool, expected: bool
) -> None:
    assert trained(ours, theirs, higher_is_better=higher_is_better).beats_baseline is expected


def test_the_card_sets_every_metric_beside_its_baseline() -> None:
    card = trained(0.8, 0.5, higher_is_better=True).card
    assert "| score | 0.8000 | 0.5000 |" in card
    assert "| extra | 0.2500 | |" in card
    assert "- rows: 12" in card
