"""Tasks and pages in Notion (the emulator, over HTTP, with the unmodified client) and in the folder that stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from door_house import TRACE, DoorHouse, dead_port

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Unreached
from eco_assets.jorge.world import World
from notion_sync.testing.faults import Fault
from notion_sync.testing.server import TOKEN, NotionEmulator

TASK = {
    "decision_id": "d" * 32,
    "traceparent": TRACE,
    "subject": "lead-7",
    "action": "agendar",
    "title": "Ligar para ana@cliente.com.br, (11) 98765-4321",
    "role": "vendedor",
    "template": "tarefa",
    "path": "",
    "due": "2026-11-02",
    "values": {"customer_name": "Ana Souza", "email": "ana@cliente.com.br"},
}


class Board:
    """A data source in the emulator, and a world with a door to it."""

    def __init__(self, house: DoorHouse, notion: NotionEmulator, **options: Any) -> None:
        from notion_client import Client

        self.client = Client(auth=TOKEN, base_url=notion.url, notion_version="2026-03-11", retry=False)
        made: Any = self.client.databases.create(
            parent={"page_id": notion.root_page()}, initial_data_source={"properties": {"Nome": {"title": {}}}}
        )
        self.source = made["data_sources"][0]["id"]
        door = {"kind": "notion", "token": "${NOTION_DOOR}", "data_source": self.source, "base_url": notion.url, "timeout_s": 30}
        self.world: World = house.world(tasks={**door, **options})

    def pages(self) -> list[Any]:
        found: Any = self.client.data_sources.query(self.source)
        return list(found["results"])


@pytest.fixture
def board(house: DoorHouse, notion: NotionEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    monkeypatch.setenv("NOTION_DOOR", TOKEN)
    made = Board(house, notion)
    yield made
    made.client.close()


def forgetful(board: Board) -> None:
    """The journal's words are lost, as when the worker died before it could write them."""
    board.world.journal.forget("k")


def test_a_task_is_made_once_with_its_key_and_without_personal_data(board: Board) -> None:
    for _ in range(2):
        board.world.send("tasks", "k", TASK)
        forgetful(board)

    (page,) = board.pages()
    told = str(page) + str(board.client.blocks.children.list(page["id"]))
    assert page["properties"]["Chave"]["rich_text"][0]["plain_text"] == "k"
    assert page["properties"]["Situação"]["select"]["name"] == "Aberta"
    assert page["properties"]["Prazo"]["date"]["start"] == "2026-11-02"
    assert "vendedor" in told
    assert "Ligar para" in told
    for secret in ("ana@", "98765", "Ana Souza"):
        assert secret not in told


def test_taken_back_it_is_marked_and_stays(board: Board) -> None:
    board.world.send("tasks", "k", TASK)
    for _ in range(2):
        board.world.withdraw("tasks", "k", TASK)

    (page,) = board.pages()
    assert page["properties"]["Situação"]["select"]["name"] == "Retirada"


@pytest.mark.parametrize("fault", [{"status": 0}, {"status": 503}, {"status": 504}, {"status": 200, "is_truncated": True}])
def test_an_answer_lost_after_the_page_was_made_makes_no_second_page(board: Board, notion: NotionEmulator, fault: dict[str, Any]) -> None:
    notion.faults.add(Fault(**{"method": "POST", "path": "/pages$", "moment": "after", **fault}))
    with pytest.raises(DoorUnavailable):
        board.world.send("tasks", "k", TASK)
    board.world.send("tasks", "k", TASK)

    assert len(board.pages()) == 1


@pytest.mark.parametrize("status", [409, 500, 502, 529])
def test_what_notion_cannot_take_now_is_tried_again(board: Board, notion: NotionEmulator, status: int) -> None:
    notion.faults.add(Fault(status, method="POST", path="/pages$"))
    with pytest.raises(DoorUnavailable, match=str(status)):
        board.world.send("tasks", "k", TASK)
    board.world.send("tasks", "k", TASK)

    assert len(board.pages()) == 1


def test_a_storm_of_429_is_waited_out_within_the_doors_patience(board: Board, notion: NotionEmulator) -> None:
    notion.faults.storm(3, retry_after=0)
    board.world.send("tasks", "k", TASK)
    notion.faults.storm(1, retry_after=3600)
    with pytest.raises(DoorUnavailable, match="429"):
        board.world.send("tasks", "other", TASK)

    assert len(board.pages()) == 1


def test_a_wrong_token_is_refused_and_a_dead_notion_is_not(
    house: DoorHouse, notion: NotionEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTION_DOOR", "ntn_wrong")
    with pytest.raises(ActionRefused, match="401") as refused:
        Board(house, notion).world.send("tasks", "k", TASK)
    assert "ntn_wrong" not in str(refused.value)
    with pytest.raises(Unreached):
        Board(house, notion, base_url=f"http://127.0.0.1:{dead_port()}").world.send("tasks", "k", TASK)


def test_the_test_reads_and_writes_nothing(board: Board, notion: NotionEmulator) -> None:
    before = len(notion.calls)
    assert "answers" in board.world.check("tasks")
    assert [call.method for call in notion.calls[before:]] == ["GET"]


def test_in_the_folder_it_is_a_page_that_is_marked_when_taken_back(house: DoorHouse) -> None:
    world = house.world(tasks={"kind": "notion", "folder": "notion"})
    for _ in range(2):
        world.send("tasks", "k", TASK)
    (page,) = (house.root / "notion" / "tarefas").glob("*.md")
    made = page.read_text(encoding="utf-8")
    world.withdraw("tasks", "k", TASK)

    assert "Situação: Aberta" in made
    assert "ana@" not in made
    assert "Situação: Retirada" in page.read_text(encoding="utf-8")
