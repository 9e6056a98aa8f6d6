"""The dbt project's own unit tests, and builds of a day in either way: one on top of what is there, and all anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from homes import Home

from resources.dbt import run_dbt

MARTS = (
    "mart_varejo__replenishment",
    "mart_varejo__review_recovery",
    "mart_comercial__lead_next_action",
    "mart_industrial__alarm_response",
    "mart_varejo__delivery_recovery",
    "mart_varejo__seller_watch",
    "mart_comercial__account_rescue",
    "mart_comercial__proposal_and_discount",
    "mart_industrial__maintenance_planning",
    "mart_industrial__sensor_trust",
    "mart_agencia__media_anomaly_response",
    "mart_agencia__budget_reallocation",
)


def run(home: Home, *arguments: str, day: date | None = None) -> list[dict[str, object]]:
    anchor = home.platform.business_date()
    days = json.dumps({"as_of": (day or anchor).isoformat(), "anchor": anchor.isoformat()})
    messages, failed = run_dbt(["--quiet", *arguments, "--vars", days], home.platform.lake, home.path / "dbt")
    assert not failed, failed
    return messages


def test_the_unit_tests_of_the_project_pass(copied_home: Callable[[], Home]) -> None:
    told = run(copied_home(), "test", "--select", "test_type:unit")
    names = {str(message["data"]["node_info"]["node_name"]) for message in told}  # type: ignore[index]
    assert len(names) == 6, names


@pytest.mark.parametrize("again", [False, True])
def test_a_day_built_on_top_of_others_has_the_rows_of_one_built_alone(copied_home: Callable[[], Home], again: bool) -> None:
    home = copied_home()
    day = home.platform.business_date() - timedelta(days=3)
    rows = {mart: f"SELECT * FROM marts.{mart} WHERE as_of = DATE '{day}' ORDER BY ALL" for mart in MARTS}
    for _ in range(1 + again):  # on top of the business day, which is there
        run(home, "run", "--select", "path:models/marts", day=day)
    on_top = {mart: home.platform.lake.frame(query) for mart, query in rows.items()}
    run(home, "run", "--full-refresh", day=day)
    for mart, query in rows.items():
        alone = home.platform.lake.frame(query)
        assert len(alone) == len(on_top[mart]) > 0, mart
        assert alone.equals(on_top[mart]), mart
