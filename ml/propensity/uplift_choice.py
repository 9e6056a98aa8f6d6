"""What an experiment is, and the choice among the learners of `uplift_learners.py` on training rows only.

Scores are defined in `uplift_scores.py`; the model and its training are in `uplift.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.propensity.estimators import Columns, to_inputs
from ml.propensity.uplift_learners import Learner, learners
from ml.propensity.uplift_scores import credible_slope, qini

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

FOLDS = 3
ONE_SIDED = 1.645


@dataclass(frozen=True)
class Experiment:
    """The columns of an experiment: a row is a customer who got one arm by chance."""

    key: str
    arm: str
    control: str
    outcome: str
    columns: Columns


@dataclass(frozen=True)
class Choice:
    """A learner, how much of the spread of each treatment arm is believed (0 to 1), and whether to recommend by customer.

    `is_personal` is false where choosing by customer has not earned significantly more than one arm for all (one-sided, 5 %).
    """

    learner: Learner
    slopes: dict[str, float]
    is_personal: bool


def choose(frame: DataFrame, experiment: Experiment, seed: int) -> Choice:
    """The learner with the highest Qini coefficient over three folds, mean over the arms; the simplest one on a tie."""
    import numpy as np

    inputs, fold = to_inputs(frame, experiment.columns), (lot(frame[experiment.key]) // 1000) % FOLDS
    arms = against_control(frame, experiment)
    best, chosen, unseen = -np.inf, learners(experiment.columns, seed)[0], np.zeros((len(frame), len(arms)))
    for learner in learners(experiment.columns, seed):
        uplift, scores = np.zeros((len(frame), len(arms))), []
        for number, (_, at, treated, outcome) in enumerate(arms):
            for part in range(FOLDS):
                fitted = learner.fit(inputs.iloc[at[fold[at] != part]], treated[fold[at] != part], outcome[fold[at] != part])
                scored = fitted.score(inputs[fold == part])
                # Less its mean: the mean effect of the other folds is high just where this fold's is low.
                uplift[fold == part, number] = scored - scored.mean()
                inside = fold[at] == part
                scores.append(qini(uplift[at[inside], number], treated[inside], outcome[inside]))
        if float(np.mean(scores)) > best:
            best, chosen, unseen = float(np.mean(scores)), learner, uplift
    slopes = {} if chosen.meta == "constant" else {arm: credible_slope(unseen[at, n], w, y) for n, (arm, at, w, y) in enumerate(arms)}
    believed = np.column_stack([_believed(unseen[:, n], slopes.get(arm, 0.0), w, y) for n, (arm, _, w, y) in enumerate(arms)])
    return Choice(chosen, slopes, _is_personal(believed, frame, experiment))


def _believed(uplift: np.ndarray, slope: float, treated: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    average = outcome[treated == 1].mean() - outcome[treated == 0].mean()
    believed: np.ndarray = average + slope * (uplift - uplift.mean())
    return believed


def _is_personal(uplift: np.ndarray, frame: DataFrame, experiment: Experiment) -> bool:
    """True when the best arm a customer earns more than the best arm for all in unseen folds, and chance gives as much in 5 % only."""
    import numpy as np

    given, outcome = frame[experiment.arm].to_numpy(dtype=object), frame[experiment.outcome].astype(float).to_numpy()
    names = np.array([experiment.control, *(arm for arm, *_ in against_control(frame, experiment))], dtype=object)
    scores = np.column_stack([np.zeros(len(uplift)), uplift])
    by_customer, for_all = names[scores.argmax(axis=1)], names[scores.mean(axis=0).argmax()]
    share = np.array([(given == arm).mean() for arm in names])
    weight = 1 / share[scores.argmax(axis=1)] * (given == by_customer) - (given == for_all) / share[scores.mean(axis=0).argmax()]
    gains = weight * (outcome - outcome.mean())
    return bool(gains.mean() > ONE_SIDED * gains.std() / np.sqrt(len(gains)))


def against_control(frame: DataFrame, experiment: Experiment) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """For each treatment arm: its name, the positions of its and the control's rows, who was treated, and the outcomes."""
    import numpy as np

    given, outcome = frame[experiment.arm].to_numpy(dtype=object), frame[experiment.outcome].astype(float).to_numpy()
    found = []
    for arm in sorted(set(given) - {experiment.control}):
        at = np.flatnonzero((given == arm) | (given == experiment.control))
        found.append((arm, at, (given[at] == arm).astype(int), outcome[at]))
    return found


def lot(keys: Series[Any]) -> np.ndarray:
    """A stable hash of each key: the same customer is held out, or in the same fold, on every day."""
    import numpy as np
    import pandas as pd

    return np.asarray(pd.util.hash_pandas_object(keys.astype(str), index=False))
