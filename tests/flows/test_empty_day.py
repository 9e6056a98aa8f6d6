"""A corrected file may leave a day without rows: the mart must say so, not serve what was there before."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta

from homes import Home

REVIEWS = "varejo/olist/olist_order_reviews_dataset.csv"


def test_a_corrected_file_without_reviews_of_the_week_empties_the_mart_of_the_day(copied_home: Callable[[], Home]) -> None:
    home = copied_home()
    day = home.platform.business_date()
    query = "SELECT count(*) AS n FROM marts.mart_varejo__review_recovery WHERE as_of = $as_of"
    assert home.platform.lake.frame(query, {"as_of": day})["n"][0] > 0
    path = home.data / REVIEWS
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    created = header.index("review_creation_date")
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *(row for row in rows if row[created] < f"{day - timedelta(days=20)}")])

    outcome = home.run("eco_varejo")

    assert outcome.is_success, outcome.problems
    assert home.platform.lake.frame(query, {"as_of": day})["n"][0] == 0
