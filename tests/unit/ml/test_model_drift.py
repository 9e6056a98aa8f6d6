"""Drift of inputs, predictions, outcomes and calibration: found where it is, not found where chance alone speaks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.drift import COLUMNS, drift_table, level, psi, reference_sample


def world(seed: int, rows: int = 1000, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    value = rng.normal(shift, 1, rows)
    probability = 1 / (1 + np.exp(-value))
    return pd.DataFrame(
        {
            "value": value,
            "origin": rng.choice(["a", "b", "c"], rows),
            "constant": 7.0,
            "probability": probability,
            "happened": rng.random(rows) < probability,
        }
    )


def levels(reference: pd.DataFrame, current: pd.DataFrame) -> dict[tuple[str, str], str]:
    table = drift_table(reference, current, ["value", "origin", "constant"], prediction="probability", outcome="happened")
    assert list(table.columns) == COLUMNS
    return {(what, kind): found for what, kind, found in zip(table["what"], table["kind"], table["level"], strict=True)}


def test_two_samples_of_one_world_are_stable() -> None:
    assert set(levels(world(1), world(2)).values()) == {"stable"}


def test_chance_alone_gives_almost_no_index_on_small_samples() -> None:
    found = [psi(world(seed, 150)["value"], world(seed + 100, 150)["value"]) for seed in range(20)]
    assert float(np.mean(found)) < 0.05


def test_a_moved_input_shows_in_the_data_the_predictions_and_the_outcome() -> None:
    found = levels(world(1), world(2, shift=1.0))
    assert found["value", "data"] == "large"
    assert found["probability", "prediction"] == "large"
    assert found["happened", "outcome"] in ("moderate", "large")
    assert found["origin", "data"] == "stable"
    assert found["probability", "calibration"] == "stable"  # more yes, as predicted


def test_outcomes_that_no_longer_follow_the_predictions_show_in_the_calibration() -> None:
    current = world(2)
    current["happened"] = np.random.default_rng(3).random(len(current)) < current["probability"] / 2
    table = drift_table(world(1), current, ["value"], prediction="probability", outcome="happened").set_index("kind")
    assert table.loc["calibration", "level"] == "large"
    assert table.loc["data", "level"] == "stable"
    assert table.loc["calibration", "high"] < 0  # fewer happened than predicted
    assert table.loc["outcome", "low"] < table.loc["outcome", "high"] < 0.35


def test_a_value_never_seen_before_is_drift() -> None:
    current = world(2)
    current.loc[:399, "origin"] = "new"
    assert levels(world(1), current)["origin", "data"] == "large"


def test_a_constant_that_changes_is_drift() -> None:
    assert levels(world(1), world(2).assign(constant=8.0))["constant", "data"] == "large"


@pytest.mark.parametrize("column", ["value", "origin"])
def test_missing_values_are_a_bin_of_their_own(column: str) -> None:
    current = world(2)
    current.loc[:299, column] = None
    assert levels(world(1), current)[column, "data"] == "large"


def test_few_rows_and_no_rows_are_unknown() -> None:
    assert set(levels(world(1), world(2, rows=60)).values()) == {"unknown"}
    assert set(levels(world(1), world(2).head(0)).values()) == {"unknown"}


def test_outcomes_that_are_not_known_yet_are_left_out() -> None:
    current = world(2).astype({"happened": object})
    current.loc[:949, "happened"] = None
    found = levels(world(1), current)
    assert found["happened", "outcome"] == "unknown"
    assert found["value", "data"] == "stable"


def test_thresholds_are_those_of_credit_scoring() -> None:
    assert [level(value, 1000) for value in (0.05, 0.1, 0.24, 0.25)] == ["stable", "moderate", "moderate", "large"]


def test_the_reference_sample_does_not_depend_on_row_order() -> None:
    frame = world(1, rows=3000)
    sample = reference_sample(frame, 500)
    assert len(sample) == 500
    pd.testing.assert_frame_equal(sample, reference_sample(frame.sample(frac=1, random_state=5), 500))
    assert psi(sample["value"], frame["value"]) < 0.02
