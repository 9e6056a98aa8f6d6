"""Uplift: what each arm of a randomised experiment adds to an outcome, a customer, and which arm to choose.

The learner is chosen by cross-validated Qini coefficient on training rows only. There is no time order in an experiment that was
sent on one day: rows are held out, and folded, by a stable hash of the customer's key. Scores are defined in `uplift_scores.py`.
`explain` is in the outcome's unit: `(base)` and contributions add up to the uplift of the arm with the highest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eco_assets.errors import DataRejected
from ml.contributions import long_table
from ml.model import Trained
from ml.propensity.estimators import to_inputs
from ml.propensity.uplift_choice import Choice, Experiment, against_control, choose, lot
from ml.propensity.uplift_learners import Effect, Learner
from ml.propensity.uplift_scores import Outcomes, auuc, interval, qini
from ml.slices import slice_table
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

TEST_SHARE = 0.3
MIN_ROWS = 100  # an arm, before and after the split
DRAWS = 200


@dataclass(frozen=True)
class UpliftModel:
    """One fitted effect a treatment arm; `for_all` is the arm that everybody is recommended, None where it differs by customer."""

    experiment: Experiment
    learner: str
    effects: dict[str, Effect]
    for_all: str | None

    def predict(self, frame: DataFrame) -> DataFrame:
        """`uplift_<arm>` in the outcome's unit, `recommended_arm` (the control where no arm adds anything) and its `uplift`."""
        import numpy as np
        import pandas as pd

        names = list(self.effects)
        if frame.empty:
            return pd.DataFrame(columns=[*map(column_of, names), "recommended_arm", "uplift"], index=frame.index)
        scores = self._scores(frame)
        best = self._best(scores)
        top = scores[np.arange(len(frame)), best]
        is_control = top <= 0 if self.for_all is None else np.full(len(frame), self.for_all == self.experiment.control)
        arms = np.where(is_control, self.experiment.control, np.array(names, dtype=object)[best])
        result = pd.DataFrame(scores, columns=[column_of(name) for name in names], index=frame.index)
        return result.assign(recommended_arm=arms, uplift=np.where(is_control, 0.0, top))

    def explain(self, frame: DataFrame) -> DataFrame:
        """Contributions to the uplift of the arm in question, in the outcome's unit; exact.

        That is the recommended arm, or the arm with the highest uplift where the control is recommended.
        """
        import numpy as np

        columns = self.experiment.columns
        names = [*columns.categorical, *columns.numeric]
        if frame.empty:
            return long_table(frame, names, np.zeros((0, len(names))), 0.0)
        inputs, best, rows = to_inputs(frame, columns), self._best(self._scores(frame)), np.arange(len(frame))
        with one_thread():
            parts = [effect.contributions(inputs, columns) for effect in self.effects.values()]
        return long_table(frame, names, np.stack([each for each, _ in parts])[best, rows], np.array([base for _, base in parts])[best])

    def _scores(self, frame: DataFrame) -> np.ndarray:
        import numpy as np

        inputs = to_inputs(frame, self.experiment.columns)
        with one_thread():
            return np.column_stack([effect.score(inputs) for effect in self.effects.values()])

    def _best(self, scores: np.ndarray) -> np.ndarray:
        """The position of the arm in question, one a row."""
        import numpy as np

        if self.for_all in self.effects:
            return np.full(len(scores), list(self.effects).index(str(self.for_all)))
        return np.asarray(scores.argmax(axis=1))

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Squared distance to the transformed outcome, a customer, mean over the arms.

        The transformed outcome (y - mean) x (is treated / share of the arm - is control / share of the control) has the true uplift
        as its mean (Athey and Imbens 2016), so a lower mean loss is a better uplift; most of a loss is noise that two models share.
        """
        import numpy as np

        made, predicted = self.experiment, self.predict(held_out)
        given, outcome = held_out[made.arm].to_numpy(dtype=object), held_out[made.outcome].astype(float).to_numpy()
        centred, is_control = outcome - outcome.mean(), given == made.control
        each = []
        for arm in self.effects:
            is_arm = given == arm
            truth = centred * (is_arm / max(is_arm.mean(), 1e-9) - is_control / max(is_control.mean(), 1e-9))
            each.append((truth - predicted[column_of(arm)].to_numpy(dtype=float)) ** 2)
        return np.asarray(np.mean(each, axis=0))


def column_of(arm: str) -> str:
    """The column of an arm's uplift: `Mens E-Mail` is `uplift_mens_e_mail`."""
    return "uplift_" + "".join(letter if letter.isalnum() else "_" for letter in arm.lower()).strip("_")


def fit(frame: DataFrame, experiment: Experiment, *, choice: Choice | None = None, seed: int = 0) -> UpliftModel:
    """The effects of every treatment arm, with a choice made before or the cross-validated one; row order does not matter."""
    ordered = frame.sort_values(experiment.key, kind="stable").reset_index(drop=True)
    inputs, effects = to_inputs(ordered, experiment.columns), {}
    with one_thread():
        chosen = choose(ordered, experiment, seed) if choice is None else choice
        for arm, at, treated, outcome in against_control(ordered, experiment):
            fitted = chosen.learner.fit(inputs.iloc[at], treated, outcome)
            average = float(outcome[treated == 1].mean() - outcome[treated == 0].mean())
            effects[arm] = fitted.believed(chosen.slopes.get(arm, 0.0), inputs, average)
    return UpliftModel(experiment, chosen.learner.name, effects, None if chosen.is_personal else _for_all(effects, inputs, experiment))


