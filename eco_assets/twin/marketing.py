"""Marketing: a randomised e-mail test and the cost of a click on three exchanges.

Belongs here: what the agency measures itself. Stays out: the bank's calls (`calls.py`).
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin.plan import Flags, Floats, Ints, Plan, sigmoid
from eco_assets.twin.tables import Layout, Table, numbers, pick, stamps

CUSTOMERS = 6_000
ARMS = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")
BANDS = (0.0, 100.0, 200.0, 350.0, 500.0, 750.0, 1_000.0)
BAND_NAMES = (
    "1) $0 - $100", "2) $100 - $200", "3) $200 - $350", "4) $350 - $500", "5) $500 - $750", "6) $750 - $1,000",
    "7) $1,000 +",
)  # fmt: skip
SEGMENTS = {"mens": (1, 0), "womens": (0, 1), "both": (1, 1)}  # what a customer bought in the past year
# effect of each e-mail on the logit of a visit, by segment
UPLIFT = {
    "mens": {"Mens E-Mail": 0.95, "Womens E-Mail": 0.05},
    "womens": {"Mens E-Mail": 0.30, "Womens E-Mail": 0.75},
    "both": {"Mens E-Mail": 0.80, "Womens E-Mail": 0.60},
}
BUYS_AFTER_VISIT = {"Mens E-Mail": 0.11, "Womens E-Mail": 0.09, "No E-Mail": 0.08}
MEAN_SPEND = 95.0
EXCHANGES = (("exchange-2", 0.10, 1), ("exchange-3", 0.085, 901), ("exchange-4", 0.095, 901))  # file, level, second
EXCHANGE_DAYS = 60


def build(plan: Plan) -> tuple[list[Table], dict[str, object]]:
    """The e-mail test and the exchanges' series; the truth is the uplift by segment and the price spikes."""
    email, uplift = _email(plan)
    exchanges = [_exchange(plan, *exchange) for exchange in EXCHANGES]
    truth: dict[str, object] = {
        "email_uplift": uplift,
        "price_spikes": {table.path: spikes for table, spikes in exchanges},
    }
    return [email, *(table for table, _ in exchanges)], truth


def _email(plan: Plan) -> tuple[Table, dict[str, object]]:
    rng = plan.rng("email")
    count = plan.rows(CUSTOMERS, least=600)
    recency = np.minimum(12, 1 + rng.geometric(0.17, count) - 1)
    history = np.maximum(29.99, np.round(rng.lognormal(5.1, 0.85, count), 2))
    segment = rng.choice(3, count, p=(0.45, 0.45, 0.10))
    newbie = rng.random(count) < 0.5
    channel, area = rng.choice(3, count, p=(0.44, 0.44, 0.12)), rng.choice(3, count, p=(0.45, 0.40, 0.15))
    arm = rng.integers(0, len(ARMS), count)
    base = -2.05 - 0.06 * (recency - 5.8) + 0.18 * np.log(history / 160) - 0.35 * newbie + 0.25 * (channel == 2)
    by_arm = _visit_probabilities(base, segment)
    visit = rng.random(count) < by_arm[arm, np.arange(count)]
    buys = np.array([BUYS_AFTER_VISIT[name] for name in ARMS])[arm]
    conversion = visit & (rng.random(count) < buys)
    spend = np.where(conversion, np.maximum(29.99, np.round(rng.gamma(2.0, MEAN_SPEND / 2, count), 2)), 0.0)
    columns: dict[str, list[object]] = {
        "recency": recency.tolist(),
        "history_segment": list(pick(BAND_NAMES, np.searchsorted(BANDS, history, side="right") - 1)),
        "history": _short(history),
        "mens": (segment != 1).astype(np.int64).tolist(),
        "womens": (segment != 0).astype(np.int64).tolist(),
        "zip_code": list(pick(("Surburban", "Urban", "Rural"), area)),
        "newbie": newbie.astype(np.int64).tolist(),
        "channel": list(pick(("Web", "Phone", "Multichannel"), channel)),
        "segment": list(pick(ARMS, arm)),
        "visit": visit.astype(np.int64).tolist(),
        "conversion": conversion.astype(np.int64).tolist(),
        "spend": _short(spend),
    }
    return Table("agencia/hillstrom/hillstrom.csv", dict(columns)), _uplift(by_arm, segment)


def _visit_probabilities(base: Floats, segment: Ints) -> Floats:
    """True probability of a visit under each arm, shape (arms, customers)."""
    effects = np.array([[UPLIFT[name].get(arm, 0.0) for name in SEGMENTS] for arm in ARMS])
    return sigmoid(base + effects[:, segment])


def _uplift(by_arm: Floats, segment: Ints) -> dict[str, object]:
    """Mean true uplift over no e-mail of visits, purchases and spend (USD) per customer, by segment and arm."""
    control = ARMS.index("No E-Mail")
    result: dict[str, object] = {}
    for number, name in enumerate(SEGMENTS):
        member: Flags = segment == number
        visits = by_arm[:, member].mean(axis=1)
        sales = visits * np.array([BUYS_AFTER_VISIT[arm] for arm in ARMS])
        result[name] = {
            arm: {
                "visit": round(float(visits[at] - visits[control]), 5),
                "conversion": round(float(sales[at] - sales[control]), 5),
                "spend_usd": round(float(sales[at] - sales[control]) * MEAN_SPEND, 4),
            }
            for at, arm in enumerate(ARMS)
            if at != control
        }
    return result


def _short(values: Floats) -> list[object]:
    """Amounts as the file writes them: `100`, not `100.0`."""
    return [int(value) if value == int(value) else value for value in numbers(values, 2)]


def _exchange(plan: Plan, name: str, level: float, second: int) -> tuple[Table, list[str]]:
    """An hourly series with a daily cycle, and the moments of its price spikes."""
    rng = plan.rng(name)
    hours = np.arange(EXCHANGE_DAYS * 24)
    moments = plan.closing - np.timedelta64(EXCHANGE_DAYS, "D") + hours * np.timedelta64(3_600, "s") + np.timedelta64(second, "s")
    value = level * (1 + 0.18 * np.sin(2 * np.pi * (hours - 14) / 24)) * rng.lognormal(0.0, 0.14, hours.size)
    spikes = np.sort(rng.choice(hours.size, 4, replace=False))
    value[spikes] *= rng.uniform(3.0, 8.0, spikes.size)
    table = Table(
        f"agencia/nab_ad_exchange/{name}_cpc_results.csv",
        {"timestamp": stamps(moments), "value": numbers(value, 12)},
        Layout(newline="\r\n"),
    )
    return table, stamps(moments[spikes])
