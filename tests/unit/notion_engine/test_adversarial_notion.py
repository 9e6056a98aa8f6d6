"""The adversarial list, what only Notion has: its columns, its trash, its access, its failures. Each test is named after its item."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from desks import KEY, NotionDesk, is_silent, kinds, page

from notion_sync.approval_pages import STATUS
from notion_sync.documents.tree import BulletList, Item
from notion_sync.testing import database_operations, query
from notion_sync.workspaces import notion as workspace
from notion_sync.workspaces.transport import NotionRefused

ITEM = BulletList((Item("um item de lista"),))
NEW = BulletList((Item("outro item de lista"),))


def test_move_to_other_page(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("fica aqui mesmo", "vai para outra página"))
    other = notion.emulator.root_page("Outra")
    notion.person.move(notion.block("vai para"), other)
    notion.knowledge.publish(KEY, page("fica aqui mesmo", "vai para outra página, novo"))
    assert notion.shown()[1:] == ["fica aqui mesmo"]
    assert notion.person.reads(other)[-1] == "vai para outra página"
    assert is_silent(notion)


def test_page_moved_to_other_data_source(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("primeiro texto"))
    said = {"parent": {"type": "page_id", "page_id": notion.parent}, "initial_data_source": {"properties": {"Nome": {"title": {}}}}}
    other = notion.transport.ask("POST", "databases", said)["data_sources"][0]["id"]
    notion.person.move_page(notion.page().id, other)
    notion.knowledge.publish(KEY, page("primeiro texto, novo"))
    assert notion.shown()[1:] == ["primeiro texto, novo"]
    assert notion.knowledge.sync().deleted == 0


def test_page_duplicated_in_the_ui(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("primeiro texto"))
    copy = notion.person.duplicate(notion.page().id)
    notion.knowledge.publish(KEY, page("primeiro texto, novo"))
    assert notion.shown()[1:] == ["primeiro texto, novo"]
    assert notion.person.reads(copy)[1:] == ["primeiro texto"]
    assert is_silent(notion)


def test_property_renamed(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    notion.person.rename_property(notion.source(), STATUS, "Estado")
    notion.person.set(notion.page().id, Estado={"select": {"name": "Aprovada"}})
    notion.knowledge.sync()
    assert [(event.kind, event.after) for event in notion.knowledge.events()] == [("status_changed", "Aprovada")]
    assert is_silent(notion)


@pytest.mark.parametrize("how", ["retyped", "deleted"])
def test_property_retyped_or_deleted(how: str, notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    if how == "deleted":
        notion.person.delete_property(notion.source(), "tipo")
    else:
        notion.person.retype_property(notion.source(), "tipo", "number")
    notion.knowledge.publish(KEY, page("texto novo da máquina"))
    assert notion.shown()[1:] == ["texto novo da máquina"]
    schema = notion.emulator.store.schema(notion.page()).values()
    assert [spec["type"] for spec in schema if spec["name"] == "tipo"] == ([] if how == "deleted" else ["number"])
    assert is_silent(notion)


def test_option_renamed(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    notion.person.rename_option(notion.source(), STATUS, "Proposta", "Em aberto")
    notion.knowledge.publish(KEY, page("texto novo da máquina"))
    notion.knowledge.sync()
    assert [(event.kind, event.after) for event in notion.knowledge.events()] == [("status_changed", "Em aberto")]
    assert is_silent(notion)


def test_page_archived(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    notion.page().data["is_archived"] = True
    notion.knowledge.publish(KEY, page("texto novo da máquina"))
    assert notion.shown()[1:] == ["texto novo da máquina"]


def test_parent_trashed(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    notion.person.delete(notion.parent)
    assert notion.knowledge.sync().deleted == 1
    notion.person.restore(notion.parent)
    notion.knowledge.sync()
    assert kinds(notion) == ["deleted", "restored"]
    assert notion.shown()[1:] == ["texto"]


def test_page_locked(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    notion.person.lock_page(notion.page().id)
    notion.knowledge.publish(KEY, page("texto novo da máquina"))
    assert notion.shown()[1:] == ["texto novo da máquina"]


@pytest.mark.parametrize("what", ["page", "everything"])
def test_integration_unshared_then_reshared(what: str, notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    target = notion.page().id if what == "page" else notion.parent
    notion.person.unshare(target)
    assert notion.knowledge.sync().suspended == 1
    notion.person.share(target)
    notion.knowledge.sync()
    assert kinds(notion) == ["suspended", "restored"]
    assert is_silent(notion)


def test_date_with_seconds_and_time_zone(notion: NotionDesk) -> None:
    """A column of people's, with a moment to the second in another zone, is left alone; the platform's own are days."""
    notion.knowledge.publish(KEY, page("texto"))
    notion.transport.ask("PATCH", f"data_sources/{notion.source()}", {"properties": {"Quando": {"date": {}}}})
    moment = {"date": {"start": "2026-07-04T18:01:15.377824", "time_zone": "Europe/London"}}
    notion.person.set(notion.page().id, Quando=moment)
    before = notion.transport.ask("GET", f"pages/{notion.page().id}")["properties"]["Quando"]
    notion.knowledge.publish(KEY, page("texto novo da máquina"))
    assert notion.transport.ask("GET", f"pages/{notion.page().id}")["properties"]["Quando"] == before
    assert is_silent(notion)


def test_query_over_10000(notion: NotionDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that ends early goes on by windows of creation time; no page is taken for deleted, none is read for nothing."""
    for module in (query, database_operations, workspace):
        if hasattr(module, "MOST_RESULTS"):
            monkeypatch.setattr(module, "MOST_RESULTS", 4)
    keys = [f"relatorios/pagina-{number}.md" for number in range(9)]
    for key in keys:
        notion.knowledge.publish(key, page("texto"))
        notion.passes(1)
    for _ in range(2):
        notion.passes()
        notion.knowledge.sync()
    mark = len(notion.emulator.calls)
    assert notion.knowledge.sync().deleted == 0
    calls = [call.path for call in notion.emulator.calls[mark:] if "/comments" not in call.path]
    assert len(calls) == 3
    assert all(path.endswith("/query") for path in calls)


