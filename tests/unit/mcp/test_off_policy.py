"""Off-policy estimates on a synthetic log whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from eco_assets.mcp.off_policy import estimate

MEANS = np.array([[1.0, 3.0, 0.0], [2.0, 0.5, 1.0]])  # reward by segment and action
LOGGED = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
NEW = np.array([[0.0, 1.0, 0.0], [0.9, 0.0, 0.1]])


def log(n: int, seed: int = 3) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    groups = random.integers(0, 2, n)
    actions = np.array([random.choice(3, p=LOGGED[group]) for group in groups])
    rewards = MEANS[groups, actions] + random.normal(0, 1, n)
    return {"actions": actions, "rewards": rewards, "logged": LOGGED[groups], "new": NEW[groups], "groups": groups}


def test_the_true_value_lies_within_every_interval_and_dr_is_the_narrowest() -> None:
    truth = float((NEW * MEANS).sum(axis=1).mean())
    found = estimate(**log(4000))

    for each in (found.ips, found.snips, found.dr):
        assert each.low < truth < each.high
    widths = [each.high - each.low for each in (found.dr, found.ips)]
    assert widths[0] < widths[1]
    assert found.logged.value == pytest.approx((LOGGED * MEANS).sum(axis=1).mean(), abs=0.1)


def test_the_logging_policys_own_value_is_the_mean_of_the_rewards() -> None:
    given = log(500)
    found = estimate(**{**given, "new": given["logged"]})

    assert found.ips.value == found.snips.value == pytest.approx(given["rewards"].mean())
    assert found.dr.value == pytest.approx(given["rewards"].mean(), abs=0.1)
    assert found.ess == pytest.approx(500)
    assert found.unsupported == 0.0


def test_the_effective_sample_is_what_the_log_shares_with_the_new_policy() -> None:
    found = estimate(**log(4000))

    assert found.n == 4000
    assert 150 < found.ess < 600, "a tenth of the log took the new policy's action"


def test_what_the_log_never_did_is_told() -> None:
    given = log(200)
    logged = given["logged"].copy()
    logged[:, 1] = 0.0
    kept = given["actions"] != 1
    found = estimate(**{**{name: values[kept] for name, values in given.items()}, "logged": logged[kept]})

    assert found.unsupported == pytest.approx((given["groups"][kept] == 0).mean())


def test_a_log_that_cannot_be_weighed_is_refused() -> None:
    given = log(10)
    with pytest.raises(ValueError, match="propensity above 0"):
        estimate(**{**given, "logged": np.zeros_like(given["logged"])})
    with pytest.raises(ValueError, match="need decisions"):
        estimate(**{name: values[:0] for name, values in given.items()})
