"""The adversarial list, what documents may hold: published to both workspaces, read back as kept there, silent, and safe to edit beside."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import pytest
from desks import KEY, Desk, page

from notion_sync.documents.canonical import canonical_blocks
from notion_sync.documents.inline import Span, bold, link
from notion_sync.documents.tree import Block, BulletList, Code, Item, Paragraph, Table
from notion_sync.sync.merge import block_hash
from notion_sync.workspaces.protocol import units

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


def _deep(depth: int) -> BulletList:
    inner = (_deep(depth - 1),) if depth > 1 else ()
    return BulletList((Item(f"nível {depth}", inner),))


CASES: Mapping[str, tuple[Block, ...]] = {
    "append_half_done_over_3_chunks_of_100_and_250_blocks": tuple(Paragraph(f"parágrafo número {n}") for n in range(250)),
    "101_row_table": (Table(("n", "texto"), tuple((f"{n}", f"linha {n}") for n in range(101))),),
    "5_level_list": (_deep(5),),
    "2001_utf16_units": (Paragraph("a" * 2_001),),
    "4000_utf16_units": (Paragraph("\U0001f600" * 2_000),),
    "zwj_emoji_across_the_cut": (Paragraph("a" * 1_995 + FAMILY * 3),),
    "rtl_and_pt_br_combining": (Paragraph("שלום, a decisão é nossa: ação"), Paragraph(unicodedata.normalize("NFD", "outra ação à toa"))),
    "code_block_with_fence": (Code("```\nnão é o fim\n```\n", "markdown"),),
    "r_10_a_r_20_is_no_formula": (Paragraph("de R$ 10 a R$ 20, ou $x$"),),
    "link_with_parentheses": (Paragraph((link("aqui", "https://example.com/a_(b)?c=(d)"), " está")),),
    "empty_rich_text": (Paragraph(""), Paragraph("depois do vazio")),
    "adjacent_equal_runs_merged_on_read": (Paragraph((Span("um "), Span("dois "), bold("três "), bold("quatro"))),),
}


@pytest.mark.parametrize("name", CASES)
def test_document(name: str, desk: Desk) -> None:
    document = page(*CASES[name])
    desk.knowledge.publish(KEY, document)
    row = desk.knowledge.store.page(KEY)
    assert row is not None
    stands = desk.knowledge.workspace.read(row.ref or "", [row.known]).blocks
    wanted = desk.knowledge.workspace.form(KEY, document)
    assert [block_hash(each.block) for each in stands] == [block_hash(each) for each in units(canonical_blocks(wanted))]
    desk.write("uma nota da Ana")
    desk.knowledge.sync()
    report = desk.knowledge.sync()
    assert (report.writes, report.events, report.conflicts, desk.knowledge.outbox_size()) == (0, 0, 0, 0)
    assert not desk.knowledge.events(), "what a place keeps of a document must not look like an edit"
    desk.knowledge.publish(KEY, page("tudo é outro agora"))
    assert sorted(desk.shown()[1:]) == ["tudo é outro agora", "uma nota da Ana"]


def test_lone_surrogate(desk: Desk) -> None:
    """Half a character can be written nowhere: it becomes the sign for what cannot be shown, and the page is published."""
    desk.knowledge.publish(KEY, page("antes \ud83d depois"))
    assert desk.shown()[1:] == ["antes \ufffd depois"]
    assert desk.knowledge.sync().writes == 0
