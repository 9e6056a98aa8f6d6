"""What we rely on in the API: the same suite on the emulator and, with NOTION_TOKEN and NOTION_TEST_PAGE, on the live one."""

from __future__ import annotations

from typing import Any

import pytest
from notion_client import APIResponseError
from notion_workspaces import Workspace

from notion_sync.documents.canonical import canonical_blocks
from notion_sync.documents.inline import Span, bold, code, link
from notion_sync.documents.notion_form import notion_form
from notion_sync.documents.notion_limits import append_all
from notion_sync.documents.notion_reader import read_blocks, read_rich_text
from notion_sync.documents.notion_writer import to_blocks
from notion_sync.documents.tree import (
    Block,
    BulletList,
    Callout,
    Code,
    Divider,
    Equation,
    Heading,
    Item,
    NumberedList,
    Paragraph,
    Quote,
    Table,
    TodoList,
    Toggle,
)


def paragraph(text: str) -> Any:
    return {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": text}}]}}


def words(block: Any) -> str:
    return "".join(run["plain_text"] for run in block[block["type"]]["rich_text"])


def publish(workspace: Workspace, page: str, tree: tuple[Block, ...]) -> None:
    def send(parent: str, children: list[Any]) -> list[str]:
        made = workspace.client.blocks.children.append(parent, children=children)["results"]
        return [block["id"] for block in made[: len(children)]]

    append_all(page, to_blocks(tree), send)


def fetch(workspace: Workspace, parent: str) -> list[Any]:
    blocks, cursor = [], None
    while True:
        more = {"start_cursor": cursor} if cursor else {}
        found = workspace.client.blocks.children.list(parent, **more)
        blocks += [{**block, "children": fetch(workspace, block["id"]) if block["has_children"] else []} for block in found["results"]]
        cursor = found["next_cursor"]
        if not found["has_more"]:
            return blocks


def code_of(call: Any, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with pytest.raises(APIResponseError) as caught:
        call(*args, **kwargs)
    return caught.value.status, str(caught.value.code.value if hasattr(caught.value.code, "value") else caught.value.code)


INVALID = (400, "validation_error")


def test_a_document_with_every_block_reads_back_as_notion_keeps_it(workspace: Workspace) -> None:
    nested = BulletList((Item("um", (NumberedList((Item("dois", (BulletList((Item("três", (Paragraph("quatro"),)),)),)),)),)),))
    styled = (
        "R$ 10 a R$ 20, ",
        bold("forte"),
        " ",
        code("nome"),
        " ",
        link("aqui", "https://example.com/(a)"),
        Span(" risco", is_strike=True),
    )
    tree: tuple[Block, ...] = (
        Heading(2, "Receita"),
        Paragraph(styled),
        nested,
        TodoList((Item("feito", is_done=True), Item("a fazer"))),
        Callout("cuidado", "warning"),
        Quote("disse"),
        Toggle("abrir", (Paragraph("dentro"),)),
        Table(("a", "b"), tuple((str(row), "x") for row in range(120))),
        Code("select 1", "sql"),
        Equation("x^2"),
        Divider(),
        Paragraph("😀" * 1_500),
    )
    page = workspace.new_page()["id"]
    publish(workspace, page, tree)
    assert canonical_blocks(read_blocks(fetch(workspace, page))) == notion_form(tree)


def test_250_blocks_come_back_in_order_over_three_pages(workspace: Workspace) -> None:
    page = workspace.new_page()["id"]
    publish(workspace, page, tuple(Paragraph(str(number)) for number in range(250)))
    assert [words(block) for block in fetch(workspace, page)] == [str(number) for number in range(250)]


def test_limits_are_refused(workspace: Workspace) -> None:
    page = workspace.new_page()["id"]
    append = workspace.client.blocks.children.append
    deep: Any = paragraph("5")
    for _ in range(3):
        deep = {"type": "bulleted_list_item", "bulleted_list_item": {"rich_text": [], "children": [deep]}}
    for children in (
        [paragraph("x")] * 101,
        [paragraph("x" * 2_001)],
        [paragraph("😀" * 1_001)],
        [{"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "x"}}] * 101}}],
        [{"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "x", "link": {"url": "https://e.x/" + "a" * 2_000}}}]}}],
        [{"type": "equation", "equation": {"expression": "x" * 1_001}}],
        [deep],
        [{"type": "no_such_block", "no_such_block": {}}],
    ):
        assert code_of(append, page, children=children) == INVALID
    assert fetch(workspace, page) == []


def test_new_blocks_go_where_they_are_put_and_the_first_results_are_ours(workspace: Workspace) -> None:
    page = workspace.new_page()["id"]
    append = workspace.client.blocks.children.append
    first = append(page, children=[paragraph("a"), paragraph("d")])["results"][0]["id"]
    middle = append(page, children=[paragraph("b"), paragraph("c")], position={"type": "after_block", "after_block": {"id": first}})[
        "results"
    ]
    append(page, children=[paragraph("0")], position={"type": "start"})
    assert [words(block) for block in middle[:2]] == ["b", "c"]
    assert [words(block) for block in fetch(workspace, page)] == ["0", "a", "b", "c", "d"]


def test_a_block_is_changed_in_place_and_keeps_id_and_type(workspace: Workspace) -> None:
    page = workspace.new_page()["id"]
    block = workspace.client.blocks.children.append(page, children=[paragraph("antes")])["results"][0]["id"]
    changed = workspace.client.blocks.update(block, paragraph={"rich_text": [{"text": {"content": "depois"}}]})
    assert (changed["id"], words(changed)) == (block, "depois")
    assert code_of(workspace.client.blocks.update, block, quote={"rich_text": []})[0] == 400


def test_deleting_twice_is_no_error_and_the_trash_is_not_edited(workspace: Workspace) -> None:
    page = workspace.new_page()["id"]
    block = workspace.client.blocks.children.append(page, children=[paragraph("x")])["results"][0]["id"]
    assert workspace.client.blocks.delete(block)["in_trash"] is True
    assert workspace.client.blocks.delete(block)["in_trash"] is True
    assert workspace.client.blocks.retrieve(block)["in_trash"] is True
    assert fetch(workspace, page) == []
    assert code_of(workspace.client.blocks.update, block, paragraph={"rich_text": []}) == INVALID


def test_neighbouring_runs_of_one_style_come_back_as_one(workspace: Workspace) -> None:
    page = workspace.new_page()["id"]
    runs = [
        {"text": {"content": text}, "annotations": {"bold": is_bold}}
        for text, is_bold in (("a", True), ("b", True), ("", False), ("c", False))
    ]
    workspace.client.blocks.children.append(page, children=[{"type": "paragraph", "paragraph": {"rich_text": runs}}])
    (block,) = fetch(workspace, page)
    assert read_rich_text(block["paragraph"]["rich_text"]) == (bold("ab"), Span("c"))


def test_a_page_is_trashed_restored_and_refused_while_in_the_trash(workspace: Workspace) -> None:
    page = workspace.new_page("antes")["id"]
    assert workspace.client.pages.update(page, in_trash=True)["in_trash"] is True
    title = {"title": [{"text": {"content": "depois"}}]}
    assert code_of(workspace.client.pages.update, page, properties=title)[0] == 400
    assert workspace.client.pages.update(page, in_trash=False)["in_trash"] is False
    assert workspace.client.pages.update(page, properties=title)["properties"]["title"]["title"][0]["plain_text"] == "depois"


def test_what_is_not_there_is_not_found_and_what_is_no_id_is_refused(workspace: Workspace) -> None:
    assert code_of(workspace.client.pages.retrieve, "00000000-0000-4000-8000-00000000dead") == (404, "object_not_found")
    assert code_of(workspace.client.pages.retrieve, "12345678-1234-1234-1234-123456789abc") == INVALID
    assert code_of(workspace.client.request, "nothing", "GET") == (400, "invalid_request_url")


def test_rows_are_queried_by_filters_sorts_and_pages(workspace: Workspace) -> None:
    _, source = workspace.new_database(Valor={"number": {}}, Feito={"checkbox": {}}, Chave={"rich_text": {}})
    for number in range(5):
        key = {"rich_text": [{"text": {"content": f"rel-{number}"}}]}
        workspace.new_row(source, f"r{number}", Valor={"number": number}, Feito={"checkbox": number % 2 == 0}, Chave=key)
    query = workspace.client.data_sources.query

    def names(**asked: Any) -> list[str]:
        return [row["properties"]["Name"]["title"][0]["plain_text"] for row in query(source, **asked)["results"]]

    up = [{"property": "Valor", "direction": "ascending"}]
    assert names(sorts=up) == ["r0", "r1", "r2", "r3", "r4"]
    assert names(filter={"property": "Chave", "rich_text": {"equals": "rel-3"}}) == ["r3"]
    both = {"and": [{"property": "Valor", "number": {"greater_than": 0}}, {"property": "Feito", "checkbox": {"equals": True}}]}
    assert names(filter=both, sorts=up) == ["r2", "r4"]
    either = {"or": [{"property": "Valor", "number": {"less_than": 1}}, {"property": "Name", "title": {"ends_with": "4"}}]}
    assert names(filter=either, sorts=up) == ["r0", "r4"]
    first = query(source, page_size=2, sorts=up)
    second = query(source, page_size=2, sorts=up, start_cursor=first["next_cursor"])
    assert [row["properties"]["Valor"]["number"] for row in first["results"] + second["results"]] == [0, 1, 2, 3]
    assert code_of(query, source, filter={"property": "Nada", "number": {"equals": 1}}) == INVALID
    assert code_of(query, source, page_size=101) == INVALID


def test_values_come_back_as_the_api_keeps_them(workspace: Workspace) -> None:
    _, source = workspace.new_database(
        Dia={"date": {}}, Estado={"select": {"options": [{"name": "Nova"}]}}, Site={"url": {}}, N={"unique_id": {}}
    )
    day = {"date": {"start": "2026-07-04T18:01:15.377824", "time_zone": "Europe/London"}}
    row = workspace.new_row(source, "a", Dia=day, Estado={"select": {"name": "Aprovada"}}, Site={"url": "https://example.com"})
    held = workspace.client.pages.retrieve(row["id"])["properties"]
    assert held["Dia"]["date"] == {"start": "2026-07-04T18:01:00.000+01:00", "end": None, "time_zone": None}
    assert held["Estado"]["select"]["name"] == "Aprovada"
    assert [option["name"] for option in workspace.client.data_sources.retrieve(source)["properties"]["Estado"]["select"]["options"]] == [
        "Nova",
        "Aprovada",
    ]
    assert workspace.client.pages.update(row["id"], properties={"Site": {"url": None}})["properties"]["Site"]["url"] is None
    assert code_of(workspace.client.pages.update, row["id"], properties={"Nada": {"number": 1}}) == INVALID
    assert code_of(workspace.client.pages.update, row["id"], properties={"Site": {"number": 1}}) == INVALID


def test_a_property_is_found_by_its_id_after_it_was_renamed(workspace: Workspace) -> None:
    _, source = workspace.new_database(Valor={"number": {}})
    before = workspace.client.data_sources.retrieve(source)["properties"]["Valor"]["id"]
    row = workspace.new_row(source, "a", Valor={"number": 1})["id"]
    workspace.client.data_sources.update(source, properties={"Valor": {"name": "Receita"}})
    held = workspace.client.pages.update(row, properties={before: {"number": 2}})["properties"]
    assert (held["Receita"]["id"], held["Receita"]["number"]) == (before, 2)


def test_more_than_25_references_are_cut_and_had_in_pages(workspace: Workspace) -> None:
    _, target = workspace.new_database()
    ids = [workspace.new_row(target, str(number))["id"] for number in range(30)]
    _, source = workspace.new_database(Itens={"relation": {"data_source_id": target, "single_property": {}}})
    row = workspace.new_row(source, "a", Itens={"relation": [{"id": identity} for identity in ids]})
    held = workspace.client.pages.retrieve(row["id"])["properties"]["Itens"]
    assert (len(held["relation"]), held["has_more"]) == (25, True)
    found = workspace.client.pages.properties.retrieve(row["id"], held["id"], page_size=100)["results"]
    assert [entry["relation"]["id"] for entry in found] == ids


def test_comments_are_written_answered_changed_and_deleted(workspace: Workspace) -> None:
    page = workspace.new_page()["id"]
    block = workspace.client.blocks.children.append(page, children=[paragraph("x")])["results"][0]["id"]
    comments = workspace.client.comments
    first = comments.create(parent={"page_id": page}, rich_text=[{"text": {"content": "um"}}])
    reply = comments.create(discussion_id=first["discussion_id"], rich_text=[{"text": {"content": "dois"}}])
    comments.create(parent={"block_id": block}, rich_text=[{"text": {"content": "no bloco"}}])
    assert reply["discussion_id"] == first["discussion_id"]
    assert [comment["rich_text"][0]["plain_text"] for comment in comments.list(block_id=page)["results"]] == ["um", "dois"]
    assert [comment["rich_text"][0]["plain_text"] for comment in comments.list(block_id=block)["results"]] == ["no bloco"]
    assert comments.update(first["id"], rich_text=[{"text": {"content": "três"}}])["rich_text"][0]["plain_text"] == "três"
    comments.delete(reply["id"])
    assert [comment["rich_text"][0]["plain_text"] for comment in comments.list(block_id=page)["results"]] == ["três"]


def test_markdown_replaces_only_a_text_that_stands_in_one_place(workspace: Workspace) -> None:
    page = workspace.new_page(children=[paragraph("receita de 10"), paragraph("custo de 5"), paragraph("custo de 5")])["id"]

    def swap(old: str, new: str) -> Any:
        change = {"content_updates": [{"old_str": old, "new_str": new}]}
        return workspace.client.request(f"pages/{page}/markdown", "PATCH", body={"type": "update_content", "update_content": change})

    assert "receita de 12" in swap("receita de 10", "receita de 12")["markdown"]
    assert code_of(swap, "receita de 10", "receita de 13") == INVALID
    assert code_of(swap, "custo de 5", "custo de 6") == INVALID
    assert [words(block) for block in fetch(workspace, page)] == ["receita de 12", "custo de 5", "custo de 5"]


def test_an_uploaded_picture_becomes_a_file_of_the_page(workspace: Workspace) -> None:
    upload = workspace.client.file_uploads.create(mode="single_part", filename="g.png", content_type="image/png")
    assert upload["status"] == "pending"
    with_file = workspace.client.file_uploads.send(upload["id"], file=("g.png", b"\x89PNG\r\n\x1a\n" + b"0" * 32, "image/png"))
    assert with_file["status"] == "uploaded"
    page = workspace.new_page()["id"]
    image = {"type": "image", "image": {"type": "file_upload", "file_upload": {"id": upload["id"]}}}
    (block,) = workspace.client.blocks.children.append(page, children=[image])["results"]
    assert block["image"]["type"] == "file"
    assert "g.png" in block["image"]["file"]["url"]


def test_the_bot_and_the_users_are_known(workspace: Workspace) -> None:
    me = workspace.client.users.me()
    assert me["type"] == "bot"
    assert me["id"] in [user["id"] for user in workspace.client.users.list()["results"]]
    assert workspace.new_page()["created_by"]["id"] == me["id"]
