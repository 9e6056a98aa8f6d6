"""`eco knowledge` as people use it, on a real home and on the emulated Notion: what each command does, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eco_assets.cli import app
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.documents.tree import Document, Paragraph
from notion_sync.testing.server import TOKEN, NotionEmulator
from notion_sync.testing.wire import MinuteClock
from notion_sync.webhooks import Handshake
from notion_sync.workspaces.limiter import Limiter

NOTE = "notas/um.md"


class Home:
    """An installation, and the command on it."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.environment = {"ECO_HOME": str(root), **environment}

    @property
    def platform(self) -> Platform:
        return Platform(Settings.from_env({**os.environ, **self.environment}))

    @property
    def file(self) -> Path:
        return self.platform.settings.knowledge / NOTE

    def eco(self, *arguments: str, **more: str) -> Result:
        return CliRunner().invoke(app, ["knowledge", *arguments], env={**self.environment, **more})

    def json(self, *arguments: str) -> Any:
        result = self.eco(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def publishes(self, *paragraphs: str) -> None:
        self.platform.knowledge.publish(NOTE, Document("Nota", {"tipo": "nota"}, tuple(Paragraph(text) for text in paragraphs)))

    def person(self, before: str, after: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert before in text
        self.file.write_text(text.replace(before, after), encoding="utf-8")


def refused(result: Result, code: int, *told: str) -> None:
    """A short message on standard error, and no traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    for words in told:
        assert words in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_an_empty_home_is_told_as_such_by_every_command(home: Home) -> None:
    assert home.json("sync") == {
        "sync": dict.fromkeys(("pages", "writes", "events", "conflicts", "deleted", "suspended", "unsettled"), 0),
        "taken_in": {"events": 0, "kinds": {}, "results": {}},
    }
    assert home.json("conflicts") == home.json("events") == []
    status = home.json("status")
    assert (status["open_conflicts"], status["outbox"], status["events_waiting"], status["deliveries"], status["approvers"]) == (0,) * 5
    assert status["place"] == str(home.platform.settings.knowledge)
    for command, told in (("sync", "pages 0"), ("status", "open conflicts"), ("conflicts", "0 open conflict(s)"), ("events", "0 event(s)")):
        result = home.eco(command)
        assert (result.exit_code, told in result.stdout) == (0, True)


def test_what_a_person_did_is_read_taken_in_and_listed(home: Home) -> None:
    home.publishes("um", "fale com a Ana")
    home.person("fale com a Ana", "escreva a ana@empresa.com.br")
    dry = home.json("sync", "--dry-run")
    assert (dry["sync"]["events"], dry["taken_in"]) == (1, {})
    assert home.json("events") == [], "a dry run notes nothing"
    assert home.json("sync", "--kind", "relatorio")["sync"]["events"] == 0
    done = home.json("sync", "--kind", "nota")
    assert (done["sync"]["events"], done["taken_in"]["kinds"]) == (1, {"edited": 1})
    (event,) = home.json("events", "--kind", "edited", "--page", "notas/")
    assert (event["before"], event["after"], event["page"]) == ("fale com a Ana", "escreva a [EMAIL]", NOTE)
    assert home.json("events", "--page", "relatorios/") == home.json("events", "--kind", "commented") == []
    assert home.json("events", "--after", str(event["seq"])) == []
    assert "fale com a Ana" in home.eco("events").stdout
    assert "0 new event(s) taken in" in home.eco("sync").stdout


@pytest.mark.parametrize(("keep", "stays"), [("person", "meu"), ("machine", "dois")])
def test_a_conflict_is_listed_and_closed(home: Home, keep: str, stays: str) -> None:
    home.publishes("um")
    home.person("um", "meu")
    home.publishes("dois")
    (conflict,) = home.json("conflicts")
    assert (conflict["before"], conflict["after"], conflict["page"]) == ("meu", "dois", NOTE)
    assert "meu" in home.eco("conflicts").stdout
    assert home.json("status")["open_conflicts"] == 1
    refused(home.eco("resolve", str(conflict["id"]), "--keep", "both"), 2, "neither person nor machine")
    refused(home.eco("resolve", "99", "--keep", "person"), 1, "no open conflict 99", "eco knowledge conflicts")
    result = home.eco("resolve", str(conflict["id"]), "--keep", keep)
    assert (result.exit_code, f"the {keep}'s text stays" in result.stdout) == (0, True)
    assert home.json("conflicts") == []
    assert stays in home.file.read_text(encoding="utf-8")
    refused(home.eco("resolve", str(conflict["id"]), "--keep", keep), 1, "no open conflict")


def test_a_deleted_page_comes_back_only_when_it_is_asked_for(home: Home) -> None:
    home.publishes("um")
    home.platform.knowledge.publish("notas/dois.md", Document("Outra"))
    home.file.unlink()
    assert home.json("sync")["sync"]["deleted"] == 1
    assert not home.file.exists()
    refused(home.eco("restore", "notas/dois.md"), 1, "was not deleted")
    refused(home.eco("restore", "notas/nenhuma.md"), 1, "notas/nenhuma.md")
    result = home.eco("restore", NOTE)
    assert (result.exit_code, home.file.exists()) == (0, True)


def test_the_webhook_s_token_is_shown_once(home: Home) -> None:
    first = home.eco("webhook")
    assert "no token is set, and no new one waits" in first.stdout
    Handshake(home.platform.settings.webhook_handshake).keep("secret_abc123")
    shown, again = home.eco("webhook"), home.eco("webhook", ECO_NOTION_WEBHOOK_TOKEN="secret_abc123")  # noqa: S106
    assert "secret_abc123" in shown.stdout
    assert "ECO_NOTION_WEBHOOK_TOKEN" in shown.stdout
    assert "a token is set" in again.stdout
    assert "secret_abc123" not in again.output


@pytest.mark.parametrize("arguments", [("resolve", "x", "--keep", "person"), ("resolve", "1"), ("events", "--after", "-1"), ("nada",), ()])
def test_wrong_usage_is_exit_code_two(home: Home, arguments: tuple[str, ...]) -> None:
    assert home.eco(*arguments).exit_code == 2


def test_a_malformed_list_of_approvers_is_named(home: Home) -> None:
    for command in ("sync", "status"):
        refused(home.eco(command, ECO_APPROVERS="Ana <notion:x>"), 2, "ECO_APPROVERS")


class TestInNotion:
    """The same commands against the emulated Notion, over HTTP."""

    @pytest.fixture
    def emulator(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotionEmulator]:
        monkeypatch.setattr(Limiter, "take", lambda self: None)
        with NotionEmulator(MinuteClock(datetime.now(UTC))) as emulator:
            yield emulator

    @pytest.fixture
    def notion(self, tmp_path: Path, emulator: NotionEmulator) -> Home:
        place = {
            "NOTION_TOKEN": TOKEN,
            "NOTION_PARENT": emulator.root_page(),
            "ECO_NOTION_URL": emulator.url,
            "ECO_KNOWLEDGE_COMMENT_LOOKS": "0",
        }
        return Home(tmp_path / "home", ECO_APPROVERS="Ana <ana@empresa.com.br>,Bia", **place)

    def test_it_says_where_the_pages_are_and_whom_names_do_not_vouch_for(self, notion: Home) -> None:
        status = notion.json("status")
        assert status["place"].startswith("Notion, below the page ")
        assert (status["approvers"], status["approvers_known_by_name_only"]) == (2, "Bia")
        assert notion.json("sync")["sync"]["writes"] == 0

    def test_a_token_without_a_page_is_told(self, notion: Home) -> None:
        for command in ("sync", "status", "conflicts", "events"):
            refused(notion.eco(command, NOTION_PARENT=""), 2, "NOTION_PARENT")

    def test_a_bad_token_and_a_page_that_is_not_shared_are_told(self, notion: Home) -> None:
        refused(notion.eco("sync", NOTION_TOKEN="ntn_" + "wrong"), 1, "401", "API token is invalid")
        other = "00000000-0000-4000-8000-00000000dead"
        refused(notion.eco("sync", NOTION_PARENT=other), 1, "404", other)

    def test_a_notion_that_does_not_answer_is_told(self, notion: Home) -> None:
        notion.publishes("um")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        result = notion.eco("sync", ECO_NOTION_URL=url)
        assert (result.exit_code, "1 page(s) are not in line" in result.stderr) == (1, True)
        assert "unsettled 1" in result.stdout
        assert "Traceback" not in result.output
        assert notion.eco("sync").exit_code == 0, "and later it goes on"
