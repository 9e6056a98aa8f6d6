"""The scoring of the Numenta Anomaly Benchmark, written from its published description (Lavin and Ahmad, 2015; scoring version 1).

A detection counts by its place in the labelled window (scaled sigmoid: earlier is better), once a window; a window without one costs
`fnWeight`; each detection outside a window costs up to `fpWeight`. The first 15 % of a file (at most 750 rows) are not scored. One
threshold a profile, the best for the corpus as the official runner chooses it. 0 is a detector that never alarms, 100 a perfect one.
Only scores and labels come in here; detectors stay outside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

PROBATION_SHARE, PROBATION_ROWS = 0.15, 5000
FAR = 3.0  # window widths after which a false alarm costs its full weight


@dataclass(frozen=True)
class Labelled:
    """One file: its timestamps in order and the labelled windows (first and last timestamp, both inside)."""

    at: pd.DatetimeIndex
    windows: Sequence[tuple[pd.Timestamp, pd.Timestamp]]

    @property
    def probation(self) -> int:
        """Rows at the beginning that are not scored."""
        return int(min(math.floor(PROBATION_SHARE * len(self.at)), PROBATION_SHARE * PROBATION_ROWS))


@dataclass(frozen=True)
class Profile:
    """What an application pays: weights of a detected window, a false alarm and a missed window."""

    tp: float
    fp: float
    fn: float


@dataclass(frozen=True)
class Points:
    """The scored rows of one file: what a detection at each would add, and its window (-1 outside of all)."""

    gain: np.ndarray
    window: np.ndarray
    windows: int


def points(file: Labelled, profile: Profile) -> Points:
    """The gain of a detection at every row after the probation."""
    rows = len(file.at)
    gain, window = np.full(rows, -profile.fp), np.full(rows, -1)
    edges = [(int(file.at.searchsorted(a)), int(file.at.searchsorted(b))) for a, b in sorted(file.windows)]
    for number, (first, last) in enumerate(edges):
        width = last - first + 1
        inside = np.arange(first, last + 1)
        window[inside] = number
        gain[inside] = profile.tp * sigmoid(-(last - inside + 1) / width) / sigmoid(np.array([-1.0]))
        until = edges[number + 1][0] if number + 1 < len(edges) else rows
        after = np.arange(last + 1, until)
        gain[after] = profile.fp * sigmoid((after - last) / max(width - 1, 1))
    kept = slice(file.probation, None)
    return Points(gain[kept], window[kept], len(set(window[kept]) - {-1}))


def sigmoid(position: np.ndarray) -> np.ndarray:
    """The scaled sigmoid: near 1 at -1 (the left end of a window), 0 at its right end, -1 from 3 window widths past it."""
    value = 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, FAR))) - 1.0
    return np.where(position > FAR, -1.0, value)


def raw_score(part: Points, profile: Profile, detected: np.ndarray) -> float:
    """Sum of the gains of the detections of one file: the best of a window, each one outside; `fn` for a missed window."""
    outside = float(part.gain[detected & (part.window < 0)].sum())
    seen = [number for number in set(part.window.tolist()) if number >= 0]
    inside = [max(part.gain[detected & (part.window == number)], default=-profile.fn) for number in seen]
    return outside + float(sum(inside))


def best_threshold(parts: Mapping[str, Points], profile: Profile, scores: Mapping[str, np.ndarray]) -> float:
    """The threshold (a row with a score of at least it is a detection) with the highest sum of raw scores; above 1 is 'never'."""
    flat = [
        (float(score), float(gain), (name, int(window)))
        for name, part in parts.items()
        for score, gain, window in zip(scores[name], part.gain, part.window, strict=True)
    ]
    flat.sort(key=lambda row: -row[0])
    best, threshold, total = 0.0, 1.1, 0.0
    found: dict[tuple[str, int], float] = {}
    for place, (score, gain, window) in enumerate(flat):
        if window[1] < 0:
            total += gain
        else:
            before = found.get(window, -profile.fn)
            found[window] = max(before, gain)
            total += found[window] - before
        is_last_of_score = place + 1 == len(flat) or flat[place + 1][0] != score
        if is_last_of_score and total > best:
            best, threshold = total, score
    return threshold


def normalised(
    files: Mapping[str, Labelled], scores: Mapping[str, np.ndarray], profile: Profile, threshold: float | None = None
) -> tuple[float, float]:
    """The corpus' score (0 never alarms, 100 perfect) and the threshold it was reached with.

    Args:
        files: the corpus.
        scores: 0 to 1 a row of each file, probation included.
        profile: the weights.
        threshold: chosen elsewhere; None takes the best one of this corpus, as the official runner does.
    """
    parts = {name: points(file, profile) for name, file in files.items()}
    judged = {name: np.asarray(scores[name], dtype=float)[files[name].probation :] for name in files}
    chosen = best_threshold(parts, profile, judged) if threshold is None else threshold
    total = sum(raw_score(part, profile, judged[name] >= chosen) for name, part in parts.items())
    windows = sum(part.windows for part in parts.values())
    null, perfect = -profile.fn * windows, profile.tp * windows
    return 100.0 * (total - null) / (perfect - null), chosen
