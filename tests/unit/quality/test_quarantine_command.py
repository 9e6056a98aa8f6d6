"""`eco quarantine` from end to end, on the generated bank: personal data stays masked until somebody asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eco_assets.commands.quarantine import app
from eco_assets.platform import Platform

CLIENTS = "financeiro.clients"


@pytest.fixture
def bank(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A bank whose file of clients was refused: the second has a birth number that is none."""
    monkeypatch.setenv("ECO_HOME", str(platform.settings.home))
    monkeypatch.setenv("ECO_DATA", str(platform.settings.data))
    path = platform.settings.data_root / "financeiro/berka/client.asc"
    lines = path.read_text(encoding="utf-8").splitlines()
    client, _, district = lines[2].split(";")
    lines[2] = f"{client};70-13;{district}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    landed = [each for each in platform.ingest("financeiro") if not each.is_accepted]
    assert [each.contract.table for each in landed] == [CLIENTS]
    return platform


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result


def test_a_person_reads_fixes_and_replays_a_refused_file(bank: Platform, tmp_path: Path) -> None:
    (held,) = json.loads(run("list", "--json").output)
    batch = held["batch"][:8]
    assert (held["table"], held["is_whole"], held["rows"], held["status"]) == (CLIENTS, True, 1, "open")

    shown = run("show", batch, "--rows").output
    assert "birth_number=•••" in shown
    assert "70-13" not in shown
    assert "70-13" in run("show", batch, "--rows", "--reveal").output
    assert "70-13" not in run("show", batch, "--rows", "--json").output
    run("export", batch, "--out", str(tmp_path / "out.csv"))
    assert "70-13" not in (tmp_path / "out.csv").read_text(encoding="utf-8")

    assert "still broken" in run("replay", batch, "--by", "Ana", code=1).output
    assert "say --row" in run("fix", batch, "--by", "Ana", code=2).output
    run("fix", batch, "--row", "2", "--set", "birth_number=701301", "--by", "Ana", "--why", "identity card")
    corrections = run("show", batch).output
    assert "identity card" in corrections
    assert "701301" not in corrections
    assert "joined the lake" in run("replay", batch, "--by", "Ana").output

    assert json.loads(run("list", "--json").output) == []
    assert [each["status"] for each in json.loads(run("list", "--all", "--json").output)] == ["replayed"]
    assert all(landed.is_accepted for landed in bank.ingest("financeiro"))
    with bank.lake.raw() as db:
        assert db.execute(f"SELECT birth_number FROM {CLIENTS} WHERE _eco_row = 2").fetchone() == ("701301",)
        published = db.execute("SELECT status, content FROM quarantine.rows").fetchall()
    assert [status for status, _ in published] == ["replayed"]
    assert "701301" not in repr(published)


def test_a_person_gives_a_refused_file_up(bank: Platform) -> None:
    (held,) = json.loads(run("list", "--json").output)

    run("drop", held["batch"], "--by", "Ana", "--why", "not ours")

    assert [each["status"] for each in json.loads(run("list", "--all", "--json").output)] == ["dropped"]
    landed = next(each for each in bank.ingest("financeiro") if each.contract.table == CLIENTS)
    assert landed.is_accepted
    assert "given up by Ana: not ours" in landed.reasons[0]
