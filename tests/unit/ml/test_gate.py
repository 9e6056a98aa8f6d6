"""The gate: only a difference that chance does not explain counts."""

from __future__ import annotations

import numpy as np
import pytest

from eco_assets.errors import ModelRejected
from ml.gate import compare


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def test_a_clear_gain_is_better_and_its_mirror_worse(random: np.random.Generator) -> None:
    losses = random.exponential(1.0, 400)
    assert compare(losses, losses * 0.7, seed=1).verdict == "better"
    assert compare(losses * 0.7, losses, seed=1).verdict == "worse"


def test_noise_is_the_same_in_about_as_many_cases_as_the_interval_says(random: np.random.Generator) -> None:
    verdicts = [compare(random.exponential(1.0, 150), random.exponential(1.0, 150), seed=draw).verdict for draw in range(200)]
    assert 0.90 <= verdicts.count("same") / 200 <= 0.99


def test_the_same_losses_and_seed_give_the_same_interval(random: np.random.Generator) -> None:
    one, other = random.exponential(1.0, 300), random.exponential(1.1, 300)
    assert compare(one, other, seed=3) == compare(one, other, seed=3)


def test_many_rows_do_not_need_much_memory(random: np.random.Generator) -> None:
    found = compare(random.exponential(1.0, 30_000), random.exponential(1.0, 30_000), seed=1)
    assert found.low < found.gain < found.high
    assert found.pairs == 30_000


@pytest.mark.parametrize("candidate", [np.ones(3), np.array([1.0, np.nan]), np.ones((2, 1))])
def test_what_cannot_be_compared_is_refused(candidate: np.ndarray) -> None:
    with pytest.raises(ModelRejected):
        compare(np.ones(2), candidate, seed=1)
