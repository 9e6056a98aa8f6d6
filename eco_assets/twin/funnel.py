"""The B2B funnel: leads with a true probability of becoming a seller, and the deals won so far.

Belongs here: leads and closed deals. Stays out: what an analyst would estimate from them.
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin.plan import Days, Flags, Floats, Ints, Plan, sigmoid, weekday
from eco_assets.twin.tables import Column, Table, dates, hex_ids, numbers, pick, stamps

LEADS = 2_500
LANDING_PAGES = 40
BASE_LOGIT = -2.35
# origin: (share of the leads, effect on the logit of conversion); "" is an origin nobody wrote down
ORIGINS = {
    "organic_search": (0.285, 0.30),
    "paid_search": (0.195, 0.35),
    "social": (0.165, -0.75),
    "unknown": (0.140, 0.65),
    "direct_traffic": (0.065, 0.25),
    "email": (0.060, -1.10),
    "referral": (0.035, 0.10),
    "other": (0.020, -1.00),
    "display": (0.015, -0.60),
    "other_publicities": (0.010, -1.20),
    "": (0.010, 0.00),
}
SEGMENTS = ("home_decor", "health_beauty", "household_utilities", "car_accessories", "pet", "computers", "toys", "watches")
LEAD_TYPES = ("online_medium", "online_big", "industry", "offline", "online_small", "online_beginner", "online_top")
PROFILES = ("cat", "wolf", "eagle", "shark", "")
REVENUES = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5_000.0, 20_000.0, 30_000.0, 100_000.0, 250_000.0)


def build(plan: Plan) -> tuple[list[Table], dict[str, object]]:
    """Leads and closed deals, and the true probabilities: of each lead, by origin and by landing page."""
    rng = plan.rng("funnel")
    count = plan.rows(LEADS, least=100)
    day = _contacts(rng, plan, count)
    origin = rng.choice(len(ORIGINS), count, p=[share for share, _ in ORIGINS.values()])
    weights = 1.0 / np.arange(1, LANDING_PAGES + 1) ** 0.8
    page = rng.choice(LANDING_PAGES, count, p=weights / weights.sum())
    page_effect = rng.normal(0.0, 0.9, LANDING_PAGES)
    effect = np.array([logit for _, logit in ORIGINS.values()])[origin] + page_effect[page]
    probability = sigmoid(BASE_LOGIT + effect - 0.15 * (weekday(day) >= 5))
    is_won = rng.random(count) < probability
    delay = np.minimum(rng.lognormal(np.log(14.0), 0.8, count), 58.0)
    won_at = day.astype("datetime64[s]") + np.round(delay * 86_400 + 36_000).astype("timedelta64[s]")
    mql_ids, page_ids = hex_ids(rng, count), hex_ids(rng, LANDING_PAGES)
    leads = Table(
        "comercial/olist_funnel/olist_marketing_qualified_leads_dataset.csv",
        {
            "mql_id": mql_ids,
            "first_contact_date": dates(day),
            "landing_page_id": pick(page_ids, page),
            "origin": pick(list(ORIGINS), origin),
        },
    )
    known = np.flatnonzero(is_won & (won_at < plan.closing))
    truth: dict[str, object] = {
        "probability_by_lead": dict(zip(mql_ids, numbers(probability, 5), strict=True)),
        "probability_by_origin": _means(list(ORIGINS), origin, probability),
        "probability_by_landing_page": _means(page_ids, page, probability),
        "won_leads": _names(mql_ids, is_won),
    }
    return [leads, _deals(rng, [mql_ids[at] for at in known.tolist()], won_at[known])], truth


def _contacts(rng: np.random.Generator, plan: Plan, count: int) -> Days:
    """Day of each contact, oldest first: more on working days, and a third more at the end than at the start."""
    weight = np.where(weekday(plan.calendar) >= 5, 0.35, 1.0) * np.linspace(1.0, 1.33, plan.days)
    return plan.calendar[np.sort(rng.choice(plan.days, count, p=weight / weight.sum()))]


def _means(names: list[str], index: Ints, probability: Floats) -> dict[str, float]:
    present = np.unique(index).tolist()
    return {names[at]: round(float(probability[index == at].mean()), 5) for at in present}


def _names(names: list[str], flags: Flags) -> list[str]:
    return [names[at] for at in np.flatnonzero(flags).tolist()]


def _deals(rng: np.random.Generator, mql_ids: list[str], won_at: Days) -> Table:
    """The deals won by the end of the plan; what a lead declares is rarely known, as in the real file."""
    count = len(mql_ids)

    def one_of(names: tuple[str, ...]) -> list[str]:
        return pick(names, rng.integers(0, len(names), count))

    def rarely(values: list[str]) -> list[str]:
        return [value if draw < 0.08 else "" for value, draw in zip(values, rng.random(count).tolist(), strict=True)]

    revenue = rng.integers(0, len(REVENUES), count).tolist()
    columns: dict[str, Column] = {
        "mql_id": mql_ids,
        "seller_id": hex_ids(rng, count),
        "sdr_id": pick(hex_ids(rng, 12), rng.integers(0, 12, count)),
        "sr_id": pick(hex_ids(rng, 9), rng.integers(0, 9, count)),
        "won_date": stamps(won_at),
        "business_segment": one_of(SEGMENTS),
        "lead_type": one_of(LEAD_TYPES),
        "lead_behaviour_profile": one_of(PROFILES),
        "has_company": rarely(one_of(("True", "False"))),
        "has_gtin": rarely(one_of(("True", "False"))),
        "average_stock": rarely(one_of(("1-5", "5-20", "20-50", "50-200", "200+", "unknown"))),
        "business_type": one_of(("reseller", "reseller", "manufacturer")),
        "declared_product_catalog_size": rarely(one_of(("10.0", "30.0", "50.0", "100.0", "300.0", "1000.0"))),
        "declared_monthly_revenue": [REVENUES[at] for at in revenue],
    }
    return Table("comercial/olist_funnel/olist_closed_deals_dataset.csv", columns)
