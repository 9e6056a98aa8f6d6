"""Explains orders whose payments do not equal items plus freight, each by a class that the data themselves bear out.

The largest class is interest on instalments. No rate is written down here: each order that was paid in instalments implies one, by the
annuity of its own figures, and a rate counts only when several orders share it to the cent. What no class bears out is called unexplained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

WITHIN = 0.02  # BRL: what the rule of the contract calls equal
HALF_A_CENT = 0.005
PLANS = range(2, 25)  # numbers of instalments that are tried; 24 is the most in the Olist files
ORDERS_THAT_SHARE = 5  # a rate that fewer orders share is a coincidence, not a rate
TABLE = "quality.payment_differences"
CLASSES = {
    "no_items": "the order was paid, but no item of it is known: mostly unavailable or canceled",
    "no_payment": "the order has items, but no payment of it is known",
    "rounding": "many items, each rounded by up to half a cent",
    "instalment_interest": "interest at a rate that other orders share, over the order's own number of instalments",
    "instalment_interest_other_plan": "interest at a rate that other orders share, over another number of instalments than recorded",
    "interest_on_one_payment": "one of several payments bears interest at a rate that other orders share",
    "instalment_surcharge": "paid in instalments and dearer, at a rate that no other orders share: not explained by the data",
    "paid_more": "paid more, not in instalments: not explained by the data",
    "paid_less": "paid less: not explained by the data",
}
_ORDERS = f"""
WITH paid AS (
  SELECT order_id, sum(payment_value) AS paid, count(*) AS payments, max(payment_installments) AS instalments,
    bool_and(payment_type = 'credit_card') AS is_card, list(payment_value ORDER BY payment_sequential) AS parts
  FROM varejo.order_payments GROUP BY 1),
due AS (SELECT order_id, sum(price + freight_value) AS due, count(*) AS items FROM varejo.order_items GROUP BY 1)
SELECT o.order_id, o.order_status, CAST(due AS DOUBLE), CAST(paid AS DOUBLE), coalesce(items, 0), coalesce(payments, 0),
  coalesce(instalments, 0), coalesce(is_card, false), coalesce(CAST(parts AS DOUBLE[]), [])
FROM varejo.orders o LEFT JOIN paid USING (order_id) LEFT JOIN due USING (order_id)
WHERE (paid IS NULL) <> (due IS NULL) OR abs(paid - due) > {WITHIN} ORDER BY o.order_id"""


@dataclass(frozen=True)
class Difference:
    """An order that is not paid what its items cost; amounts in BRL, `due` or `paid` None where that side is not known."""

    order_id: str
    status: str
    due: float | None
    paid: float | None
    items: int
    payments: int
    instalments: int
    is_card: bool
    parts: tuple[float, ...]
    kind: str = ""
    monthly_rate: float | None = None
    plan: int | None = None

    @property
    def amount(self) -> float:
        """What was paid too much, or too little when negative."""
        return round((self.paid or 0.0) - (self.due or 0.0), 2)


def explain(db: duckdb.DuckDBPyConnection) -> list[Difference]:
    """Every order whose payments do not equal its items, with its class."""
    found = [replace(Difference(*row), parts=tuple(row[-1])) for row in db.execute(_ORDERS).fetchall()]
    dearer = [each for each in found if each.due and each.paid and each.amount > 0 and each.is_card and not _is_rounding(each)]
    rates = shared_rates(dearer)
    return [_classified(each, rates) for each in found]


def shared_rates(orders: Sequence[Difference]) -> list[float]:
    """Monthly rates that explain at least `ORDERS_THAT_SHARE` orders over their own instalments, each order counted for one rate."""
    left = [each for each in orders if each.instalments > 1 and each.payments == 1]
    rates: list[float] = []
    while True:
        implied = [implied_rate(each.due or 0.0, each.paid or 0.0, each.instalments) for each in left]
        sharers = {rate: [each for each in left if _fits(each, rate, each.instalments)] for rate in implied}
        best = max(sharers, key=lambda rate: len(sharers[rate]), default=None)
        if best is None or len(sharers[best]) < ORDERS_THAT_SHARE:
            return rates
        due, weighted = sum(each.due or 0.0 for each in sharers[best]), 0.0
        for each in sharers[best]:  # the dearer the order, the less a cent of rounding moves its rate
            weighted += (each.due or 0.0) * implied_rate(each.due or 0.0, each.paid or 0.0, each.instalments)
        rates.append(weighted / due)
        left = [each for each in left if each not in sharers[best]]


def factor(rate: float, instalments: int) -> float:
    """What is paid in all for each real that is due, by equal monthly instalments in arrears (annuity)."""
    return instalments * rate / (1 - (1 + rate) ** -instalments) if rate else 1.0


def implied_rate(due: float, paid: float, instalments: int) -> float:
    """The monthly rate of an annuity of these figures, by bisection to a millionth."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if due * factor(middle, instalments) < paid else (low, middle)
    return (low + high) / 2


