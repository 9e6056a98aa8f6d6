"""Judges whether a load's values are distributed as those of the loads before: the population stability index of each column.

PSI = Σ (p - q) ln(p / q) over bins, of which missing values are one; below 0.1 is taken for stable and above 0.25 for another population
(the usual bands of credit scoring). Jensen-Shannon divergence in bits is shown beside it, because it is bounded. A shift counts only
when so few rows could not give it by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from eco_assets.aurion.quality.findings import SAMPLE, Finding, judged, silent
from eco_assets.aurion.quality.profiles import KEPT, Profile
from eco_assets.aurion.quality.rules import Rule

ROWS_NEEDED = 200  # in a load, and in the loads before together
_SMOOTHING = 0.5  # added to each bin, so that an empty one is rare and not impossible


def distribution(rule: Rule, newest: Sequence[Profile], before: Sequence[Profile]) -> Finding:
    """The newest load's profile against those of up to five loads before; the column that moved most is the figure."""
    past: dict[str, list[Profile]] = {}
    for each in before:
        past.setdefault(each.column, []).append(each)
    if not newest or newest[0].rows < ROWS_NEEDED:
        return silent(rule, f"too few rows: {newest[0].rows if newest else 0} in the last load, {ROWS_NEEDED} are needed")
    shifts = []
    for now in newest:
        pair = comparable(now, past.get(now.column, [])[:KEPT])
        if pair is not None:
            shifts.append((now.column, *shift(*pair), now))
    if not shifts:
        return silent(rule, "too little history: this is the first load that is profiled")
    worst = max(shifts, key=lambda each: each[1])
    sample = [
        {"column": name, "psi": f"{psi:.3f}", "jensen_shannon": f"{divergence:.3f}", "missing": f"{now.missing / now.rows:.1%}"}
        for name, psi, divergence, now in sorted(shifts, key=lambda each: -each[1])
        if not rule.limit.holds(psi)
    ]
    words = f"{worst[0]} moved most against {len({p.load_id for p in before[: KEPT * len(newest)]})} load(s) before: PSI {worst[1]:.3f}"
    return judged(rule, worst[1], words, sample[:SAMPLE])


def comparable(now: Profile, past: Sequence[Profile]) -> tuple[list[int], list[int]] | None:
    """(counts now, counts before) over the same bins, the last of which are missing values; None where they cannot be compared."""
    past = [each for each in past if each.kind == now.kind and (now.kind != "number" or each.bins == now.bins)]
    if sum(each.rows for each in past) < ROWS_NEEDED:
        return None
    missing = [sum(each.missing for each in past)]
    if now.kind == "number":
        return [*now.counts, now.missing], [*map(sum, zip(*(each.counts for each in past), strict=True)), *missing]
    labels = [] if now.kind == "other" else list(past[0].bins)  # what is new since then is one bin with what is rare
    ours, theirs = _by_label(now), [_by_label(each) for each in past]
    counts = [ours.get(label, 0) for label in labels], [sum(each.get(label, 0) for each in theirs) for label in labels]
    here, there = (now.rows - now.missing - sum(counts[0])), (sum(each.rows - each.missing for each in past) - sum(counts[1]))
    return [*counts[0], here, now.missing], [*counts[1], there, *missing]


def shift(now: Sequence[int], past: Sequence[int]) -> tuple[float, float]:
    """(PSI, Jensen-Shannon divergence in bits); PSI is 0 where a difference of that size is what chance gives."""
    used = [(a, b) for a, b in zip(now, past, strict=True) if a or b]
    n, m, bins = sum(now), sum(past), len(used)
    p = [(a + _SMOOTHING) / (n + _SMOOTHING * bins) for a, _ in used]
    q = [(b + _SMOOTHING) / (m + _SMOOTHING * bins) for _, b in used]
    psi = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    divergence = sum(0.5 * (a * math.log2(a / c) + b * math.log2(b / c)) for a, b, c in zip(p, q, middle, strict=True))
    # Of one population, PSI / (1/n + 1/m) is about chi-squared with bins - 1 degrees: beyond mean plus four deviations is no chance.
    chance = (1 / n + 1 / m) * (bins - 1 + 4 * math.sqrt(2 * max(bins - 1, 1)))
    return (psi if psi > chance else 0.0), divergence


def _by_label(profile: Profile) -> dict[object, int]:
    return dict(zip(profile.bins, profile.counts, strict=True)) if profile.kind == "category" else {}
