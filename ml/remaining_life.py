"""Remaining useful life: how many cycles an engine has left, learnt from engines that were run until they failed.

Gradient-boosted trees on smoothed sensors (`remaining_life_features.py`). Beyond 125 cycles wear does not show, so that the target stops
there, as in the literature (Heimes, 2008). What is decided with the figure stays outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml.contributions import long_table, sum_by_column
from ml.model import Predictor, Trained
from ml.remaining_life_features import AGE, KEYS, feature_names, features, sensors_of
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

CAP = 125  # cycles
SEEN = 30  # cycles that a judged engine has at least behind it: the official test begins at 31
DRAWS = 20  # cuts a held-out engine is judged at
LEFT = (1, 145)  # cycles left at a cut, drawn evenly: the range of the official test (7 to 145), and the last cycles
HELD_OUT_SHARE = 0.2
MIN_ENGINES = 10


@dataclass(frozen=True)
class LifeModel:
    """A fitted regressor and the sensors it reads."""

    sensors: tuple[str, ...]
    trees: Any  # lightgbm.Booster

    def predict(self, frame: DataFrame) -> DataFrame:
        """The cycles left at each engine's latest cycle.

        Args:
            frame: `engine_id, cycle` and the sensors, every engine from its first cycle; the order does not matter.

        Returns:
            `engine_id, cycle, remaining_cycles` (0 to 125; 125 is 'at least'), sorted by engine.
        """
        ordered, latest = _latest(frame)
        return ordered.loc[latest, KEYS].reset_index(drop=True).assign(remaining_cycles=self.every_cycle(ordered)[latest])

    def every_cycle(self, ordered: DataFrame) -> np.ndarray:
        """The cycles left at every row of `ordered` (sorted by engine and cycle), each by the rows before it."""
        with one_thread():
            raw: np.ndarray = self.trees.predict(features(ordered, self.sensors), num_threads=1)
        return raw.clip(0, CAP)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Contributions of the sensors and the age in cycles (TreeSHAP); a row adds up to the prediction before it is held in 0 to 125."""
        ordered, latest = _latest(frame)
        with one_thread():
            shares = self.trees.predict(features(ordered, self.sensors)[latest], pred_contrib=True, num_threads=1)
        names, summed = sum_by_column(shares[:, :-1], [name.split(":")[0] for name in feature_names(self.sensors)])
        return long_table(ordered[latest].reset_index(drop=True), names, summed, shares[:, -1])

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Squared error, in cycles squared, at 20 cuts of each engine, by engine and cut."""
        ordered = _ordered(held_out)
        return squared_errors(ordered, self.every_cycle(ordered))


@dataclass(frozen=True)
class LifeTable:
    """The naive baseline: the mean life left of the training engines that lived at least as long."""

    lives: tuple[int, ...]

    def predict(self, frame: DataFrame) -> DataFrame:
        """As `LifeModel.predict`."""
        ordered, latest = _latest(frame)
        return ordered.loc[latest, KEYS].reset_index(drop=True).assign(remaining_cycles=self.every_cycle(ordered)[latest])

    def every_cycle(self, ordered: DataFrame) -> np.ndarray:
        """As `LifeModel.every_cycle`."""
        import numpy as np

        lives = np.array(self.lives)
        oldest = int(max(lives.max(), ordered[AGE].max()))
        table = [np.minimum(lives[lives >= age] - age, CAP).mean() if (lives >= age).any() else 0.0 for age in range(oldest + 1)]
        found: np.ndarray = np.array(table)[ordered[AGE].to_numpy(dtype=int)]
        return found

    def explain(self, frame: DataFrame) -> DataFrame:
        """All of it is age."""
        import numpy as np

        predicted = self.predict(frame)
        return long_table(predicted, [AGE], np.zeros((len(predicted), 1)), predicted["remaining_cycles"].to_numpy())

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """As `LifeModel.losses`."""
        ordered = _ordered(held_out)
        return squared_errors(ordered, self.every_cycle(ordered))


def fit(frame: DataFrame, *, seed: int) -> LifeModel:
    """Fit on engines whose last cycle is their failure.

    Args:
        frame: `engine_id, cycle`, and `sensor_*`, every engine from its first cycle to its failure.
        seed: of the trees' samples of rows and columns.

    Raises:
        DataRejected: fewer than 10 engines, or no sensor that varies.
    """
    import lightgbm

    ordered = _ordered(frame)
    sensors = sensors_of(ordered)
    if ordered["engine_id"].nunique() < MIN_ENGINES or not sensors:
        raise DataRejected(
            f"remaining life needs {MIN_ENGINES} engines that were run until they failed, with sensors that vary; got "
            f"{ordered['engine_id'].nunique()} and {len(sensors)} sensors: wait for more failures, or judge by age"
        )
    settings = {"objective": "l2", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 40, "lambda_l2": 5.0, "verbosity": -1}
    settings |= {"bagging_fraction": 0.5, "bagging_freq": 1, "feature_fraction": 0.3, "seed": seed, "num_threads": 1}
    settings |= {"deterministic": True, "force_row_wise": True}
    with one_thread():
        data = lightgbm.Dataset(features(ordered, sensors), _left(ordered).clip(upper=CAP).to_numpy())
        return LifeModel(tuple(sensors), lightgbm.train(settings, data, num_boost_round=300))


def evaluate(model: Predictor, held_out: DataFrame) -> dict[str, float]:
    """`rmse` in cycles over the cuts of `LifeModel.losses`."""
    return {"rmse": float(model.losses(held_out).mean() ** 0.5)}


def train(frame: DataFrame, *, seed: int) -> Trained:
    """Fit on four fifths of the engines, measure on the others, fit again on all.

    Which engines are held out is a hash of their name: it stays the same when engines are added.

    Args:
        frame: as `fit`.
        seed: as `fit`.

    Raises:
        DataRejected: as `fit`, of the engines that are not held out; or no held-out engine lived longer than 31 cycles.
    """
    is_held = frame["engine_id"].map({name: _share(name) < HELD_OUT_SHARE for name in frame["engine_id"].unique()}).astype(bool)
    held_out = _ordered(frame[is_held])
    if held_out.empty or not len(_cuts(held_out)):
        raise DataRejected(f"no held-out engine has more than {SEEN + 1} cycles: wait for more failures")
    judged, naive = fit(frame[~is_held], seed=seed), LifeTable(_lives(frame[~is_held]))
    model = fit(frame, seed=seed)
    engines = {"engines": frame["engine_id"].nunique(), "held_out_engines": held_out["engine_id"].nunique()}
    return Trained(
        model=model,
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out),
        baseline=evaluate(naive, held_out),
        params=engines | {"sensors": len(model.sensors), "cap": CAP, "draws": DRAWS, "seed": seed},
        primary_metric="rmse",
        higher_is_better=False,
        input_example=held_out.groupby("engine_id").head(3),
        slices=_slices(judged, held_out),
    )


def _slices(model: LifeModel, held_out: DataFrame) -> DataFrame:
    """The error by the life that is really left: an error shortly before the failure costs more."""
    import pandas as pd

    cuts = _cuts(held_out)
    left, losses = _left(held_out).to_numpy()[cuts], model.losses(held_out)
    rows = []
    for low, high in ((0, 25), (25, 50), (50, 100), (100, 1000)):
        inside = (left >= low) & (left < high)
        if inside.any():
            rows.append({"slice": f"remaining={low}-{high}", "rows": int(inside.sum()), "rmse": float(losses[inside].mean() ** 0.5)})
    return pd.DataFrame(rows, columns=["slice", "rows", "rmse"])


def _ordered(frame: DataFrame) -> DataFrame:
    return frame.sort_values(KEYS, kind="stable").reset_index(drop=True)


def _latest(frame: DataFrame) -> tuple[DataFrame, np.ndarray]:
    """The frame in order, and which rows are an engine's last."""
    ordered = _ordered(frame)
    return ordered, ~ordered["engine_id"].duplicated(keep="last").to_numpy()


