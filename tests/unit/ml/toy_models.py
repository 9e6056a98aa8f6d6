"""The smallest model there is: it predicts one level. The registry's tests need losses that they can set, not a good model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.model import Trained


@dataclass(frozen=True)
class Level:
    """Predicts `level` for every row."""

    level: float

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"value": [self.level] * len(frame)}, index=frame.index)

    def explain(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"row": range(len(frame)), "feature": "(base)", "value": "", "contribution": self.level})

    def losses(self, held_out: pd.DataFrame) -> np.ndarray:
        return np.abs(held_out["y"].to_numpy(float) - self.level)


@dataclass(frozen=True)
class Mute(Level):
    """A model that cannot judge: the frame lacks what it needs."""

    def losses(self, held_out: pd.DataFrame) -> np.ndarray:
        raise KeyError("a column of yesterday")


def rows(count: int = 200, mean: float = 10.0, seed: int = 1) -> pd.DataFrame:
    return pd.DataFrame({"y": np.random.default_rng(seed).normal(mean, 1, count)})


def trained(model: Level, frame: pd.DataFrame, baseline: float = 99.0) -> Trained:
    loss = float(np.abs(frame["y"] - model.level).mean())
    return Trained(
        model=model,
        judged=model,
        held_out=frame,
        metrics={"mae": loss},
        baseline={"mae": baseline},
        params={},
        primary_metric="mae",
        higher_is_better=False,
        input_example=frame.head(2),
        slices=pd.DataFrame({"slice": ["all"], "rows": [len(frame)], "mae": [loss]}),
    )
