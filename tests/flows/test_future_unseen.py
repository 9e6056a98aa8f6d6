"""What a day decides on was known at its end: the future is taken out of the lake, and nothing that the day reads may change.

The lake that knows all orders to their end is compared with one cut at a day: later rows are gone, and what happened later to earlier rows
(delivery, review, sale) has not happened. A source that is replayed on the business calendar has no future; it is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pandas as pd
import pytest
from homes import Home

from ml.families import FAMILIES
from resources.dbt import run_dbt

MARTS = (
    *("mart_varejo__replenishment", "mart_varejo__review_recovery", "mart_varejo__delivery_recovery", "mart_varejo__seller_watch"),
    *("mart_comercial__lead_next_action", "mart_comercial__proposal_and_discount", "mart_comercial__account_rescue"),
    "mart_financeiro__payment_mix",
)
LATER = "> DATE '{day}' + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND"
CUTS = (
    "DELETE FROM varejo.order_items WHERE order_id IN (SELECT order_id FROM varejo.orders WHERE order_purchase_timestamp {later})",
    "DELETE FROM varejo.order_payments WHERE order_id IN (SELECT order_id FROM varejo.orders WHERE order_purchase_timestamp {later})",
    "DELETE FROM varejo.order_reviews WHERE review_creation_date {later}",
    "DELETE FROM varejo.orders WHERE order_purchase_timestamp {later}",
    "UPDATE varejo.orders SET order_approved_at = NULL WHERE order_approved_at {later}",
    "UPDATE varejo.orders SET order_delivered_carrier_date = NULL WHERE order_delivered_carrier_date {later}",
    "UPDATE varejo.orders SET order_delivered_customer_date = NULL WHERE order_delivered_customer_date {later}",
    "DELETE FROM comercial.closed_deals WHERE won_date {later}",
    "DELETE FROM comercial.leads WHERE first_contact_date {later}",
    "DELETE FROM comercial.account_sales WHERE shipping_limit_date {later}",
)


def build(home: Home, day: date, anchor: date) -> None:
    days = json.dumps({"as_of": day.isoformat(), "anchor": anchor.isoformat()})
    arguments = ["--quiet", "run", "--select", "path:models/*/varejo", "path:models/*/comercial", "path:models/*/financeiro"]
    _, failed = run_dbt([*arguments, "--vars", days], home.platform.lake, home.path / "dbt")
    assert not failed


def seen(home: Home, day: date) -> dict[str, pd.DataFrame]:
    """Everything that decisions and models of a day read."""
    lake = home.platform.lake
    found = {mart: lake.frame(f"SELECT * FROM marts.{mart} WHERE as_of = $as_of ORDER BY ALL", {"as_of": day}) for mart in MARTS}
    with lake.connect() as db:
        for family in FAMILIES.values():
            if family.agent in ("varejo", "comercial"):
                found[f"{family.name} training"] = family.training_frame(db, day)
                found[f"{family.name} scoring"] = family.scoring_frame(db, day)
    return {name: frame.sort_values(list(frame.columns), ignore_index=True) for name, frame in found.items()}


@pytest.fixture(scope="module")
def day(good_home: Home) -> date:
    return good_home.platform.business_date() - timedelta(days=45)  # promises and reviews of before end after it


def test_the_future_is_not_seen(copied_home: Callable[[], Home], day: date) -> None:
    home = copied_home()
    anchor = home.platform.business_date()
    build(home, day, anchor)
    with_future = seen(home, day)
    home.platform.lake.commit(lambda db: [db.execute(cut.format(later=LATER.format(day=day.isoformat()))) for cut in CUTS], catalogue="raw")
    build(home, day, anchor)
    without = seen(home, day)

    assert len(with_future) > len(MARTS) + 4
    for name, frame in with_future.items():
        pd.testing.assert_frame_equal(frame, without[name], obj=name)
        assert len(frame) or name in ("mart_financeiro__payment_mix",), f"{name} has no row: nothing was compared"


def test_the_cut_takes_something_away_that_a_model_would_like_to_know(copied_home: Callable[[], Home], day: date) -> None:
    home = copied_home()
    later = LATER.format(day=day.isoformat())
    with home.platform.lake.raw() as db:
        for query in (
            f"SELECT count(*) FROM varejo.orders WHERE order_purchase_timestamp {later}",
            f"SELECT count(*) FROM varejo.orders WHERE order_delivered_customer_date {later} AND NOT order_purchase_timestamp {later}",
            f"SELECT count(*) FROM varejo.order_reviews r JOIN varejo.orders USING (order_id) WHERE review_creation_date {later}",
            f"SELECT count(*) FROM comercial.leads WHERE first_contact_date {later}",
        ):
            row = db.execute(query).fetchone()
            assert row is not None
            assert row[0] > 20, query
