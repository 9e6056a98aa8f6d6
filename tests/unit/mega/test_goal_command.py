"""`eco goal`: a text is planned and nothing is written; what is not understood is an exit code of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mega_records import DAY, decision, entry
from typer.testing import CliRunner

from eco_assets.cli import app
from eco_assets.ledger import Ledger
from eco_assets.mcp.mega.standing import resolve_day


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ECO_DATA", raising=False)
    made = [
        decision("agencia.campaign_targeting.ligar_para_publico", "telefone:c", 700.0, 360.0, channel="telefone"),
        decision("agencia.budget_reallocation.reduzir_verba", "telefone:c", 20.0, 3.0, channel="telefone"),
    ]
    Ledger(tmp_path / "home" / "ledger.db").append(entry(each) for each in made)
    return tmp_path / "home"


def test_a_text_is_planned_as_json_and_nothing_is_written(home: Path) -> None:
    head = Ledger(home / "ledger.db").head()
    found = CliRunner().invoke(app, ["goal", "cortar custo de mídia em 10 %", "--day", DAY, "--json"])
    assert found.exit_code == 0, found.output
    made = json.loads(found.stdout)
    assert made["goals"][0]["goal"]["parameters"] == {"percentual": 0.1}
    assert made["orders"]["capacities"] == {"media_brl": 324.0}
    assert {each["point"] for each in made["resolved"]} == {"campaign_targeting"}
    assert Ledger(home / "ledger.db").head() == head


def test_a_plan_for_people_names_agents_and_says_that_nothing_was_carried_out(home: Path) -> None:
    found = CliRunner().invoke(app, ["goal", "reduzir atrasos em SP", "--day", DAY])
    assert found.exit_code == 0, found.output
    assert "varejo/delivery_recovery" in found.output
    assert "nothing was carried out" in found.output


def test_what_is_not_understood_fails_with_what_is_known(home: Path) -> None:
    found = CliRunner().invoke(app, ["goal", "fazer café", "--day", DAY])
    assert found.exit_code == 1
    assert "cortar custo de mídia em 10 %" in found.output


def test_goals_are_listed_and_explained_and_so_is_a_decision(home: Path) -> None:
    listed = CliRunner().invoke(app, ["goal", "list", "--json"])
    assert {each["id"] for each in json.loads(listed.stdout) if each["is_active"]} >= {"reduzir_atrasos"}
    explained = CliRunner().invoke(app, ["goal", "explain", "reduzir_atrasos", "--json"])
    assert len(json.loads(explained.stdout)["tasks"]) == 3
    (lost,) = resolve_day(Ledger(home / "ledger.db"), DAY)
    told = CliRunner().invoke(app, ["goal", "explain", lost["decision_id"][:10]])
    assert "superseded (campanha_e_verba)" in told.output
