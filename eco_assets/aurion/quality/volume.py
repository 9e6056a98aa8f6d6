"""Judges how many rows came, by a robust z-score against the table's own past; silent where the past is too short.

Counts are compared as logarithms, so a fall to a tenth weighs as much as a rise to ten times. The scale is the median absolute deviation,
but never less than what counting at random gives (Poisson), so small tables do not cry wolf.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING

from eco_assets.aurion.quality.context import LOADS_KEPT, Loaded
from eco_assets.aurion.quality.findings import Finding, judged, silent
from eco_assets.aurion.quality.rules import Rule
from eco_assets.contracts.check import quoted
from eco_assets.contracts.contract import Contract

if TYPE_CHECKING:
    import duckdb

LOADS_NEEDED = 5  # earlier loads of the same origin
WEEKS = 8  # of history by day: a weekday is compared with the same weekday
WEEKS_NEEDED = 4
DAYS_JUDGED = 7  # up to the business day
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_LEAST_SPREAD = 0.05  # a table that never changed may still change by a few percent


def row_count(rule: Rule, served: Mapping[str, int]) -> Finding:
    """The number of rows that are served; `served` by table."""
    count = served[rule.table]
    return judged(rule, count, f"{count} rows are served")


def z_score(value: float, past: Sequence[float]) -> float:
    """How far a count is from its past, in robust standard deviations of logarithms; negative when fewer."""
    logs = [math.log(count + 0.5) for count in past]
    middle = median(logs)
    spread = _MAD_TO_SIGMA * median(abs(log - middle) for log in logs)
    chance = 1 / math.sqrt(math.exp(middle) + 0.5)
    return (math.log(value + 0.5) - middle) / max(spread, chance, _LEAST_SPREAD)


def rows_per_load(contract: Contract, rule: Rule, past: Sequence[Loaded]) -> Finding:
    """The newest load of each origin against the earlier ones; where rows are added, all loads of a source are one history."""
    histories: dict[str, list[int]] = defaultdict(list)
    for load in sorted(past, key=lambda each: each.loaded_at):
        histories[load.origin if contract.load_mode == "replace_file" else load.source].append(load.rows)
    known = {name: counts[-LOADS_KEPT:] for name, counts in histories.items() if len(counts) > LOADS_NEEDED}
    if not known:
        longest = max((len(counts) - 1 for counts in histories.values()), default=0)
        return silent(rule, f"too little history: {longest} earlier load(s), {LOADS_NEEDED} are needed")
    scores = {name: z_score(counts[-1], counts[:-1]) for name, counts in known.items()}
    worst = max(scores, key=lambda name: abs(scores[name]))
    sample = [
        {"origin": name, "rows": str(known[name][-1]), "usual": f"{median(known[name][:-1]):g}", "z": f"{score:.1f}"}
        for name, score in scores.items()
        if not rule.limit.holds(score)
    ]
    words = f"{known[worst][-1]} rows in the last load of {worst}, usual are {median(known[worst][:-1]):g} (z {scores[worst]:+.1f})"
    return judged(rule, scores[worst], words, sample[:DAYS_JUDGED])


def rows_per_day(db: duckdb.DuckDBPyConnection, rule: Rule, day: date) -> Finding:
    """Each of the last days against the same weekday of the weeks before."""
    (column,) = rule.columns
    first_day = day - timedelta(days=7 * WEEKS + DAYS_JUDGED - 1)
    query = f"""SELECT CAST({quoted(column)} AS DATE), count(*) FROM {rule.table}
                WHERE {quoted(column)} >= ? AND {quoted(column)} < ? GROUP BY 1"""
    counts = dict(db.execute(query, [first_day, day + timedelta(days=1)]).fetchall())
    found = db.execute(f"SELECT CAST(min({quoted(column)}) AS DATE) FROM {rule.table}").fetchone()
    begins = found[0] if found else None
    if begins is None or (day - begins).days < 7 * WEEKS_NEEDED + DAYS_JUDGED:
        return silent(rule, f"too little history: {WEEKS_NEEDED} weeks before the last {DAYS_JUDGED} days are needed")
    begins = max(begins, first_day)
    scores = {}
    for back in range(DAYS_JUDGED):
        judged_day = day - timedelta(days=back)
        weekdays = [judged_day - timedelta(days=7 * week) for week in range(1, WEEKS + 1)]
        past = [counts.get(each, 0) for each in weekdays if begins <= each <= day - timedelta(days=DAYS_JUDGED)]
        scores[judged_day] = (z_score(counts.get(judged_day, 0), past), median(past))
    worst = max(scores, key=lambda each: abs(scores[each][0]))
    sample = [
        {"day": each.isoformat(), "rows": str(counts.get(each, 0)), "usual": f"{usual:g}", "z": f"{score:+.1f}"}
        for each, (score, usual) in sorted(scores.items())
        if not rule.limit.holds(score)
    ]
    score, usual = scores[worst]
    words = f"{counts.get(worst, 0)} rows on {worst}, usual on that weekday are {usual:g} (z {score:+.1f})"
    return judged(rule, score, words, sample)