def counts(found: Iterable[Difference]) -> list[dict[str, object]]:
    """Orders and BRL a class, in the order of `CLASSES`."""
    found = list(found)
    orders, cents = Counter(each.kind for each in found), Counter[str]()
    for each in found:
        cents[each.kind] += round(100 * each.amount)
    return [
        {"class": kind, "orders": orders[kind], "difference_brl": cents[kind] / 100, "meaning": CLASSES[kind]}
        for kind in CLASSES
        if orders[kind]
    ]


def store(db: duckdb.DuckDBPyConnection, found: Iterable[Difference]) -> None:
    """Make these the content of the table that people read; in the caller's transaction."""
    db.execute(
        f"""CREATE TABLE IF NOT EXISTS {TABLE} (order_id VARCHAR, order_status VARCHAR, due_brl DECIMAL(12,2), paid_brl DECIMAL(12,2),
            difference_brl DECIMAL(12,2), items INTEGER, payments INTEGER, instalments INTEGER, class VARCHAR, monthly_rate_pct DOUBLE,
            plan INTEGER, meaning VARCHAR)"""
    )
    db.execute(f"DELETE FROM {TABLE}")
    values: list[object] = []
    for each in found:
        rate = None if each.monthly_rate is None else round(100 * each.monthly_rate, 3)
        values += [each.order_id, each.status, each.due, each.paid, each.amount, each.items, each.payments, each.instalments]
        values += [each.kind, rate, each.plan, CLASSES[each.kind]]
    if values:
        marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * (len(values) // 12))
        db.execute(f"INSERT INTO {TABLE} VALUES {marks}", values)


def _classified(each: Difference, rates: Sequence[float]) -> Difference:
    if each.due is None:
        return replace(each, kind="no_items")
    if each.paid is None:
        return replace(each, kind="no_payment")
    if _is_rounding(each):
        return replace(each, kind="rounding")
    if each.amount < 0:
        return replace(each, kind="paid_less")
    return _with_interest(each, rates) or replace(each, kind="instalment_surcharge" if each.instalments > 1 else "paid_more")


def _with_interest(each: Difference, rates: Sequence[float]) -> Difference | None:
    if not each.is_card:
        return None
    for rate in rates:
        if each.instalments > 1 and each.payments == 1 and _fits(each, rate, each.instalments):
            return replace(each, kind="instalment_interest", monthly_rate=rate, plan=each.instalments)
    for rate in rates:
        plans = [plan for plan in PLANS if _fits(each, rate, plan)]
        if plans:
            return replace(each, kind="instalment_interest_other_plan", monthly_rate=rate, plan=plans[0])
        for part in each.parts if each.payments > 1 else ():
            rest = (each.due or 0.0) - (sum(each.parts) - part)
            plans = [plan for plan in PLANS if rest > 0 and abs(part - rest * factor(rate, plan)) <= WITHIN]
            if plans:
                return replace(each, kind="interest_on_one_payment", monthly_rate=rate, plan=plans[0])
    return None


def _fits(each: Difference, rate: float, plan: int) -> bool:
    """Whether the order costs its items with interest over a plan: its own to within the rounding of each instalment, others to two cents.

    In the Olist files a surcharge drawn at random would fit the order's own plan about once in 470 times, any of all plans once in 26.
    """
    within = max(WITHIN, HALF_A_CENT * plan) if plan == each.instalments else WITHIN
    return abs((each.paid or 0.0) - (each.due or 0.0) * factor(rate, plan)) <= within


def _is_rounding(each: Difference) -> bool:
    return each.due is not None and each.paid is not None and abs(each.amount) <= HALF_A_CENT * each.items + 1e-9
