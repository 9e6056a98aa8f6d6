"""Faults and people: what goes wrong on purpose, what stays of it, and what only the interface can do."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest
from notion_client import APIResponseError, Client
from notion_client.errors import HTTPResponseError

from notion_sync.testing.faults import Fault
from notion_sync.testing.server import TOKEN, NotionEmulator
from notion_sync.testing.wire import MinuteClock


def paragraph(text: str) -> Any:
    return {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": text}}]}}


def title(text: str) -> Any:
    return {"title": [{"text": {"content": text}}]}


@pytest.fixture
def page(emulator: NotionEmulator) -> str:
    return emulator.root_page()


def error_of(call: Any, *args: Any, **kwargs: Any) -> Any:
    with pytest.raises(HTTPResponseError) as caught:
        call(*args, **kwargs)
    return caught.value


def test_a_rate_limit_says_how_long_to_wait_and_why(emulator: NotionEmulator, client: Any, page: str) -> None:
    emulator.faults.storm(2, retry_after=7)
    error = error_of(client.pages.retrieve, page)
    assert (error.status, error.headers["retry-after"]) == (429, "7")
    assert error.additional_data == {"rate_limit_reason": "public_api_request_rate_limit"}
    assert error_of(client.pages.retrieve, page).status == 429
    assert client.pages.retrieve(page)["id"] == page


def test_the_client_itself_survives_a_short_storm(emulator: NotionEmulator, page: str) -> None:
    emulator.faults.storm(2, retry_after=0)
    with httpx.Client(trust_env=False) as http:
        patient = Client(client=http, auth=TOKEN, base_url=emulator.url, notion_version="2026-03-11")
        assert patient.pages.retrieve(page)["id"] == page
    assert [call.status for call in emulator.calls] == [429, 429, 200]


@pytest.mark.parametrize("status", [409, 500, 502, 503, 504, 529])
def test_a_failure_before_the_effect_leaves_nothing(emulator: NotionEmulator, client: Any, page: str, status: int) -> None:
    emulator.faults.add(Fault(status, method="PATCH"))
    assert error_of(client.blocks.children.append, page, children=[paragraph("x")]).status == status
    assert client.blocks.children.list(page)["results"] == []


def test_a_503_after_the_effect_says_what_was_committed(emulator: NotionEmulator, client: Any, page: str) -> None:
    emulator.faults.add(Fault(503, moment="after"))
    with pytest.raises(APIResponseError) as caught:
        client.blocks.children.append(page, children=[paragraph("a"), paragraph("b")])
    said = caught.value.additional_data
    kept = [block["id"] for block in client.blocks.children.list(page)["results"]]
    assert said is not None
    assert (said["committed_resource_id"], said["committed_child_ids"]) == (page, kept)


def test_a_504_after_the_effect_says_nothing_and_a_blind_retry_duplicates(emulator: NotionEmulator, client: Any, page: str) -> None:
    emulator.faults.add(Fault(504, method="POST", path="/pages$", moment="after"))
    assert error_of(client.pages.create, parent={"page_id": page}, properties=title("uma")).status == 504
    client.pages.create(parent={"page_id": page}, properties=title("uma"))
    assert len(client.search(query="uma")["results"]) == 2


def test_an_append_can_stop_half_done(emulator: NotionEmulator, client: Any, page: str) -> None:
    emulator.faults.add(Fault(503, moment="partial", kept=2))
    error_of(client.blocks.children.append, page, children=[paragraph(text) for text in "abcd"])
    assert emulator.person("Ana").reads(page) == ["a", "b"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_can_be_cut_before_or_after_the_effect(emulator: NotionEmulator, client: Any, page: str, moment: Any) -> None:
    emulator.faults.add(Fault(0, moment=moment))
    with pytest.raises(httpx.TransportError):
        client.blocks.children.append(page, children=[paragraph("x")])
    assert emulator.person("Ana").reads(page) == (["x"] if moment == "after" else [])
    assert emulator.calls[-1].status == 0


def test_an_answer_can_break_off_in_its_body(emulator: NotionEmulator, client: Any, page: str) -> None:
    emulator.faults.add(Fault(0, is_truncated=True))
    with pytest.raises(httpx.TransportError):
        client.blocks.children.append(page, children=[paragraph("x")])
    assert emulator.person("Ana").reads(page) == ["x"]


def test_a_fault_waits_for_its_request(emulator: NotionEmulator, client: Any, page: str) -> None:
    emulator.faults.add(Fault(500, method="GET", path="/blocks/", skip=1))
    assert client.pages.retrieve(page)["id"] == page
    assert client.blocks.children.list(page)["results"] == []
    assert error_of(client.blocks.children.list, page).status == 500


def test_times_are_whole_minutes_so_two_edits_in_one_minute_look_alike() -> None:
    clock = MinuteClock()
    with NotionEmulator(clock=clock) as emulator, httpx.Client(trust_env=False) as http:
        client: Any = Client(client=http, auth=TOKEN, base_url=emulator.url, notion_version="2026-03-11", retry=False)
        page = emulator.root_page()
        ana = emulator.person("Ana")
        block = ana.write(page, "um")
        before = client.pages.retrieve(page)["last_edited_time"]
        clock.advance(seconds=40)
        ana.edit(block, "dois")
        assert client.pages.retrieve(page)["last_edited_time"] == before
        clock.advance(seconds=40)
        ana.edit(block, "três")
        assert client.pages.retrieve(page)["last_edited_time"] == "2026-11-22T12:01:00.000Z"
        assert client.pages.retrieve(page)["last_edited_by"]["id"] == ana.id


def test_people_edit_between_two_calls(emulator: NotionEmulator, client: Any, page: str) -> None:
    ana = emulator.person("Ana")
    block = ana.write(page, "antes")
    emulator.before_call = lambda method, path: ana.edit(block, "depois") if method == "PATCH" else None
    assert client.blocks.retrieve(block)["paragraph"]["rich_text"][0]["plain_text"] == "antes"
    client.blocks.update(block, in_trash=False)
    assert client.blocks.retrieve(block)["paragraph"]["rich_text"][0]["plain_text"] == "depois"


def test_people_move_duplicate_delete_and_restore(emulator: NotionEmulator, client: Any, page: str) -> None:
    ana = emulator.person("Ana")
    first, second = ana.write(page, "a"), ana.write(page, "b")
    ana.move(second, page)
    assert ana.reads(page) == ["b", "a"]
    child = client.pages.create(parent={"page_id": page}, properties=title("Relatório"), children=[paragraph("x")])["id"]
    copy = ana.duplicate(child)
    assert ana.reads(copy) == ["x"]
    assert copy != child
    ana.delete(first)
    assert client.blocks.retrieve(first)["in_trash"] is True
    ana.restore(first)
    assert ana.reads(page) == ["b", "a"]


def test_what_is_not_shared_is_not_found_until_it_is_shared_again(emulator: NotionEmulator, client: Any, page: str) -> None:
    ana = emulator.person("Ana")
    block = ana.write(page, "a")
    ana.unshare(page)
    for call, identity in ((client.pages.retrieve, page), (client.blocks.retrieve, block)):
        error = error_of(call, identity)
        assert (error.status, error.code) == (404, "object_not_found")
    ana.share(page)
    assert client.blocks.retrieve(block)["id"] == block


def test_columns_and_options_change_under_the_machine(emulator: NotionEmulator, client: Any, page: str) -> None:
    properties = {"Name": {"title": {}}, "Estado": {"select": {"options": [{"name": "Nova"}]}}, "Valor": {"number": {}}}
    made = client.databases.create(parent={"page_id": page}, initial_data_source={"properties": properties})
    source = made["data_sources"][0]["id"]
    values = {"Name": title("a")["title"], "Estado": {"select": {"name": "Nova"}}, "Valor": {"number": 1}}
    row = client.pages.create(parent={"data_source_id": source}, properties=values)
    ana = emulator.person("Ana")
    ana.rename_option(source, "Estado", "Nova", "Aberta")
    ana.rename_property(source, "Estado", "Fase")
    ana.retype_property(source, "Valor", "rich_text")
    held = client.pages.retrieve(row["id"])["properties"]
    assert held["Fase"]["select"]["name"] == "Aberta"
    assert held["Fase"]["id"] == row["properties"]["Estado"]["id"]
    assert held["Valor"]["rich_text"] == []
    ana.delete_property(source, "Valor")
    assert "Valor" not in client.pages.retrieve(row["id"])["properties"]
    ana.set(row["id"], Fase={"select": {"name": "Aprovada"}})
    assert client.pages.retrieve(row["id"])["properties"]["Fase"]["select"]["name"] == "Aprovada"


def test_a_resolved_comment_is_no_longer_listed_and_comments_touch_no_page(emulator: NotionEmulator, client: Any, page: str) -> None:
    ana = emulator.person("Ana")
    before = client.pages.retrieve(page)["last_edited_time"]
    emulator.clock.advance(minutes=5)
    comment = ana.comment(page, "por quê?")
    ana.reply(comment, "porque sim")
    listed = client.comments.list(block_id=page)["results"]
    assert [entry["created_by"]["id"] for entry in listed] == [ana.id, ana.id]
    assert client.pages.retrieve(page)["last_edited_time"] == before
    ana.resolve(comment)
    assert client.comments.list(block_id=page)["results"] == []
    assert client.comments.retrieve(comment)["id"] == comment
    emulator.store.comment_capability = False
    assert error_of(client.comments.list, block_id=page).status == 403


def test_search_lags_behind(emulator: NotionEmulator, client: Any, page: str) -> None:
    emulator.store.search_lag_s = 60
    client.pages.create(parent={"page_id": page}, properties=title("Novidade"))
    assert client.search(query="Novidade")["results"] == []
    emulator.clock.advance(seconds=61)
    assert len(client.search(query="Novidade")["results"]) == 1


def test_versions_tokens_and_sizes_are_checked(emulator: NotionEmulator, page: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Notion-Version": "2026-03-11"}
    with httpx.Client(base_url=emulator.url, trust_env=False) as http:
        path = f"/v1/pages/{page}"
        assert http.get(path, headers={**headers, "Authorization": "Bearer x"}).json()["code"] == "unauthorized"
        assert http.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).json()["code"] == "missing_version"
        assert http.get(path, headers={**headers, "Notion-Version": "2021-05-13"}).status_code == 400
        assert http.patch(path, headers=headers, json={"archived": True}).json()["code"] == "validation_error"
        old = {**headers, "Notion-Version": "2025-09-03"}
        assert http.patch(path, headers=old, json={"archived": True}).json()["archived"] is True
        assert http.patch(path, headers=old, json={"archived": False}).json()["archived"] is False
        assert http.post("/v1/search", headers=headers, content=b"{").json()["code"] == "invalid_json"
        assert http.post("/v1/search", headers=headers, content=b'{"query": "' + b"x" * 500_000 + b'"}').status_code == 413


def test_a_query_ends_at_10000_rows_and_says_so(emulator: NotionEmulator, client: Any, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notion_sync.testing.query.MOST_RESULTS", 3)
    made = client.databases.create(parent={"page_id": page}, initial_data_source={"properties": {"Name": {"title": {}}}})
    source = made["data_sources"][0]["id"]
    for number in range(4):
        client.pages.create(parent={"data_source_id": source}, properties={"Name": title(str(number))["title"]})
    found = client.data_sources.query(source)
    assert (len(found["results"]), found["has_more"]) == (3, False)
    assert found["request_status"] == {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}


def test_two_clients_at_once_lose_nothing(emulator: NotionEmulator, client: Any, page: str) -> None:
    def write(name: str) -> None:
        for number in range(10):
            client.blocks.children.append(page, children=[paragraph(f"{name}{number}")])

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(emulator.person("Ana").reads(page)) == sorted(f"{name}{number}" for name in "ab" for number in range(10))


def test_ids_are_the_same_for_the_same_seed() -> None:
    assert NotionEmulator(seed=1).root_page() == NotionEmulator(seed=1).root_page() != NotionEmulator(seed=2).root_page()
