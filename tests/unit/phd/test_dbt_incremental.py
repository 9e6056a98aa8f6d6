"""What dbt keeps of an earlier build is what a build of everything would make: day by day, with late and with corrected rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from eco_assets.platform import Platform
from eco_assets.settings import Settings
from resources.dbt import run_dbt

LEADS, DEALS = "olist_marketing_qualified_leads_dataset.csv", "olist_closed_deals_dataset.csv"
COMERCIAL = ("features.feat_comercial__lead_history", "marts.mart_comercial__lead_next_action")
VAREJO = ("features.feat_varejo__order_risk", "features.feat_varejo__review_context", "marts.mart_varejo__replenishment")


@dataclass(frozen=True)
class Home:
    """A home with data and dbt's tables, and nothing that a run of Dagster would add."""

    path: Path

    @property
    def platform(self) -> Platform:
        return Platform(Settings(home=self.path, twin_scale=0.1))

    @property
    def data(self) -> Path:
        return self.path / "twin"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("dbt") / "home")
    for domain in ("varejo", "comercial"):
        home.platform.ingest(domain)
    build(home, ["varejo", "comercial"], home.platform.business_date())
    return home


@pytest.fixture
def copied(built: Home, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(built.path, tmp_path / "home")))


@pytest.fixture
def day(built: Home) -> date:
    return built.platform.business_date()


def build(home: Home, agents: Iterable[str], day: date, *more: str, layer: str = "*") -> dict[str, str]:
    """Build some agents' models as of a day that is also the data's last; returns what dbt says of each."""
    days = json.dumps({"as_of": day.isoformat(), "anchor": day.isoformat()})
    select = [word for agent in agents for word in ("--select", f"path:models/{layer}/{agent}")]
    messages, failed = run_dbt(["--quiet", "run", *select, *more, "--vars", days], home.platform.lake, home.path / "dbt")
    assert not failed, failed
    results = json.loads((home.path / "dbt" / "run_results.json").read_text(encoding="utf-8"))["results"]
    assert messages
    return {each["unique_id"].split(".")[-1]: str(each["message"]) for each in results}


def rows(home: Home, tables: Iterable[str]) -> dict[str, pd.DataFrame]:
    return {table: home.platform.lake.frame(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}


def same(found: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame]) -> None:
    for table, frame in wanted.items():
        assert len(frame), table
        pd.testing.assert_frame_equal(found[table], frame, check_exact=True, obj=table)


def source(home: Home, name: str) -> Path:
    return next(home.data.rglob(name))


def rewritten(home: Home, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Deliver a file again with other rows."""
    path = source(home, name)
    change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(path, index=False)


def test_day_by_day_is_all_at_once(copied: Home, day: date) -> None:
    whole = {name: pd.read_csv(source(copied, name), dtype=str, keep_default_na=False) for name in (LEADS, DEALS)}
    began = {LEADS: "first_contact_date", DEALS: "won_date"}
    for back in (2, 1, 0):
        until = day - timedelta(days=back)
        for name, frame in whole.items():
            frame[frame[began[name]].str[:10] <= until.isoformat()].to_csv(source(copied, name), index=False)
        assert not [each for each in copied.platform.ingest("comercial") if each.quarantined]
        build(copied, ["comercial"], until)
    by_day = rows(copied, COMERCIAL)
    assert by_day[COMERCIAL[1]]["as_of"].nunique() >= 3
    copied.platform.lake.commit(lambda db: db.execute(f"DROP TABLE {COMERCIAL[1]}"))
    for back in (2, 1, 0):  # the days of the mart, each from all rows; features all anew
        build(copied, ["comercial"], day - timedelta(days=back))
    build(copied, ["comercial"], day, "--full-refresh", layer="features")
    same(by_day, rows(copied, COMERCIAL))


def test_what_did_not_change_is_kept_and_what_did_is_made_anew(copied: Home, day: date) -> None:
    told = build(copied, ["comercial", "varejo"], day)
    kept = {name for name, message in told.items() if message == "UNCHANGED"}
    assert {"stg_comercial__leads", "feat_comercial__lead_history", "feat_varejo__order_risk"} <= kept
    assert not [name for name in kept if name.startswith("mart_")]

    rewritten(copied, LEADS, lambda leads: leads.assign(origin=["email", *leads["origin"][1:]]))
    copied.platform.ingest("comercial")
    told = build(copied, ["comercial", "varejo"], day)
    assert (told["stg_comercial__leads"], told["feat_varejo__order_risk"]) == ("UNCHANGED", "UNCHANGED")
    assert told["feat_comercial__lead_history"] != "UNCHANGED"

    told = build(copied, ["varejo"], day + timedelta(days=1))  # an outcome may be known now that was not
    assert told["feat_varejo__order_risk"] != "UNCHANGED"


def test_late_corrected_and_removed_rows_are_in_the_features(copied: Home, day: date) -> None:
    rewritten(copied, "olist_order_reviews_dataset.csv", lambda each: each.assign(review_score=["5", *each["review_score"][1:]]).iloc[:-3])
    rewritten(copied, "olist_orders_dataset.csv", lambda each: each.iloc[5:])  # late: they come below
    copied.platform.ingest("varejo")
    build(copied, ["varejo"], day)
    rewritten(copied, "olist_orders_dataset.csv", lambda each: pd.concat([each, _first(copied, 5, each)]))
    copied.platform.ingest("varejo")
    copied.platform.lake.commit(  # as a connection does: no file is replaced, keys are
        lambda db: db.execute("UPDATE varejo.order_payments SET payment_type = 'boleto' WHERE _eco_row <= 7"), catalogue="raw"
    )
    build(copied, ["varejo"], day)
    found = rows(copied, VAREJO)
    build(copied, ["varejo"], day, "--full-refresh")
    alone = rows(copied, VAREJO)
    same(found | {VAREJO[2]: _of(found[VAREJO[2]], day)}, alone)


def _first(home: Home, count: int, like: pd.DataFrame) -> pd.DataFrame:
    """Orders that were left out, as new ones of the same customers."""
    return like.iloc[:count].assign(order_id=[f"{number:032x}" for number in range(count)])


def _of(mart: pd.DataFrame, day: date) -> pd.DataFrame:
    return mart[pd.to_datetime(mart["as_of"]).dt.date == day].reset_index(drop=True)


def test_a_kill_between_a_table_and_its_mark_makes_it_again(copied: Home, day: date) -> None:
    build(copied, ["comercial"], day)
    copied.platform.lake.commit(lambda db: db.execute(f"COMMENT ON TABLE {COMERCIAL[0]} IS NULL"))
    assert build(copied, ["comercial"], day)["feat_comercial__lead_history"] != "UNCHANGED"
