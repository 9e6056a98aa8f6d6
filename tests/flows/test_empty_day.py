"""A corrected file may leave a day without rows: the mart must say so, not serve what was there before."""

from __future__ import annotations

from collections.abc import Callable

from homes import Home

REVIEWS = "varejo/olist/olist_order_reviews_dataset.csv"


def test_a_corrected_file_without_reviews_of_the_week_empties_the_mart_of_the_day(copied_home: Callable[[], Home]) -> None:
    home = copied_home()
    day = home.platform.business_date()
    query = "SELECT count(*) AS n FROM marts.mart_varejo__review_recovery WHERE as_of = $as_of"
    assert home.platform.lake.frame(query, {"as_of": day})["n"][0] > 0
    path = home.data / REVIEWS
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    old = [line for line in lines[1:] if not any(f",{day.year}-{month:02d}-" in line for month in (day.month, day.month - 1))]
    path.write_text("".join([lines[0], *old]), encoding="utf-8")

    outcome = home.run("eco_varejo")

    assert outcome.is_success, outcome.problems
    assert home.platform.lake.frame(query, {"as_of": day})["n"][0] == 0
