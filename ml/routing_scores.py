"""Scores of a router that ranks questions: how soon it recovers the gap between a weak and a strong model.

PGR, APGR and CPT as RouteLLM defines them (Ong et al. 2024). Losses of its probabilities stay in `routing.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVELS = (0.5, 0.8)  # of the performance gap: CPT50 and CPT80


def gap_scores(gain: np.ndarray, weak_ok: np.ndarray, strong_ok: np.ndarray) -> dict[str, float]:
    """How much of the gap between the models is recovered as more questions go to the strong one, the largest `gain` first.

    Args:
        gain: rank of each question, in any unit; equal ones go in random order (their mean curve is a straight line).
        weak_ok: whether the weak model answers right.
        strong_ok: whether the strong model does.

    Returns:
        `apgr`: area under the recovered share, 0.5 for a random order, above 1 possible; `cpt50` and `cpt80`: the smallest share of strong
        calls (0 to 1) that recovers so much of the gap. NaN when the strong model is not better on these questions.
    """
    import numpy as np

    _, group = np.unique(-np.asarray(gain, dtype=float), return_inverse=True)
    steps = np.bincount(group, np.asarray(strong_ok, dtype=float) - np.asarray(weak_ok, dtype=float))
    recovered = np.concatenate([[0.0], np.cumsum(steps)])
    share = np.concatenate([[0.0], np.cumsum(np.bincount(group))]) / len(group)
    names = ["apgr", *(f"cpt{level * 100:.0f}" for level in LEVELS)]
    if recovered[-1] <= 0:
        return dict.fromkeys(names, float("nan"))
    recovered = recovered / recovered[-1]
    return dict(
        zip(names, [float(np.trapezoid(recovered, share)), *(_first_share(share, recovered, level) for level in LEVELS)], strict=True)
    )


def _first_share(share: np.ndarray, recovered: np.ndarray, level: float) -> float:
    """The first share at which the curve, straight between its points, reaches `level`."""
    at = int((recovered >= level).argmax())
    part = (level - recovered[at - 1]) / (recovered[at] - recovered[at - 1])
    return float(share[at - 1] + part * (share[at] - share[at - 1]))