def _for_all(effects: dict[str, Effect], inputs: DataFrame, experiment: Experiment) -> str:
    mean = {arm: float(effect.score(inputs).mean()) for arm, effect in effects.items()}
    return max({experiment.control: 0.0} | mean, key=lambda arm: ({experiment.control: 0.0} | mean)[arm])


def evaluate(model: UpliftModel, held_out: DataFrame, *, draws: int = DRAWS, seed: int = 0) -> dict[str, float]:
    """Scores on customers whose arm was drawn by chance, with 95 % bootstrap intervals (`_low`, `_high`).

    `qini` and `auuc` are means over the arms, `qini_<arm>` one arm's. `policy_value` is the mean outcome when everybody gets the
    recommended arm, beside `everybody_value` (all get the one arm with the highest mean uplift) and `random_value` (arms by lot).
    """
    import numpy as np

    seen, everyone = _outcomes(model, held_out), np.arange(len(held_out))
    everybody = np.full(len(held_out), 1 + int(seen.uplift.mean(axis=0).argmax()))
    measured: dict[str, Callable[[np.ndarray], float]] = {
        "qini": lambda at: seen.mean_over_arms(qini, at),
        "auuc": lambda at: seen.mean_over_arms(auuc, at),
        "policy_value": lambda at: seen.value(seen.recommended, at),
        "policy_over_everybody": lambda at: seen.value(seen.recommended, at) - seen.value(everybody, at),
    }
    scores = {"everybody_value": seen.value(everybody, everyone), "random_value": float(seen.outcome.mean())}
    for number, arm in enumerate(model.effects, start=1):
        scores[f"qini_{column_of(arm).removeprefix('uplift_')}"] = seen.one_arm(qini, number, everyone)
    for name, score in measured.items():
        low, high = interval(score, len(held_out), draws=draws, seed=seed)
        scores |= {name: score(everyone), f"{name}_low": low, f"{name}_high": high}
    return scores


def train(frame: DataFrame, experiment: Experiment, *, seed: int, slice_keys: Sequence[str] = (), draws: int = DRAWS) -> Trained:
    """Choose and fit on about 70 % of the customers, measure on the others, then fit the same learner on all.

    Args:
        frame: the experiment's columns, one row a customer; rows without an outcome are left out.
        experiment: which column is what.
        seed: of the boosted learners and the bootstrap.
        slice_keys: columns by whose values the Qini coefficient is broken down.
        draws: bootstrap samples for the intervals.

    Returns:
        Metrics of `evaluate`; the baseline gives everybody the average effect (its Qini coefficient is 0).

    Raises:
        DataRejected: an arm has fewer than 100 customers before or after the split, or there is no control.
    """
    import numpy as np

    known = frame[frame[experiment.outcome].notna()].sort_values(experiment.key, kind="stable").reset_index(drop=True)
    is_held = lot(known[experiment.key]) % 1000 < TEST_SHARE * 1000
    first, held_out = known[~is_held].reset_index(drop=True), known[is_held].reset_index(drop=True)
    _refuse_too_little(first, held_out, experiment)
    with one_thread():
        chosen = choose(first, experiment, seed)
    judged, final = (fit(part, experiment, choice=chosen) for part in (first, known))
    naive = fit(first, experiment, choice=Choice(Learner("constant", "linear", experiment.columns, seed), {}, False))
    seen = _outcomes(judged, held_out)
    numbered = held_out[[*slice_keys]].assign(**{"(position)": np.arange(len(held_out))})
    believed = {f"believed_{column_of(arm).removeprefix('uplift_')}": round(slope, 4) for arm, slope in chosen.slopes.items()}
    return Trained(
        model=final,
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out, draws=draws, seed=seed),
        baseline=evaluate(naive, held_out, draws=draws, seed=seed),
        params={
            "rows": len(known),
            "test_rows": len(held_out),
            "learner": chosen.learner.name,
            "is_personal": chosen.is_personal,
            "seed": seed,
        }
        | believed,
        primary_metric="qini",
        higher_is_better=True,
        input_example=known[[*experiment.columns.categorical, *experiment.columns.numeric]].head(3),
        slices=slice_table(
            numbered,
            slice_keys,
            lambda part: seen.mean_over_arms(qini, part["(position)"].to_numpy()),
            metric="qini",
            min_rows=MIN_ROWS,
            seed=seed,
        ),
    )


def _outcomes(model: UpliftModel, held_out: DataFrame) -> Outcomes:
    import numpy as np

    made, predicted = model.experiment, model.predict(held_out)
    numbers = {made.control: 0} | {arm: number for number, arm in enumerate(model.effects, start=1)}
    return Outcomes(
        given=held_out[made.arm].map(numbers).fillna(-1).to_numpy(dtype=int),
        outcome=held_out[made.outcome].astype(float).to_numpy(),
        uplift=np.column_stack([predicted[column_of(arm)].to_numpy(dtype=float) for arm in model.effects]),
        recommended=predicted["recommended_arm"].map(numbers).to_numpy(dtype=int),
    )


def _refuse_too_little(first: DataFrame, held_out: DataFrame, experiment: Experiment) -> None:
    arms = set(first[experiment.arm]) | set(held_out[experiment.arm]) | {experiment.control}
    least = min(int((part[experiment.arm] == arm).sum()) for part in (first, held_out) for arm in arms)
    if least < MIN_ROWS or len(arms) < 2:
        raise DataRejected(
            f"the uplift of {experiment.outcome} needs {MIN_ROWS} customers of every arm (the control is {experiment.control!r}) "
            f"before and after the split, got {least}: wait for a larger experiment, or leave the small arm out"
        )
