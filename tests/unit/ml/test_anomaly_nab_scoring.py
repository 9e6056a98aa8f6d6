"""The benchmark's scorer against what NAB's description says: 100 is perfect, 0 is silence, early is better, a false alarm costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.nab_scoring import Labelled, Profile, normalised

STANDARD = Profile(tp=1.0, fp=0.11, fn=1.0)
AT = pd.date_range("2015-01-01", periods=1000, freq="h")
FILES = {"one": Labelled(AT, [(AT[400], AT[499]), (AT[800], AT[849])])}


def _score(*alarms: int, threshold: float | None = 0.5) -> float:
    scores = np.zeros(len(AT))
    scores[list(alarms)] = 1.0
    return normalised(FILES, {"one": scores}, STANDARD, threshold)[0]


def test_silence_is_zero_and_the_left_end_of_every_window_is_a_hundred() -> None:
    assert _score() == 0.0
    assert _score(400, 800) == pytest.approx(100.0)


def test_the_right_end_of_a_window_is_worth_half_of_it() -> None:
    assert _score(400, 849) == pytest.approx(75.0, abs=1.5)  # the sigmoid is near 0 there, and a miss is -1


def test_a_window_counts_once() -> None:
    assert _score(400, 401, 450, 800) == _score(400, 800)


def test_a_false_alarm_far_away_costs_its_weight_and_one_just_after_a_window_less() -> None:
    assert _score(400, 800, 300) == pytest.approx(100.0 * (4 - 0.11) / 4)
    assert _score(400, 800, 501) > _score(400, 800, 700)


def test_the_probation_is_not_scored() -> None:
    assert _score(400, 800, 10, 149) == pytest.approx(100.0)


def test_the_threshold_is_the_best_one_of_the_corpus() -> None:
    scores = np.zeros(len(AT))
    scores[[400, 800]], scores[600:700] = 0.9, 0.6
    assert normalised(FILES, {"one": scores}, STANDARD) == (pytest.approx(100.0), 0.9)
