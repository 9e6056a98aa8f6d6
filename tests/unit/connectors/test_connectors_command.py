"""`eco connectors`, on the generic REST connector and the suite's shop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from conformance import SECRET, WRONG_SECRET, HttpSource, rows_from
from typer.testing import CliRunner, Result

from eco_assets.aurion.connections import read_connection
from eco_assets.commands.connectors import app


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpSource]:
    monkeypatch.setenv("ECO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    with HttpSource() as source:
        source.write([{**row, "email": f"{row['id']}@x.example"} for row in rows_from(1, 30)])  # type: ignore[typeddict-unknown-key]
        yield source


@pytest.fixture
def config(shop: HttpSource, tmp_path: Path) -> Path:
    items = {
        "path": "items",
        "data": "items",
        "paging": {"type": "page_number", "base_page": 1, "total_path": "total_pages"},
        "key": ["id"],
        "cursor": {"field": "updated_at", "params": {"updated_since": "{from}"}, "is_ordered": True},
        "fields": {"id": "bigint", "name": "text", "email": "text", "amount": "decimal(12,2)", "updated_at": "timestamptz"},
    }
    auth = {"type": "bearer", "token": "${SHOP_TOKEN}"}
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"base_url": shop.url, "auth": auth, "streams": {"items": items}}), encoding="utf-8")
    return path


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    assert SECRET not in result.output and WRONG_SECRET not in result.output
    return result


def told(*arguments: str | Path) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_the_count_by_level_comes_from_the_evidence() -> None:
    counts = told("list", "--level", "2", "--count")
    assert counts["all"] >= 150
    assert counts["all"] == len(told("list", "--level", "2"))
    assert told("list", "--level", "2", "--runtime", "native", "--count")["all"] == counts["native"]


def test_a_connector_shows_what_it_takes_and_what_its_level_stands_on() -> None:
    found = told("show", "airbyte-auth0")
    assert found["pin"].startswith("airbyte-source-auth0==")
    assert "credentials" in found["schema"]["properties"]
    assert [one["level"] for one in found["evidence"]][:2] == [1, 2]
    assert "credentials" in run("show", "airbyte-auth0").stdout


def test_an_unknown_connector_is_an_error_that_says_what_is_near() -> None:
    assert "airbyte-auth0" in run("show", "airbyte-auth", code=1).output


def test_check_and_discover_a_source(config: Path) -> None:
    assert "let in" in run("check", "rest", "--config", config).stdout
    [stream] = told("discover", "rest", "--config", config)
    assert (stream["stream"], stream["key"], stream["cursor"]) == ("items", "id", "updated_at")


def test_wrong_credentials_end_with_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", WRONG_SECRET)
    run("check", "rest", "--config", config, code=1)


def test_a_variable_that_is_missing_ends_with_two(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_TOKEN")
    run("check", "rest", "--config", config, code=2)


def test_rows_are_printed_with_personal_data_masked_and_written_whole(config: Path, tmp_path: Path) -> None:
    shown = run("read", "rest", "--config", config, "--limit", "3").stdout
    assert "row 3" in shown and "row 4" not in shown
    assert "@x.example" not in shown and "***" in shown
    run("read", "rest", "--config", config, "--stream", "items", "--out", tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "items.parquet")
    assert rows.num_rows == 30
    assert rows["email"][0].as_py() == "1@x.example"


def test_an_unknown_stream_is_named(config: Path) -> None:
    run("read", "rest", "--config", config, "--stream", "nothing", code=2)


def test_add_writes_a_connection_that_can_be_checked_and_read(config: Path, shop: HttpSource, tmp_path: Path) -> None:
    assert "1 draft contract" in run("add", "rest", "--as", "loja", "--config", config, "--domain", "varejo").stdout
    made = read_connection(tmp_path / "home" / "connections", "loja")
    assert made.config["auth"] == {"type": "bearer", "token": "${SHOP_TOKEN}"}
    [(_, contract)] = made.contracts()
    assert (contract.table, contract.load_mode, contract.key) == ("varejo.items", "upsert", ("id",))
    assert {column.name for column in contract.columns if column.is_personal} == {"email"}
    run("check", "loja")
    assert "row 1" in run("read", "loja", "--limit", "1").stdout


def test_add_with_a_secret_in_the_file_says_which_variable_to_set(config: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.yaml"
    plain.write_text(config.read_text(encoding="utf-8").replace("${SHOP_TOKEN}", SECRET), encoding="utf-8")
    assert "Set LOJA_AUTH_TOKEN" in run("add", "rest", "--as", "loja", "--config", plain, "--domain", "varejo").stdout
