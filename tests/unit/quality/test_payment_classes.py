"""Classes of orders that are not paid what they cost, with figures that were made to belong to each."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from eco_assets.aurion.quality.payments import ORDERS_THAT_SHARE, Difference, explain, factor, implied_rate, shared_rates

RATE = 0.0229


def shop(*orders: tuple[str, str, float | None, int, list[tuple[str, int, float]]]) -> duckdb.DuckDBPyConnection:
    """Tables of (order, status, price or None without items, number of items, payments by type, instalments and value)."""
    db = duckdb.connect()
    db.execute("CREATE SCHEMA varejo")
    db.execute("CREATE TABLE varejo.orders (order_id VARCHAR, order_status VARCHAR)")
    db.execute("CREATE TABLE varejo.order_items (order_id VARCHAR, price DECIMAL(12,2), freight_value DECIMAL(12,2))")
    db.execute(
        "CREATE TABLE varejo.order_payments (order_id VARCHAR, payment_sequential INTEGER, payment_type VARCHAR,"
        " payment_installments INTEGER, payment_value DECIMAL(12,2))"
    )
    for order, status, price, items, payments in orders:
        db.execute("INSERT INTO varejo.orders VALUES (?, ?)", [order, status])
        for _ in range(items if price is not None else 0):
            db.execute("INSERT INTO varejo.order_items VALUES (?, ?, 0)", [order, price])
        for number, (kind, instalments, value) in enumerate(payments, 1):
            db.execute("INSERT INTO varejo.order_payments VALUES (?, ?, ?, ?, ?)", [order, number, kind, instalments, round(value, 2)])
    return db


def with_interest(count: int, rate: float = RATE) -> list[tuple[str, str, float | None, int, list[tuple[str, int, float]]]]:
    """Orders of different prices and plans that bear one rate."""
    found = []
    for number in range(count):
        price, plan = 50.0 + 37 * number, 3 + number % 8
        found.append((f"interest{number}", "delivered", price, 1, [("credit_card", plan, price * factor(rate, plan))]))
    return found


def kinds(db: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return {each.order_id: each.kind for each in explain(db)}


def test_orders_that_are_paid_to_two_cents_are_not_listed() -> None:
    assert kinds(shop(("a", "delivered", 10.0, 1, [("boleto", 1, 10.02)]), ("b", "delivered", 10.0, 2, [("boleto", 1, 20.0)]))) == {}


def test_orders_with_one_side_only_are_named_as_that() -> None:
    found = kinds(shop(("a", "unavailable", None, 0, [("boleto", 1, 10.0)]), ("b", "delivered", 10.0, 1, [])))

    assert found == {"a": "no_items", "b": "no_payment"}


def test_a_rate_that_orders_share_is_found_in_the_data_and_explains_them() -> None:
    found = explain(shop(*with_interest(8)))

    assert {each.kind for each in found} == {"instalment_interest"}
    assert {round(100 * (each.monthly_rate or 0), 2) for each in found} == {2.29}


def test_another_shop_has_another_rate() -> None:
    found = explain(shop(*with_interest(8, rate=0.031)))

    assert {round(100 * (each.monthly_rate or 0), 2) for each in found} == {3.1}


def test_fewer_orders_than_needed_share_no_rate() -> None:
    found = explain(shop(*with_interest(ORDERS_THAT_SHARE - 1)))

    assert {each.kind for each in found} == {"instalment_surcharge"}


def test_interest_of_another_plan_and_on_one_of_two_payments_is_told_apart() -> None:
    other = ("other", "delivered", 200.0, 1, [("credit_card", 4, 200 * factor(RATE, 10))])
    split = ("split", "delivered", 200.0, 1, [("credit_card", 1, 80.0), ("credit_card", 6, 120 * factor(RATE, 6))])
    found = {each.order_id: each for each in explain(shop(*with_interest(8), other, split))}

    assert (found["other"].kind, found["other"].plan) == ("instalment_interest_other_plan", 10)
    assert (found["split"].kind, found["split"].plan) == ("interest_on_one_payment", 6)


@pytest.mark.parametrize(
    ("paid", "items", "plan", "kind"),
    [(209.9, 1, 1, "paid_more"), (203.3, 1, 5, "instalment_surcharge"), (150.0, 1, 5, "paid_less"), (2009.95, 10, 1, "paid_more")],
)
def test_what_nothing_explains_is_called_by_what_it_is(paid: float, items: int, plan: int, kind: str) -> None:
    order = ("x", "delivered", 200.0, items, [("credit_card", plan, paid)])

    assert kinds(shop(*with_interest(8), order))["x"] == kind


def test_half_a_cent_an_item_is_rounding() -> None:
    order = ("x", "delivered", 10.0, 21, [("credit_card", 1, 210.1)])

    assert kinds(shop(order)) == {"x": "rounding"}


def test_the_implied_rate_is_that_of_the_annuity() -> None:
    assert implied_rate(100.0, 100 * factor(RATE, 10), 10) == pytest.approx(RATE, abs=1e-5)
    # 12 instalments of 9.46 on 100 are 2 % a month: 100 = 9.46 / 1.02 + ... + 9.46 / 1.02^12.
    assert factor(0.02, 12) == pytest.approx(12 * 0.0946, abs=1e-3)


def test_two_rates_are_told_apart() -> None:
    base = Difference("x", "delivered", 0.0, 0.0, 1, 1, 0, is_card=True, parts=())
    orders = [
        replace(base, order_id=f"{rate}-{plan}", due=100.0 * plan, paid=round(100 * plan * factor(rate, plan), 2), instalments=plan)
        for rate in (0.0169, 0.0229)
        for plan in range(3, 10)
    ]

    assert sorted(round(rate, 4) for rate in shared_rates(orders)) == [0.0169, 0.0229]
