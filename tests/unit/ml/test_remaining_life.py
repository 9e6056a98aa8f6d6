"""Remaining life: learns wear from engines that failed, sees no later cycle, tells which sensor made the figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml import remaining_life
from ml.model import Trained


@pytest.fixture(scope="module")
def engines() -> pd.DataFrame:
    """Forty engines of 120 to 220 cycles: two sensors wear towards the failure, one is noise, one is constant."""
    rng = np.random.default_rng(6)
    rows = []
    for number in range(40):
        life = int(rng.integers(120, 220))
        cycle = np.arange(1, life + 1)
        wear = np.exp(-(life - cycle) / 40)
        rows.append(
            pd.DataFrame(
                {
                    "engine_id": f"motor-{number}",
                    "cycle": cycle,
                    "sensor_1": 500 + 8 * wear + rng.normal(0, 1, life),
                    "sensor_2": 20 - 3 * wear + rng.normal(0, 0.5, life) + rng.normal(0, 0.5),
                    "sensor_3": rng.normal(0, 1, life),
                    "sensor_4": 14.62,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def trained(engines: pd.DataFrame) -> Trained:
    return remaining_life.train(engines, seed=3)


def test_it_beats_a_life_table(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["rmse"] < 0.6 * trained.baseline["rmse"]
    assert trained.params["sensors"] == 3


def test_a_later_cycle_changes_no_earlier_figure(trained: Trained, engines: pd.DataFrame) -> None:
    ordered = engines.sort_values(["engine_id", "cycle"]).reset_index(drop=True)
    model = trained.model
    assert isinstance(model, remaining_life.LifeModel)
    every = ordered.assign(left=model.every_cycle(ordered))
    cut = ordered[ordered["cycle"] <= 90]
    alone = model.predict(cut).set_index("engine_id")["remaining_cycles"]
    np.testing.assert_allclose(alone, every[every["cycle"] == 90].set_index("engine_id")["left"].loc[alone.index])


def test_an_engine_near_its_end_has_fewer_cycles_left(trained: Trained, engines: pd.DataFrame) -> None:
    life = engines.groupby("engine_id")["cycle"].transform("max")
    near = trained.model.predict(engines[engines["cycle"] <= life - 5])
    far = trained.model.predict(engines[engines["cycle"] <= life - 80])
    assert near["remaining_cycles"].between(0, 125).all()
    assert near["remaining_cycles"].mean() < 20 < 60 < far["remaining_cycles"].mean()


def test_the_contributions_add_up_to_the_figure(trained: Trained, engines: pd.DataFrame) -> None:
    some = engines[engines["cycle"] <= 100]
    told, predicted = trained.model.explain(some), trained.model.predict(some)
    total = told.groupby("row")["contribution"].sum().clip(0, remaining_life.CAP)
    np.testing.assert_allclose(total, predicted["remaining_cycles"])
    size = told.groupby("feature")["contribution"].apply(lambda parts: parts.abs().mean())
    assert size["sensor_3"] < size["sensor_1"]


def test_the_same_rows_in_any_order_give_the_same_model(trained: Trained, engines: pd.DataFrame) -> None:
    again = remaining_life.fit(engines.sample(frac=1, random_state=2), seed=3)
    pd.testing.assert_frame_equal(again.predict(engines), trained.model.predict(engines))


def test_an_engine_stays_held_out_when_others_come(trained: Trained, engines: pd.DataFrame) -> None:
    fewer = remaining_life.train(engines[engines["engine_id"] != "motor-39"], seed=3)
    assert set(fewer.held_out["engine_id"]) == set(trained.held_out["engine_id"]) - {"motor-39"}


def test_two_models_are_compared_cut_by_cut(trained: Trained) -> None:
    held_out = trained.held_out
    naive = remaining_life.LifeTable((150, 200))
    ours, theirs = trained.judged.losses(held_out), naive.losses(held_out.sample(frac=1, random_state=1))
    assert len(ours) == len(theirs) == remaining_life.DRAWS * held_out["engine_id"].nunique()
    assert ours.mean() < theirs.mean()


def test_too_few_failures_are_refused(engines: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="10 engines"):
        remaining_life.fit(engines[engines["engine_id"] < "motor-13"], seed=1)
