"""Draws the orders: when, what, by whom, for how much, and how long the parcel takes.

Belongs here: the hidden history of every order, in arrays. Stays out: which of it is known by the last day and how it
is written (`retail.py`), and reviews (`reviews.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eco_assets.twin.catalog import PRODUCTS_PER_CATEGORY, STATES, Catalog
from eco_assets.twin.demand import UNITS_SHARES, Demand
from eco_assets.twin.plan import Days, Flags, Floats, Ints, Plan

HOURS = np.array([2.4, 1.2, 0.5, 0.3, 0.2, 0.2, 0.5, 1.2, 3, 4.8, 6.2, 6.6, 6, 6.5, 6.6, 6.5, 6.7, 6.2, 5.8, 6, 6.2, 6.2, 5.8, 4.1])
DAY_SECONDS = 86_400.0
CANCELED, UNAVAILABLE, LOST = 0.006, 0.006, 0.004  # shares of all orders
STRIKE_DAYS_BEFORE_END = (75, 62)  # the carrier works at 60 % of its speed between these days


@dataclass(frozen=True)
class Orders:
    """Everything about the orders, oldest first; n orders, m units.

    Attributes:
        purchase, approved, carrier, delivered: moments, datetime64[s], shape (n,); NaT for what never happens.
        estimated: promised delivery day, datetime64[D], shape (n,).
        category, person: category index and number of the person who buys, shape (n,).
        state: state of each person, indexed by `person`.
        boleto: whether the first payment is a boleto, shape (n,).
        canceled, unavailable: orders that end so, shape (n,).
        unit_order, unit_number: order index and position (from 1) of each unit, shape (m,).
        product: product index of each unit, shape (m,).
        price, freight: BRL of each unit, shape (m,), in whole cents.
    """

    purchase: Days
    approved: Days
    carrier: Days
    delivered: Days
    estimated: Days
    category: Ints
    person: Ints
    state: list[str]
    boleto: Flags
    canceled: Flags
    unavailable: Flags
    unit_order: Ints
    unit_number: Ints
    product: Ints
    price: Floats
    freight: Floats

    @property
    def count(self) -> int:
        """Number of orders."""
        return len(self.purchase)

    def main_product(self) -> Ints:
        """The product of the first unit of each order, shape (n,)."""
        return np.asarray(self.product[self.unit_number == 1], dtype=np.int64)


def build(plan: Plan, demand: Demand, catalog: Catalog) -> Orders:
    """Draw the orders of the whole calendar."""
    rng = plan.rng("orders")
    category, day, purchase = _purchases(rng, plan, demand)
    count = category.size
    person, state = _people(rng, count)
    boleto = rng.random(count) < 0.19
    unit_order, unit_number, product = _units(rng, category, catalog)
    transit_mean = np.array([STATES[name][3] for name in state])[person]
    discount = demand.discount(plan.days)[category, day]
    price, freight = _amounts(rng, catalog, product, discount[unit_order], transit_mean[unit_order])
    canceled, unavailable, lost = _endings(rng, count)
    handling = catalog.handling[catalog.seller[product[unit_number == 1]]]
    approved, carrier, delivered = _delivery(rng, plan, purchase, boleto, handling, transit_mean)
    never = np.datetime64("NaT", "s")
    carrier[canceled | unavailable] = never
    delivered[canceled | unavailable | lost] = never
    promise = 2.5 + handling + np.ceil(transit_mean * 1.22) + rng.integers(0, 4, count)
    return Orders(
        purchase=purchase,
        approved=approved,
        carrier=carrier,
        delivered=delivered,
        estimated=purchase.astype("datetime64[D]") + np.ceil(promise).astype(np.int64),
        category=category,
        person=person,
        state=state,
        boleto=boleto,
        canceled=canceled,
        unavailable=unavailable,
        unit_order=unit_order,
        unit_number=unit_number,
        product=product,
        price=price,
        freight=freight,
    )


def _purchases(rng: np.random.Generator, plan: Plan, demand: Demand) -> tuple[Ints, Ints, Days]:
    """Category index, calendar index and moment of each order, in the order of time."""
    noise = rng.gamma(60.0, 1 / 60.0, (demand.orders.shape[0], plan.days))  # a little more spread than Poisson's
    counts = rng.poisson(demand.orders[:, : plan.days] * noise)
    category, day = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    hour = rng.choice(24, category.size, p=HOURS / HOURS.sum())
    second = hour * 3600 + rng.integers(0, 3600, category.size)
    purchase = plan.calendar[day].astype("datetime64[s]") + second.astype("timedelta64[s]")
    in_time = np.argsort(purchase, kind="stable")
    return category[in_time], day[in_time], purchase[in_time]


def _people(rng: np.random.Generator, count: int) -> tuple[Ints, list[str]]:
    """Number of the person behind each order (about 5 % buy again), and the state of every person."""
    person = np.arange(count)
    again = np.flatnonzero(rng.random(count) < 0.05)
    person[again] = np.floor(rng.random(again.size) * again).astype(np.int64)
    names = list(STATES)
    weights = np.array([STATES[name][0] for name in names])
    home = rng.choice(len(names), count, p=weights / weights.sum())
    return person, [names[at] for at in home.tolist()]


def _units(rng: np.random.Generator, category: Ints, catalog: Catalog) -> tuple[Ints, Ints, Ints]:
    """Order index, position and product of each unit; the units of an order are of one product."""
    size = rng.choice(len(UNITS_SHARES), category.size, p=UNITS_SHARES) + 1
    shelf = np.cumsum(catalog.popularity[0])
    within = np.minimum(np.searchsorted(shelf, rng.random(category.size)), PRODUCTS_PER_CATEGORY - 1)
    product = category * PRODUCTS_PER_CATEGORY + within
    unit_order = np.repeat(np.arange(category.size), size)
    first = np.repeat(np.cumsum(size) - size, size)
    return unit_order, np.arange(unit_order.size) - first + 1, np.repeat(product, size)


def _endings(rng: np.random.Generator, count: int) -> tuple[Flags, Flags, Flags]:
    """Which orders are cancelled, cannot be served, or get lost on the way; no order is two of them."""
    draw = rng.random(count)
    first, second, third = np.cumsum((CANCELED, UNAVAILABLE, LOST))
    return draw < first, (draw >= first) & (draw < second), (draw >= second) & (draw < third)


def _amounts(rng: np.random.Generator, catalog: Catalog, product: Ints, discount: Floats, transit: Floats) -> tuple[Floats, Floats]:
    """Price and freight of each unit, in BRL; freight grows with the distance and the weight."""
    price = np.round(np.maximum(catalog.price[product] * (1.0 - discount), 1.0), 2)
    freight = 7.5 + 0.55 * transit + 1.8 * catalog.weight[product] / 1000 + rng.gamma(2.0, 1.2, product.size)
    return np.asarray(price, dtype=np.float64), np.round(freight, 2)


def _delivery(
    rng: np.random.Generator, plan: Plan, purchase: Days, boleto: Flags, handling: Floats, transit_mean: Floats
) -> tuple[Days, Days, Days]:
    """Moments of approval, hand-over to the carrier and delivery, as if nothing went wrong for good."""
    count = purchase.size
    wait = np.where(boleto, rng.gamma(3.0, 0.5, count), rng.exponential(0.06, count))
    hold = handling * rng.lognormal(-0.1, 0.45, count)
    transit = transit_mean * rng.lognormal(-0.06, 0.38, count)
    age = (plan.last_day - purchase.astype("datetime64[D]")).astype(np.int64)
    strike = (age <= STRIKE_DAYS_BEFORE_END[0]) & (age >= STRIKE_DAYS_BEFORE_END[1])
    transit = np.where(strike, transit / 0.6, transit)
    approved = purchase + _seconds(wait)
    carrier = approved + _seconds(hold)
    return approved, carrier, carrier + _seconds(transit)


def _seconds(days: Floats) -> NDArray[np.timedelta64]:
    return np.round(days * DAY_SECONDS).astype("timedelta64[s]")