def _left(ordered: DataFrame) -> Series[float]:
    left: Series[float] = ordered.groupby("engine_id")[AGE].transform("max") - ordered[AGE]
    return left


def _lives(frame: DataFrame) -> tuple[int, ...]:
    return tuple(int(life) for life in frame.groupby("engine_id")[AGE].max())


def squared_errors(ordered: DataFrame, predicted: np.ndarray) -> np.ndarray:
    """The losses of predictions for every row of `ordered` (sorted by engine and cycle, up to the failure), at the cuts."""
    cuts = _cuts(ordered)
    errors: np.ndarray = (predicted[cuts] - _left(ordered).clip(upper=CAP).to_numpy()[cuts]) ** 2
    return errors


def _cuts(ordered: DataFrame) -> np.ndarray:
    """Rows at which the engines are judged: 20 an engine, spread by a hash of its name."""
    import numpy as np

    found: list[int] = []
    first = 0
    for engine, count in ordered.groupby("engine_id").size().items():
        low, high = LEFT[0], min(LEFT[1], int(count) - SEEN - 1)
        if high >= low:
            found += [first + int(count) - 1 - (low + int(_share(f"{engine}/{draw}") * (high - low + 1))) for draw in range(DRAWS)]
        first += int(count)
    return np.array(found, dtype=int)


def _share(name: object) -> float:
    """A number from 0 to 1 that is the name's own on every machine and day."""
    return int.from_bytes(sha256(str(name).encode()).digest()[:8], "big") / 2**64
