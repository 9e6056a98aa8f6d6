"""`eco contracts`: over the repository, and over a history of one contract in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from contract_house import Edit, compatibility, contract, version, with_column, without_column
from typer.testing import CliRunner

from eco_assets.commands import contracts as commands
from eco_assets.contracts.contract import load_contracts
from eco_assets.contracts.versions import History

READERS_OF_ORIGIN = ["dbt stg_comercial__leads", "trace comercial/lead_next_action", "trace comercial/proposal_and_discount"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands.app, list(arguments))


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """The command sees the contract of leads in a folder, and a history in which its first version was released."""
    history = History(tmp_path / "released")
    history.write(contract(tmp_path / "now"))
    monkeypatch.setattr(commands, "History", lambda: history)
    return history


def now(root: Path, monkeypatch: pytest.MonkeyPatch, *edits: Edit) -> None:
    others = [each for each in load_contracts() if each.table != "comercial.leads"]
    changed = contract(root / "now", *edits)
    monkeypatch.setattr(commands, "load_contracts", lambda: (changed,))
    monkeypatch.setattr("eco_assets.lineage.project.load_contracts", lambda: (*others, changed))


def test_check_says_when_all_is_well(tmp_path: Path, released: History, monkeypatch: pytest.MonkeyPatch) -> None:
    now(tmp_path, monkeypatch)
    result = run("check")

    assert result.exit_code == 0
    assert "1 contracts have the version" in result.stdout
    assert told("check") == []


def test_explain_tells_columns_rules_history_and_readers() -> None:
    found = told("explain", "varejo.order_reviews")

    assert found["owner"] == "team:varejo"
    assert {column["name"]: column["rules"] for column in found["columns"]}["review_score"] == ["required", "at least 1", "at most 5"]
    assert found["history"][-1] == {"version": "1.0.0", "level": "first", "changes": []}
    assert {"name": "stg_varejo__reviews", "kind": "dbt"}.items() <= found["consumers"][0].items()
    assert run("explain", "varejo.order_reviews").exit_code == 0


def test_an_unknown_table_is_answered_with_the_known_ones() -> None:
    assert run("explain", "varejo.nothing").exit_code == 1
    assert run("diff", "varejo.orders", "--from", "0.1.0").exit_code == 1


def test_release_wants_one_name_or_all() -> None:
    assert run("release").exit_code == 2
    assert run("release", "varejo.orders", "--all").exit_code == 2


def test_diff_names_the_change_the_version_and_who_reads_what_changed(
    tmp_path: Path, released: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    now(tmp_path, monkeypatch, without_column("origin"), with_column("amount", physicalType="INTEGER"))
    found = told("diff", "comercial.leads")

    assert (found["from"], found["level"]) == ("1.0.0", "major")
    assert [(change["rule"], change["column"]) for change in found["changes"]] == [("column_removed", "origin"), ("column_added", "amount")]
    assert found["readers"]["origin"] == READERS_OF_ORIGIN
    assert "so 2.0.0" in run("diff", "comercial.leads").stdout


def test_release_refuses_a_wrong_version_and_freezes_the_right_one(
    tmp_path: Path, released: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = without_column("origin")
    now(tmp_path, monkeypatch, gone, version("1.1.0"))
    assert run("check").exit_code == 1
    assert run("release", "comercial.leads").exit_code == 1
    assert [str(each.version) for each in released.releases("comercial.leads")] == ["1.0.0"]

    now(tmp_path, monkeypatch, gone, version("2.0.0"), compatibility("2999-01-01", origin="NULL"))
    made = told("release", "--all")
    assert [(each["table"], each["version"]) for each in made] == [("comercial.leads", "2.0.0")]
    assert made[0]["readers"]["origin"] == READERS_OF_ORIGIN
    assert run("check").exit_code == 0
    assert told("release", "--all") == []
