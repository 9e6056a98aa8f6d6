"""Writes the shop down as its files show it on the last day: orders, items, customers, payments, the sample manifest.

Belongs here: what of the hidden history is known by the end. Stays out: how that history comes about (`orders.py`).
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin import catalog as shelves
from eco_assets.twin import demand as wants
from eco_assets.twin import orders as history
from eco_assets.twin import reviews
from eco_assets.twin.catalog import STATES, Catalog
from eco_assets.twin.orders import Orders
from eco_assets.twin.payments import payments
from eco_assets.twin.plan import Days, Plan
from eco_assets.twin.tables import Column, Table, hex_ids, numbers, pick, stamps

FOLDER = "varejo/olist"


def build(plan: Plan) -> tuple[list[Table], dict[str, object]]:
    """Every file of varejo plus the bank's payments, and the truth about demand, delivery, reviews and payments."""
    catalog, demand = shelves.build(plan), wants.build(plan)
    orders = history.build(plan, demand, catalog)
    order_ids = hex_ids(plan.rng("order ids"), orders.count)
    customer_ids = hex_ids(plan.rng("customer ids"), orders.count)
    paid, mismatches = payments(plan, orders, order_ids)
    review_table, review_truth = reviews.build(plan, orders, catalog, order_ids)
    tables = [
        _orders(plan, orders, order_ids, customer_ids),
        _items(orders, catalog, order_ids),
        *paid,
        review_table,
        _customers(plan, orders, customer_ids),
        *shelves.tables(plan, catalog),
        _manifest(order_ids),
    ]
    truth = {
        "demand": wants.truth(plan, demand),
        "delivery": _delivery_truth(orders),
        "reviews": review_truth,
        "payment_mismatches_brl": mismatches,
    }
    return tables, truth


def _known(moments: Days, plan: Plan) -> Days:
    """The moments that have come by the end of the plan; NaT for the others."""
    return np.where(moments < plan.closing, moments, np.datetime64("NaT", "s"))


def _orders(plan: Plan, orders: Orders, order_ids: list[str], customer_ids: list[str]) -> Table:
    approved, carrier, delivered = (_known(m, plan) for m in (orders.approved, orders.carrier, orders.delivered))
    status = np.select(
        [~np.isnat(delivered), orders.canceled, orders.unavailable, ~np.isnat(carrier), ~np.isnat(approved)],
        ["delivered", "canceled", "unavailable", "shipped", "processing"],
        default="created",
    )
    return Table(
        f"{FOLDER}/olist_orders_dataset.csv",
        {
            "order_id": order_ids,
            "customer_id": customer_ids,
            "order_status": status.tolist(),
            "order_purchase_timestamp": stamps(orders.purchase),
            "order_approved_at": stamps(approved),
            "order_delivered_carrier_date": stamps(carrier),
            "order_delivered_customer_date": stamps(delivered),
            "order_estimated_delivery_date": stamps(orders.estimated),
        },
    )


def _items(orders: Orders, catalog: Catalog, order_ids: list[str]) -> Table:
    """One row per unit; an unavailable order never got items."""
    kept = ~orders.unavailable[orders.unit_order]
    order, product = orders.unit_order[kept], orders.product[kept]
    return Table(
        f"{FOLDER}/olist_order_items_dataset.csv",
        {
            "order_id": pick(order_ids, order),
            "order_item_id": orders.unit_number[kept].tolist(),
            "product_id": pick(catalog.product_ids, product),
            "seller_id": pick(catalog.seller_ids, catalog.seller[product]),
            "shipping_limit_date": stamps(orders.approved[order] + np.timedelta64(6, "D")),
            "price": numbers(orders.price[kept], 2),
            "freight_value": numbers(orders.freight[kept], 2),
        },
    )


def _customers(plan: Plan, orders: Orders, customer_ids: list[str]) -> Table:
    rng = plan.rng("customers")
    people = hex_ids(rng, orders.count)
    zips = shelves.zips(rng, orders.state)
    cities = [
        STATES[state][1][int(draw * len(STATES[state][1]))]
        for state, draw in zip(orders.state, rng.random(orders.count).tolist(), strict=True)
    ]
    return Table(
        f"{FOLDER}/olist_customers_dataset.csv",
        {
            "customer_id": customer_ids,
            "customer_unique_id": pick(people, orders.person),
            "customer_zip_code_prefix": pick(zips, orders.person),
            "customer_city": pick(cities, orders.person),
            "customer_state": pick(orders.state, orders.person),
        },
    )


def _manifest(order_ids: list[str]) -> Table:
    """The twin is no sample: every order counts for time series."""
    columns: dict[str, Column] = {
        "order_id": order_ids,
        "source_samples": ["twin"] * len(order_ids),
        "uniform_sample": [1] * len(order_ids),
    }
    return Table(f"{FOLDER}/sample_manifest.csv", columns)


def _delivery_truth(orders: Orders) -> dict[str, object]:
    """Share of delivered orders that come after the promised day, in all and by state."""
    came = ~np.isnat(orders.delivered)
    late = orders.delivered.astype("datetime64[D]") > orders.estimated
    home = np.array(orders.state)[orders.person]
    share = {state: round(float(late[came & (home == state)].mean()), 4) for state in STATES if (came & (home == state)).any()}
    return {"late_share": round(float(late[came].mean()), 4), "late_share_by_state": share}