def test_start_cursor_expired(notion: NotionDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    notion.knowledge.publish(KEY, page("texto"))
    ask = notion.transport.ask

    def expired(method: str, path: str, body: Any = None, query: Any = None) -> Any:
        if (body or {}).get("start_cursor"):
            raise NotionRefused(400, "validation_error", "The start_cursor provided is invalid")
        answer = ask(method, path, body, query)
        return {**answer, "has_more": True, "next_cursor": "s:alt"} if path.endswith("/query") else answer

    monkeypatch.setattr(notion.transport, "ask", expired)
    assert notion.knowledge.sync().unsettled == 1
    monkeypatch.undo()
    assert notion.knowledge.sync().unsettled == 0
    assert not notion.knowledge.events()


def test_search_lag(notion: NotionDesk) -> None:
    """Pages are found by their key and never by the search, which may not know them for hours."""
    notion.emulator.store.search_lag_s = 36_000
    notion.knowledge.publish(KEY, page("texto"))
    for file in notion.knowledge.store.path.parent.glob("sync.db*"):
        file.unlink()
    notion.reopen()
    notion.knowledge.publish(KEY, page("texto"))
    assert len(notion.rows()) == 1
    assert notion.shown()[1:] == ["texto"]


def test_relation_over_25(notion: NotionDesk) -> None:
    """Relations are people's: a column that the platform never said is not read, however long, and not written."""
    notion.knowledge.publish(KEY, page("texto"))
    relation = {"relation": {"data_source_id": notion.source(), "single_property": {}}}
    notion.transport.ask("PATCH", f"data_sources/{notion.source()}", {"properties": {"Ligadas": relation}})
    notion.person.set(notion.page().id, Ligadas={"relation": [{"id": notion.page().id}] * 30})
    notion.knowledge.publish(KEY, page("texto novo da máquina"))
    spec = next(spec["id"] for spec in notion.emulator.store.schema(notion.page()).values() if spec["name"] == "Ligadas")
    assert len(notion.page().data["values"][spec]["relation"]) == 30
    assert is_silent(notion)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clock_skew(minutes: int, notion: NotionDesk) -> None:
    """Our clock is wrong by ten minutes; an edit in the minute of the last look is seen all the same."""
    notion.skew = lambda: notion.emulator.clock.now + timedelta(minutes=minutes)
    notion.reopen()
    notion.knowledge.publish(KEY, page("o texto da máquina"))
    notion.knowledge.sync()
    notion.edit("da máquina", "o texto da Ana")
    notion.knowledge.sync()
    notion.edit("da Ana", "o texto da Ana, outra vez")
    notion.knowledge.sync()
    assert [event.after for event in notion.knowledge.events()] == ["o texto da Ana", "o texto da Ana, outra vez"]
    assert is_silent(notion)


def test_comment_resolved_edited_deleted_and_in_a_thread_on_a_deleted_block(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("primeiro texto", ITEM))
    first = notion.person.comment(notion.page().id, "por quê?")
    on_item = notion.person.comment(notion.block("um item"), "este item está certo?")
    notion.person.reply(on_item, "acho que não")
    notion.knowledge.sync()
    notion.person.resolve(first)
    notion.knowledge.publish(KEY, page("primeiro texto", NEW))  # people discuss the item: it stays, and the new one is suggested
    assert "um item de lista" in notion.shown()
    assert "outro item de lista" not in notion.shown()
    notion.delete("um item")
    notion.knowledge.sync()
    told = [event.after for event in notion.knowledge.events() if event.kind == "commented"]
    assert sorted(told) == ["acho que não", "este item está certo?", "por quê?"]
    assert kinds(notion).count("conflict") == 1
    assert is_silent(notion)


def test_comments_on_quiet_pages_cost_a_budget_and_are_all_heard(notion: NotionDesk) -> None:
    keys = [f"relatorios/pagina-{number}.md" for number in range(6)]
    notion.reopen(looks=5)
    for key in keys:
        notion.knowledge.publish(key, page("primeiro texto", "segundo texto"))
    for _ in range(2):
        notion.passes()
        notion.knowledge.sync()
    for number, key in enumerate(keys):
        notion.person.comment(notion.blocks(key)[number % 3].id if number % 2 else notion.page(key).id, f"pergunta {number}")
    for _ in range(6):  # six pages with four places each, five a time: all of it within five
        mark = len(notion.emulator.calls)
        notion.knowledge.sync()
        calls = [call.path for call in notion.emulator.calls[mark:]]
        assert len([path for path in calls if "/comments" in path]) == 5
        assert len([path for path in calls if "/query" in path]) == 1
    told = sorted(event.after for event in notion.knowledge.events())
    assert told == [f"pergunta {number}" for number in range(6)]
