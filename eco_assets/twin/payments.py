"""Draws what was paid for each order, and plants the few orders whose payments do not add up.

Belongs here: payments as the shop and the bank hold them. Stays out: refunds, which neither file has.
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin.orders import Orders
from eco_assets.twin.plan import Flags, Ints, Plan
from eco_assets.twin.tables import Table, fixed, pick

MISMATCHED = 0.0027  # share of orders, as measured in the real files
SPLIT = 0.04  # share of orders paid with a voucher first and a card for the rest
INSTALMENTS = (0.42, 0.16, 0.12, 0.09, 0.06, 0.05, 0.02, 0.03, 0.01, 0.04)  # 1 to 10


def payments(plan: Plan, orders: Orders, order_ids: list[str]) -> tuple[list[Table], dict[str, float]]:
    """The shop's and the bank's payments (equal rows), and the planted differences in BRL by order id."""
    rng = plan.rng("payments")
    cents = np.rint(np.bincount(orders.unit_order, (orders.price + orders.freight) * 100, orders.count)).astype(np.int64)
    wrong = np.flatnonzero((rng.random(orders.count) < MISMATCHED) & ~orders.unavailable)
    off = np.where(rng.random(wrong.size) < 0.5, rng.integers(3, 100, wrong.size), rng.integers(100, 2_500, wrong.size))
    off *= rng.choice([-1, 1], wrong.size)
    paid = cents.copy()
    paid[wrong] = np.maximum(paid[wrong] + off, 1)
    order, sequential, kind, value = _rows(rng, orders.boleto, paid)
    instalments = np.where(kind == 0, rng.choice(len(INSTALMENTS), order.size, p=INSTALMENTS) + 1, 1)
    columns: dict[str, list[object]] = {
        "order_id": list(pick(order_ids, order)),
        "payment_sequential": sequential.tolist(),
        "payment_type": list(pick(("credit_card", "boleto", "voucher", "debit_card"), kind)),
        "payment_installments": instalments.tolist(),
    }
    brl = value / 100.0
    shop = Table("varejo/olist/olist_order_payments_dataset.csv", {**columns, "payment_value": fixed(brl)})
    bank = Table("financeiro/olist_payments/olist_order_payments_dataset.parquet", {**columns, "payment_value": brl.tolist()})
    differences = {order_ids[at]: round(int(paid[at] - cents[at]) / 100, 2) for at in wrong.tolist()}
    return [shop, bank], differences


def _rows(rng: np.random.Generator, boleto: Flags, paid: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Order index, position from 1, kind and cents of each payment; kinds: card 0, boleto 1, voucher 2, debit 3."""
    count = paid.size
    draw = rng.random(count)
    is_split = ~boleto & (draw < SPLIT) & (paid > 200)
    voucher_only, debit = ~boleto & (draw > 0.98), ~boleto & (draw > 0.96) & (draw <= 0.98)
    kind = np.select([boleto, voucher_only, debit], [1, 2, 3], default=0)
    voucher = np.where(is_split, np.maximum(1, (paid * rng.uniform(0.1, 0.7, count)).astype(np.int64)), 0)
    size = 1 + is_split.astype(np.int64)
    order = np.repeat(np.arange(count), size)
    sequential = np.arange(order.size) - np.repeat(np.cumsum(size) - size, size) + 1
    is_voucher = (sequential == 1) & is_split[order]
    value = np.where(is_voucher, voucher[order], (paid - voucher)[order])
    return order, sequential, np.where(is_voucher, 2, kind[order]), value
