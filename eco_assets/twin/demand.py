"""True demand: the mean orders per category and day, from which the twin draws and an oracle decides.

Belongs here: everything that moves demand (growth, week, year, holidays, promotions). Stays out: the orders themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eco_assets.twin.catalog import CATEGORIES
from eco_assets.twin.plan import Floats, Plan, day_of_year, weekday
from eco_assets.twin.tables import dates

LOOKAHEAD_DAYS = 28  # the oracle knows the means of this many days after the end
UNITS_SHARES = (0.88, 0.08, 0.03, 0.01)  # orders of 1, 2, 3 and 4 units
UNITS_PER_ORDER = float(np.dot(UNITS_SHARES, (1, 2, 3, 4)))
WEEK = np.array([1.16, 1.14, 1.08, 1.03, 0.98, 0.80, 0.83])  # Monday to Sunday, before a category's weekend factor
EVENTS = ((126, 6, 1.25), (326, 5, 1.9), (340, 12, 1.3))  # day of the year, length, factor: Mothers' Day, Black Friday, Xmas


@dataclass(frozen=True)
class Promotion:
    """A price cut: category index, first day (index into the calendar), length in days, factor on demand, discount."""

    category: int
    first: int
    length: int
    factor: float
    discount: float


@dataclass(frozen=True)
class Demand:
    """Mean orders a day, shape (categories, days + LOOKAHEAD_DAYS), and the promotions inside the calendar."""

    orders: Floats
    promotions: list[Promotion]

    def discount(self, days: int) -> Floats:
        """Share taken off the list price, shape (categories, days)."""
        off = np.zeros((len(CATEGORIES), days))
        for promotion in self.promotions:
            off[promotion.category, promotion.first : promotion.first + promotion.length] = promotion.discount
        return off


def build(plan: Plan) -> Demand:
    """The true means of a plan."""
    promotions = _promotions(plan)
    span = plan.calendar[0] + np.arange(plan.days + LOOKAHEAD_DAYS)
    years = (np.arange(span.size) - plan.days) / 365.0
    year_day, day = day_of_year(span), weekday(span)
    event = np.ones(span.size)
    for first, length, factor in EVENTS:
        event[(year_day >= first) & (year_day < first + length)] = factor
    means = []
    for category in CATEGORIES:
        week = WEEK * np.where(np.arange(7) >= 5, category.weekend / 0.82, 1.0)
        season = 1.0 + category.season * np.cos(2 * np.pi * (year_day - category.peak_day) / 365.0)
        level = category.orders_a_day * plan.scale * (1.0 + category.growth) ** years
        means.append(level * week[day] * season * event)
    orders = np.array(means)
    for promotion in promotions:
        orders[promotion.category, promotion.first : promotion.first + promotion.length] *= promotion.factor
    return Demand(orders, promotions)


def _promotions(plan: Plan) -> list[Promotion]:
    rng = plan.rng("promotions")
    count = max(6, plan.days // 14)
    category = rng.integers(0, len(CATEGORIES), count).tolist()
    first = np.sort(rng.integers(0, plan.days - 10, count)).tolist()
    length = rng.integers(4, 9, count).tolist()
    discount = np.round(rng.uniform(0.08, 0.22, count), 2).tolist()
    return [
        Promotion(which, start, days, round(1.0 + 5.0 * off, 2), off)
        for which, start, days, off in zip(category, first, length, discount, strict=True)
    ]


def truth(plan: Plan, demand: Demand) -> dict[str, object]:
    """True means in units (orders times UNITS_PER_ORDER), per day and per weekday over the last 28 days."""
    span = dates(plan.calendar[0] + np.arange(plan.days + LOOKAHEAD_DAYS))
    units = demand.orders * UNITS_PER_ORDER
    last = weekday(plan.calendar[-28:])
    recent = units[:, plan.days - 28 : plan.days]
    return {
        "units_per_order": UNITS_PER_ORDER,
        "days": span,
        "mean_units_per_day": {c.slug: np.round(row, 4).tolist() for c, row in zip(CATEGORIES, units, strict=True)},
        "mean_units_per_weekday": {
            c.slug: [round(float(row[last == day].mean()), 4) for day in range(7)] for c, row in zip(CATEGORIES, recent, strict=True)
        },
        "promotions": [
            {
                "category": CATEGORIES[p.category].slug,
                "first_day": span[p.first],
                "last_day": span[p.first + p.length - 1],
                "factor": p.factor,
                "discount": p.discount,
            }
            for p in demand.promotions
        ],
    }
