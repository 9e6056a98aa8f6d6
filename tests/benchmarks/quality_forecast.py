"""Quality of the forecaster on M3, Tourism and M4 weekly and hourly, beside Theta in the same run and what was published.

M3 and Tourism have their own test parts; in this copy of M3 every second series lacks its own, so 1,502 of 3,003 are judged. M4's
official test part is not in the data: the last horizon of each training series (13 weeks, 48 hours) is held out, so its figures stand
beside Theta and Naive2 on the same split and not beside the competition's table. What was tuned was tuned on M1 and on earlier origins of
samples of Tourism and M4 (`ml/forecasting/frequencies.py`).
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.forecasting import forecast
from ml.forecasting.frequencies import Frequency, frequency
from ml.forecasting.methods import Theta
from ml.forecasting.metrics import Floats, mase, naive2, owa, smape
from ml.forecasting.selection import attempt
from ml.workers import one_thread
from tests.benchmarks.quality import Row

SEED = 20180531
OFFICIAL = "own test part"
HALF = "own test part of the 1,502 series (of 3,003) that have one in this copy"
OURS = "last horizon of the training part"
PUBLISHED = {  # sources: Hyndman, pkg.robjhyndman.com/Mcomp; kaggle.com/c/tourism1 (best of Athanasopoulos et al. 2011); M4 results sheet
    "m3": "sMAPE Theta 13.01 (recalculated 12.76, MASE 1.39), ForecastPro 13.19",
    "tourism_yearly": "best MASE 2.28",
    "tourism_quarterly": "best MASE 1.43",
    "tourism_monthly": "best MASE 1.38",
    "m4_weekly": "OWA on the official split: Theta 0.971, Smyl 0.851, best 0.739",
    "m4_hourly": "OWA on the official split: Smyl 0.440, best 0.410",
}


@dataclass(frozen=True)
class Task:
    """One set of series of one frequency: known values and what came after, by name."""

    name: str
    every: Frequency
    known: dict[str, Floats]
    after: dict[str, Floats]
    split: str


@dataclass(frozen=True)
class Scores:
    """Measures of one method on one task; `points` is the number of forecast points they are averaged over."""

    smape: float
    mase: float
    points: int


def rows(data: Path) -> Iterable[Row]:
    """One row a task and measure; M3 also as a whole, as it was published."""
    whole: list[tuple[Scores, Scores, int]] = []
    for task in tasks(data / "previsao"):
        with one_thread():
            ours, theta, found = _measure(task)
        yield from found
        if task.name.startswith("m3_"):
            whole.append((ours, theta, len(task.known)))
            if task.name == "m3_other":
                yield from _m3(whole)


def tasks(folder: Path) -> Iterator[Task]:
    """The sets, as their publishers split them or by holding the last horizon back."""
    spaced = {"YEARLY": "yearly", "QUARTERLY": "quarterly", "MONTHLY": "monthly", "OTHER": "yearly"}  # "other" has no season: as yearly
    for stem, name, kinds in (("m3_data", "m3", list(spaced)), ("tcomp_data", "tourism", list(spaced)[:3])):
        series = json.loads((folder / "m3_tourism_m1" / f"{stem}.json").read_text(encoding="utf-8"))
        for kind in kinds:
            mine = {key: value for key, value in series.items() if value["period"][0] == kind and value["xx"]}
            known = {key: np.array(value["x"], dtype=float) for key, value in mine.items()}
            after = {key: np.array(value["xx"], dtype=float) for key, value in mine.items()}
            yield Task(f"{name}_{kind.lower()}", frequency(spaced[kind]), known, after, HALF if name == "m3" else OFFICIAL)
    for kind in ("weekly", "hourly"):
        every = frequency(kind)
        with (folder / "m4" / f"{kind.title()}-train.csv").open(encoding="utf-8") as file:
            lines = list(csv.reader(file))[1:]
        values = {line[0]: np.array([float(value) for value in line[1:] if value not in ("", "NA")]) for line in lines}
        known = {key: each[: -every.horizon] for key, each in values.items()}
        yield Task(f"m4_{kind}", every, known, {key: each[-every.horizon :] for key, each in values.items()}, OURS)


def _measure(task: Task) -> tuple[Scores, Scores, list[Row]]:
    """Fit, forecast and score one task: the forecaster, Theta and Naive2."""
    steps = max(len(each) for each in task.after.values())
    started = time.process_time()
    fitted = forecast.fit(task.known, task.every, seed=SEED)
    trained = time.process_time()
    made = fitted.forecast(task.known, steps)
    done = time.process_time()
    theta = {name: _theta(past, steps, task.every) for name, past in task.known.items()}
    simple = {name: naive2(past, steps, task.every.season) for name, past in task.known.items()}
    ours, theirs, naive = (_scores(task, each) for each in ({name: each.mean for name, each in made.items()}, theta, simple))
    inside = [
        np.mean(
            (task.after[name] >= each.quantiles[0][: len(task.after[name])])
            & (task.after[name] <= each.quantiles[-1][: len(task.after[name])])
        )
        for name, each in made.items()
    ]
    weights = ", ".join(
        f"{method.name} {weight:.2f}" for method, weight in zip(fitted.methods, fitted.choice.panel, strict=True) if weight > 0
    )
    common = {
        "published": PUBLISHED.get(task.name, ""),
        "seed": SEED,
        "rows": len(task.known),
        "train_s": trained - started,
        "predict_s": done - trained,
    }
    note = f"{task.split}; Naive2 sMAPE {naive.smape:.3f}, MASE {naive.mase:.3f}; weights {weights}"
    relative = [owa(each.smape, each.mase, naive.smape, naive.mase) for each in (ours, theirs)]
    found = [
        Row(task.name, "sMAPE", ours.smape, theirs.smape, "Theta", note=note, **common),
        Row(task.name, "MASE", ours.mase, theirs.mase, "Theta", note=note, **common),
        Row(task.name, "OWA", relative[0], relative[1], "Theta", note=note, **common),
        Row(task.name, "coverage of p10 to p90", float(np.mean(inside)), 0.8, "nominal", note=task.split, **{**common, "published": ""}),
    ]
    return ours, theirs, found


def _theta(past: Floats, steps: int, every: Frequency) -> Floats:
    """The standard Theta of the M3 competition, on all known points; Naive2 where it cannot be fitted."""
    found = attempt(Theta(is_dynamic=False), past, steps, every)
    return found if np.isfinite(found).all() else naive2(past, steps, every.season)


def _scores(task: Task, made: dict[str, Floats]) -> Scores:
    """Means over series, as the competitions average; a series that never moved has no MASE."""
    pairs = [(after, made[name][: len(after)], task.known[name]) for name, after in task.after.items()]
    scaled = np.array([mase(after, found, past, task.every.season) for after, found, past in pairs])
    return Scores(
        float(np.mean([smape(after, found) for after, found, _ in pairs])),
        float(np.nanmean(scaled)),
        sum(len(after) for after, *_ in pairs),
    )


def _m3(parts: list[tuple[Scores, Scores, int]]) -> Iterator[Row]:
    """M3 as a whole: sMAPE over all forecast points, MASE over all series, as Hyndman's recalculation does."""
    points = [ours.points for ours, *_ in parts]
    series = [count for *_, count in parts]
    for metric, weights in (("smape", points), ("mase", series)):
        ours, theta = (float(np.average([getattr(each[side], metric) for each in parts], weights=weights)) for side in (0, 1))
        name = "sMAPE" if metric == "smape" else "MASE"
        yield Row("m3", name, ours, theta, "Theta", PUBLISHED["m3"], SEED, sum(series), note=HALF)
