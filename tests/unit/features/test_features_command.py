"""`eco features`: what people and programs see of the store."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from feature_house import fill
from typer.testing import CliRunner, Result

from eco_assets.commands.features import app
from eco_assets.lake import Lake
from eco_assets.settings import Settings

DAYS = [date(2026, 10, 30), date(2026, 10, 31)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the audiences of two days and the context of one review."""
    lake = Lake(tmp_path_factory.mktemp("filled") / "lake", wait_s=20)
    real = {name: pa.array([0.25, 0.5]) for name in ("base_rate", "uplift_mens_brl", "uplift_womens_brl", "uplift_error_brl", "cpc_ratio")}
    audience = {"as_of": DAYS, "audience_id": ["email:a"] * 2, "channel": ["email"] * 2, "customers": pa.array([10, 20], pa.int64())}
    fill(lake, pa.table({**audience, **real}), "marts.mart_agencia__campaign_targeting")
    review = {"review_id": ["r1"], "order_id": ["o1"], "created_at": pa.array([1793412000000000], pa.timestamp("us"))}
    known = {"days_late": pa.array([3], pa.int32()), "order_value_brl": [99.9], "category": ["livros"], "customer_state": ["SP"]}
    fill(lake, pa.table({**review, **known}), "features.feat_varejo__review_context")
    return lake.root


@pytest.fixture(autouse=True)
def home(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with a copy of that lake."""
    home = tmp_path / "home"
    shutil.copytree(filled, Settings(home=home).lake)
    for name in ("ECO_REDIS_URL", "ECO_LAKE_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ECO_HOME", str(home))
    monkeypatch.setenv("ECO_DATA", str(tmp_path))
    return home


def eco(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == exit_code, result.output
    return result


def told(*arguments: str, exit_code: int = 0) -> Any:
    return json.loads(eco(*arguments, "--json", exit_code=exit_code).stdout)


def test_a_view_goes_from_declared_to_materialized_to_served_to_compared() -> None:
    assert {row["view"]: row["rows"] for row in told("list")}["audience"] == 0
    [done] = told("materialize", "audience", "--date", "2026-10-31")
    assert (done["written"], done["rows"]) == (1, 1)

    found = told("get", "audience", "email:a")

    assert found["at"] == "2026-11-01T03:00:00+00:00"
    assert found["rows"][0]["values"]["customers"] == 20
    assert found["rows"][0]["statuses"]["customers"] == "present"
    [compared] = told("parity", "audience")
    assert (compared["is_equal"], compared["checked"]) == (True, 1)
    shown = told("show", "audience")
    assert (shown["rows"], shown["online"]["kind"], shown["declaration"]["ttl"]) == (1, "sqlite", "P3D")


def test_people_get_tables(home: Path) -> None:
    eco("materialize", "audience", "--date", "2026-10-31")

    assert "9 views, served by sqlite" in eco("list").stdout
    assert "Good for 3 days" in eco("show", "audience").stdout
    assert "present" in eco("get", "audience", "email:a").stdout
    assert "mismatches" in eco("parity", "audience").stdout


def test_a_key_that_is_missing_or_too_old_ends_with_1() -> None:
    eco("materialize", "audience", "--date", "2026-10-31")

    assert [row["status"] for row in told("get", "audience", "email:a", "email:b", exit_code=1)["rows"]] == ["present", "missing"]
    assert told("get", "audience", "email:a", "--at", "2026-12-31T00:00:00-03:00", exit_code=1)["rows"][0]["status"] == "expired"


def test_a_key_of_several_columns_is_given_by_name() -> None:
    eco("materialize", "order_review", "--date", "2026-10-31")

    assert told("get", "order_review", "review_id=r1,order_id=o1")["rows"][0]["values"]["days_late"] == 3
    assert "review_id=...,order_id=..." in eco("get", "order_review", "r1", exit_code=2).output


def test_a_difference_ends_with_1_and_is_named(home: Path) -> None:
    eco("materialize", "audience", "--date", "2026-10-31")
    lake = Lake(home / "lake", wait_s=20)
    lake.commit(lambda db: db.execute("UPDATE marts.mart_agencia__campaign_targeting SET customers = 21 WHERE as_of = DATE '2026-10-31'"))

    assert "customers is 20 online and 21 in the lake" in eco("parity", "audience", exit_code=1).output


def test_past_days_are_written_into_the_lake(home: Path) -> None:
    assert told("backfill", "audience", "--from", "2026-10-30", "--to", "2026-10-31") == {"2026-10-30": 1, "2026-10-31": 1}

    with Lake(home / "lake", wait_s=20).connect() as db:
        assert db.execute("SELECT as_of, customers FROM feature_store.audience ORDER BY 1").fetchall() == [(DAYS[0], 10), (DAYS[1], 20)]


def test_what_is_wrong_is_said_in_a_line() -> None:
    assert "no feature view 'audiences'; the known ones are audience" in eco("show", "audiences", exit_code=1).output
    assert "was never materialized" in eco("get", "audience", "email:a", exit_code=1).output
    assert "is not in the lake yet" in eco("materialize", "pump", "--date", "2026-10-31", exit_code=1).output
    eco("materialize", "audience", "--date", "2026-10-31")
    assert "carries no time zone" in eco("get", "audience", "email:a", "--at", "2026-10-31", exit_code=2).output


def test_a_redis_that_is_named_is_asked_and_its_password_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO_REDIS_URL", "redis://:segredo@127.0.0.1:1/0")

    output = eco("list", exit_code=1).output

    assert "redis://127.0.0.1:1/0 does not answer" in output
    assert "segredo" not in output
    assert "segredo" not in repr(Settings.from_env())
