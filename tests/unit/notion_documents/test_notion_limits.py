"""Whatever a document holds, every request stays within the API's limits and no character is cut."""

from __future__ import annotations

import itertools
import unicodedata
from typing import Any

import pytest
from document_trees import blocks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco_assets.errors import PermanentError
from notion_sync.documents.canonical import canonical_blocks
from notion_sync.documents.inline import Span, bold, plain
from notion_sync.documents.notion_form import NotionAddresses, notion_form
from notion_sync.documents.notion_limits import MOST_BYTES, append_all, appends, children_of, count_blocks, cut, payload_bytes, utf16_length
from notion_sync.documents.notion_reader import read_blocks
from notion_sync.documents.notion_writer import NotionTarget, to_blocks
from notion_sync.documents.tree import (
    Block,
    BulletList,
    Code,
    Document,
    Equation,
    Heading,
    Image,
    Item,
    NumberedList,
    Opaque,
    Paragraph,
    Table,
)

FAMILY = "👩\u200d👩\u200d👧"
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")


class Pages:
    """What a server would hold after appends; it refuses a request that breaks a limit."""

    def __init__(self) -> None:
        self.children: dict[str, list[Any]] = {}
        self.ids = itertools.count()
        self.requests = 0

    def append(self, parent: str, children: list[Any]) -> list[str]:
        self.requests += 1
        assert 0 < len(children) <= 100
        assert sum(count_blocks(child) for child in children) <= 1_000
        assert payload_bytes({"children": children}) <= MOST_BYTES
        return [self._keep(parent, child, depth=0) for child in children]

    def _keep(self, parent: str, block: Any, depth: int) -> str:
        kind, content = block["type"], dict(block[block["type"]])
        children = content.pop("children", [])
        assert depth <= 2 and len(children) <= 100
        assert kind != "table" or children or depth
        for text in [content.get("rich_text", []), content.get("caption", []), *content.get("cells", [])]:
            assert len(text) <= 100
            assert all(utf16_length(entry["text"]["content"]) <= 2_000 for entry in text if "text" in entry)
        identity = str(next(self.ids))
        self.children.setdefault(parent, []).append({"id": identity, "type": kind, kind: content})
        for child in children:
            self._keep(identity, child, depth + 1)
        return identity

    def tree(self, parent: str) -> list[Any]:
        return [{**block, "children": self.tree(block["id"])} for block in self.children.get(parent, [])]


def stored(tree: tuple[Block, ...]) -> tuple[Pages, tuple[Block, ...]]:
    pages = Pages()
    append_all("page", to_blocks(tree), pages.append)
    return pages, canonical_blocks(read_blocks(pages.tree("page")))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(blocks(has_local_pictures=False))
def test_any_document_arrives_whole_and_in_order(tree: Any) -> None:
    assert stored(tree)[1] == notion_form(tree)


PARTS = st.lists(st.sampled_from(["a", "é", "e\u0301", "😀", FAMILY, "\u0301", "ก็", "🇧🇷"]), max_size=30).map("".join)


@given(PARTS, st.integers(16, 30))
def test_a_cut_text_is_whole_and_its_pieces_short(text: str, most: int) -> None:
    pieces = list(cut(text, most))
    assert "".join(pieces) == text
    assert all(utf16_length(piece) <= most for piece in pieces)


def test_a_text_is_never_cut_inside_a_character() -> None:
    for lead in range(12):
        pieces = list(cut("a" * lead + FAMILY * 400 + "e\u0301" * 400, 2_000))
        assert all(piece.startswith(("a", FAMILY, "e")) for piece in pieces)
        assert not any(unicodedata.combining(piece[0]) or piece[0] == "\u200d" for piece in pieces)


def test_one_character_longer_than_the_limit_is_cut_between_code_points() -> None:
    pieces = list(cut("e" + "\u0301" * 5_000, 2_000))
    assert [len(piece) for piece in pieces] == [2_000, 2_000, 1_001]


@pytest.mark.parametrize("units", [1_999, 2_000, 2_001, 4_000, 4_001])
def test_long_texts_become_runs_of_2000_units(units: int) -> None:
    text = "x" * units
    payload = to_blocks([Paragraph(text)])[0]["paragraph"]["rich_text"]
    assert [len(run["text"]["content"]) for run in payload] == [len(piece) for piece in cut(text, 2_000)]
    assert read_blocks(to_blocks([Paragraph(text)]))[0].text[0].text.startswith("x" * 1_999)  # type: ignore[union-attr,index]


