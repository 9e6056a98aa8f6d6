"""The twin's data against its own truth: what was planted is there, and a model could find it but not read it off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from eco_assets.twin import generate

OLIST = "varejo/olist"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("twin")
    generate(folder, scale=0.5)
    return folder


@pytest.fixture(scope="module")
def truth(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "_truth.json").read_text(encoding="utf-8"))
    return content


def rows(query: str) -> list[tuple[Any, ...]]:
    return duckdb.sql(query).fetchall()


def differences(root: Path) -> dict[str, float]:
    """Paid less due, in BRL, by order with items, where it is a cent or more."""
    found = rows(f"""
        WITH due AS (SELECT order_id, sum(price + freight_value) AS brl FROM '{root}/{OLIST}/olist_order_items_dataset.csv' GROUP BY 1),
        paid AS (SELECT order_id, sum(payment_value) AS brl FROM '{root}/{OLIST}/olist_order_payments_dataset.csv' GROUP BY 1)
        SELECT order_id, round(paid.brl - due.brl, 2) FROM due JOIN paid USING (order_id) WHERE abs(paid.brl - due.brl) > 0.005""")
    return dict(found)


def test_payments_equal_price_plus_freight_but_for_the_planted_orders(root: Path, truth: dict[str, Any]) -> None:
    planted = truth["varejo"]["payment_mismatches_brl"]
    ((orders,),) = rows(f"SELECT count(DISTINCT order_id) FROM '{root}/{OLIST}/olist_order_items_dataset.csv'")
    assert planted
    assert len(planted) < 0.01 * orders
    assert differences(root) == pytest.approx(planted)


def test_the_bank_holds_the_same_payments_as_the_shop(root: Path) -> None:
    bank = f"{root}/financeiro/olist_payments/olist_order_payments_dataset.parquet"
    shop = f"{root}/{OLIST}/olist_order_payments_dataset.csv"
    assert rows(f"SELECT * FROM '{bank}' ORDER BY ALL") == rows(f"SELECT * FROM '{shop}' ORDER BY ALL")


def test_units_sold_follow_the_true_demand(root: Path, truth: dict[str, Any]) -> None:
    demand = truth["varejo"]["demand"]
    sold = dict(
        rows(f"""SELECT product_category_name, count(*) FROM '{root}/{OLIST}/olist_order_items_dataset.csv'
                 JOIN '{root}/{OLIST}/olist_products_dataset.csv' USING (product_id) GROUP BY 1""")
    )
    means = {slug: sum(units[: truth["plan"]["days"]]) for slug, units in demand["mean_units_per_day"].items()}
    assert sold.keys() == means.keys()
    for slug, mean in means.items():
        assert sold[slug] == pytest.approx(mean, rel=0.25)
    assert sum(sold.values()) == pytest.approx(sum(means.values()), rel=0.05)
    assert len(demand["days"]) > truth["plan"]["days"], "an oracle needs the means of the days after the end"


def test_late_parcels_get_worse_scores(root: Path) -> None:
    late = dict(
        rows(f"""SELECT order_delivered_customer_date::DATE > order_estimated_delivery_date::DATE, avg(review_score)
                 FROM '{root}/{OLIST}/olist_order_reviews_dataset.csv' JOIN '{root}/{OLIST}/olist_orders_dataset.csv' USING (order_id)
                 WHERE order_status = 'delivered' GROUP BY 1""")
    )
    assert late[False] > 4.0
    assert late[True] < 3.2


def test_no_phrase_belongs_to_one_side_alone(root: Path) -> None:
    """The word "recomendo" is in praise and in complaint, so a text classifier has to weigh, not to look up."""
    found = dict(
        rows(f"""SELECT review_score <= 2, count(*) FROM '{root}/{OLIST}/olist_order_reviews_dataset.csv'
                 WHERE review_comment_message ILIKE '%recomendo%' GROUP BY 1""")
    )
    assert min(found.values()) >= 5
    ((share,),) = rows(f"SELECT avg((review_comment_message IS NOT NULL)::INT) FROM '{root}/{OLIST}/olist_order_reviews_dataset.csv'")
    assert 0.35 < share < 0.55


def test_every_lead_has_a_true_probability_and_won_leads_are_likelier(root: Path, truth: dict[str, Any]) -> None:
    probability = truth["comercial"]["probability_by_lead"]
    leads = [mql for (mql,) in rows(f"SELECT mql_id FROM '{root}/comercial/olist_funnel/olist_marketing_qualified_leads_dataset.csv'")]
    won = [mql for (mql,) in rows(f"SELECT mql_id FROM '{root}/comercial/olist_funnel/olist_closed_deals_dataset.csv'")]
    assert set(leads) == set(probability)
    assert set(won) <= set(truth["comercial"]["won_leads"])
    assert 0.05 < len(won) / len(leads) < 0.16
    assert sum(map(probability.get, won)) / len(won) > 1.3 * sum(probability.values()) / len(probability)


def test_pumps_are_normal_at_first_and_labelled_in_their_fault_window(root: Path, truth: dict[str, Any]) -> None:
    for path, window in truth["industrial"]["pump_faults"].items():
        labels = rows(f"SELECT datetime, anomaly FROM read_csv('{root / path}', delim=';', all_varchar=true) ORDER BY 1")
        faulty = [moment for moment, anomaly in labels if anomaly == "1.0"]
        assert all(anomaly == "0.0" for _, anomaly in labels[:400])
        assert 600 <= len(labels) <= 1_100
        assert (faulty[0], faulty[-1]) == (window["first"], window["last"]) if window else not faulty


def test_the_thermometer_has_three_faults_inside_its_sixty_days(root: Path, truth: dict[str, Any]) -> None:
    path = root / "industrial/nab/data/realKnownCause/machine_temperature_system_failure.csv"
    ((first, last),) = rows(f"SELECT min(timestamp)::VARCHAR, max(timestamp)::VARCHAR FROM '{path}'")
    faults = truth["industrial"]["thermometer_faults"]
    assert len(faults) == 3
    assert all(first < fault["first"] < fault["last"] <= last for fault in faults)


def test_the_arms_of_the_e_mail_test_are_even_and_their_uplift_differs_by_segment(root: Path, truth: dict[str, Any]) -> None:
    arms = rows(f"SELECT segment, count(*), avg(visit) FROM '{root}/agencia/hillstrom/hillstrom.csv' GROUP BY 1")
    total = sum(count for _, count, _ in arms)
    assert all(0.28 < count / total < 0.39 for _, count, _ in arms)
    uplift = truth["agencia"]["email_uplift"]
    assert uplift["mens"]["Mens E-Mail"]["visit"] > 2 * uplift["mens"]["Womens E-Mail"]["visit"]
    assert uplift["womens"]["Womens E-Mail"]["visit"] > uplift["womens"]["Mens E-Mail"]["visit"]


def test_calls_end_in_the_last_month_and_students_buy_more_than_workers(root: Path, truth: dict[str, Any]) -> None:
    calls = rows(f"SELECT month FROM read_csv('{root}/agencia/bank_marketing/bank-additional-full.csv', delim=';')")
    assert calls[-1] == ("oct",)
    jobs = truth["agencia_calls"]["mean_probability_by_job"]
    assert jobs["student"] > 2 * jobs["blue-collar"]