def test_250_blocks_take_three_requests() -> None:
    tree = tuple(Paragraph(f"p{number}") for number in range(250))
    pages, read = stored(tree)
    assert (pages.requests, read) == (3, canonical_blocks(tree))


def test_a_table_of_1001_rows_is_one_table() -> None:
    tree = (Table(("a", "b"), tuple((str(row), "x") for row in range(1_000))),)
    pages, read = stored(tree)
    assert (pages.requests, read) == (11, canonical_blocks(tree))


def test_a_table_of_101_columns_becomes_two() -> None:
    tree = (Table(tuple(f"c{column}" for column in range(101)), (tuple("x" for _ in range(101)),)),)
    assert [table.width for table in stored(tree)[1]] == [100, 1]  # type: ignore[union-attr]


def test_a_list_five_levels_deep_keeps_its_levels() -> None:
    nested: Block = BulletList((Item("5"),))
    for level in "4321":
        nested = NumberedList((Item(level, (nested,)), Item("after")))
    assert stored((nested,))[1] == canonical_blocks((nested,))


def test_more_than_1000_blocks_and_500_kb_are_sent_in_parts() -> None:
    many = BulletList(tuple(Item(str(number), (BulletList(tuple(Item("x") for _ in range(30))),)) for number in range(60)))
    heavy = tuple(Paragraph("漢" * 90_000) for _ in range(3))
    pages, read = stored((many, *heavy))
    assert read == canonical_blocks((many, *heavy))
    assert pages.requests >= 4


def test_a_text_of_many_styles_or_much_length_goes_on_in_the_next_block() -> None:
    styled = tuple(Span(f"w{number}", is_bold=number % 2 == 0) for number in range(250))
    long = "palavra " * 40_000
    for text in (styled, long):
        _, read = stored((Paragraph(text),))
        assert len(read) >= 3
        assert "".join(plain(block.text) for block in read).replace(" ", "") == plain(text).replace(" ", "")  # type: ignore[union-attr]
    _, listed = stored((BulletList((Item(styled, (Paragraph("below"),)),)),))
    assert [plain(child.text) for child in listed[0].items[0].children][-1] == "below"  # type: ignore[union-attr]
    _, cells = stored((Table(("a", "b"), ((styled, "x"),)),))
    assert [plain(row[1]) for row in cells[0].rows] == ["x", "", ""]  # type: ignore[union-attr]


def test_code_and_equations_beyond_the_limit_keep_every_character() -> None:
    text = "\n".join(f"linha {number} 😀" for number in range(15_000))
    _, read = stored((Code(text, "python"), Equation("x+" * 600)))
    assert "".join(block.text for block in read if isinstance(block, Code)).replace("\n", "") == text.replace("\n", "") + "x+" * 600


def test_an_anchor_is_a_link_that_survives_and_is_read_back() -> None:
    addresses = NotionAddresses("https://eco.example/k/rel-1", (("../log.md", "https://eco.example/k/log"),))
    tree = (Heading(2, ("Receita ", bold("alta")), "receita"), Paragraph(Span("log", link="../log.md")), Paragraph(Span("x", link="y.md")))
    written = to_blocks(tree, NotionTarget(addresses))
    assert written[0]["heading_1"]["rich_text"][0]["text"]["link"] == {"url": "https://eco.example/k/rel-1#receita"}
    assert written[1]["paragraph"]["rich_text"][0]["text"]["link"] == {"url": "https://eco.example/k/log"}
    assert "link" not in written[2]["paragraph"]["rich_text"][0]["text"]
    assert canonical_blocks(read_blocks(written, addresses)) == notion_form(tree, addresses)


def test_a_picture_that_was_not_uploaded_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"g\.png was not uploaded"):
        to_blocks([Image("g.png", "Gráfico")])
    assert to_blocks([Image("g.png", "")], NotionTarget(pictures={"g.png": "u1"}))[0]["image"]["file_upload"] == {"id": "u1"}


def test_a_block_that_the_api_cannot_create_is_refused() -> None:
    with pytest.raises(PermanentError, match="child_page"):
        to_blocks([Opaque("notion", "child_page", '{"type":"child_page","child_page":{"title":"x"}}')])


def test_requests_never_exceed_the_limits_for_a_table_inside_a_list() -> None:
    table = Table((), tuple((str(row),) for row in range(150)))
    deep = BulletList((Item("a", (BulletList((Item("b", (table,)),)),)),))
    _, read = stored((deep,))
    assert read == canonical_blocks((deep,))
    assert all(len(children_of(block)) <= 100 for request in appends(to_blocks((deep,))) for block in request.children)
    assert Document("t", {}, read).blocks == read
