"""Markdown that people write is understood where the tree has a word for it, and kept as it stands where it has none."""

from __future__ import annotations

from datetime import date

import pytest

from eco_assets.errors import PermanentError
from notion_sync.documents.canonical import canonical, canonical_blocks
from notion_sync.documents.inline import Span, bold, code, link, plain
from notion_sync.documents.markdown_reader import read_blocks_of, read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.documents.tree import (
    Block,
    BulletList,
    Callout,
    Code,
    Document,
    Equation,
    Heading,
    Item,
    NumberedList,
    Opaque,
    Paragraph,
    Quote,
    Table,
    TodoList,
    Toggle,
)


def blocks(text: str) -> tuple[Block, ...]:
    return canonical_blocks(read_blocks_of(text))


def same(text: str, *expected: Block) -> bool:
    return blocks(text) == canonical_blocks(expected)


def test_a_page_with_front_matter() -> None:
    page = read_markdown("---\nchave: rel-1\ndia: 2026-11-22\nagentes: [varejo, phd]\n---\n\n# Relatório *diário*\n\nTexto\n")
    assert page == Document(
        "Relatório diário", {"chave": "rel-1", "dia": date(2026, 11, 22), "agentes": ("varejo", "phd")}, (Paragraph((Span("Texto"),)),)
    )


def test_front_matter_that_is_no_mapping_is_refused() -> None:
    for text in ("---\n- a\n---\n", "---\na: [\n---\n"):
        with pytest.raises(PermanentError, match="front matter"):
            read_markdown(text)


def test_styles_in_every_spelling() -> None:
    text = "__a__ _b_ *c* **d** ~~e~~ `f` <u>g</u> [h](https://x.y) <https://z.w> i\\\nj"
    (paragraph,) = blocks(text)
    assert isinstance(paragraph, Paragraph)
    assert plain(paragraph.text) == "a b c d e f g h https://z.w i\nj"
    runs = {run.text: run for run in paragraph.text if isinstance(run, Span)}
    assert runs["a"].is_bold and runs["b"].is_italic and runs["e"].is_strike and runs["f"].is_code and runs["g"].is_underline


def test_lines_of_a_paragraph_are_one_line() -> None:
    assert same("um\ndois", Paragraph("um dois"))


def test_money_is_no_formula() -> None:
    assert same("de R$ 10 a R$ 20", Paragraph("de R$ 10 a R$ 20"))
    assert same("$`x^2`$ é", Paragraph((Span("x^2", kind="equation"), " é")))
    money = Document("t", {}, (Paragraph(("US$", code("x"), "$")),))
    assert canonical(read_markdown(to_markdown(money))) == canonical(money)


def test_lists_tasks_and_nesting() -> None:
    text = "- [ ] a\n- [x] b\n  1. c\n  2. d\n\n     mais\n- e\n\n7) f\n"
    assert same(
        text,
        TodoList((Item("a"), Item("b", (NumberedList((Item("c"), Item("d", (Paragraph("mais"),)))),), is_done=True))),
        BulletList(("e",)),
        NumberedList(("f",), 7),
    )


def test_quotes_callouts_and_toggles() -> None:
    text = "> a\n> b\n\n> **Atenção:** c\n>\n> - d\n\n<details>\n<summary>\n\nabrir\n\n</summary>\n\ndentro\n\n</details>\n"
    assert same(
        text,
        Quote("a b"),
        Callout("c", "warning", (BulletList(("d",)),)),
        Toggle("abrir", (Paragraph("dentro"),)),
    )


def test_tables_code_and_equations() -> None:
    assert same("|a|b|\n|-|-:|\n|1|`x\\|y`|\n", Table(("a", "b"), (("1", code("x|y")),), frozenset({1})))
    assert same("```sql\nselect 1\n```\n\n~~~\nx\n~~~\n\n    y\n", Code("select 1", "sql"), Code("x"), Code("y"))
    assert same("```math\nx^2\n```", Equation("x^2"))


def test_a_heading_with_an_anchor_and_links_with_parentheses() -> None:
    assert same('## <a id="a-1"></a>T [x](https://e.x/%28a%29)', Heading(2, ("T ", link("x", "https://e.x/(a)")), "a-1"))


@pytest.mark.parametrize(
    "text",
    [
        "<div>\nolá\n</div>",
        "veja ![x](a.png) aqui",
        '[a](b "título")',
        "###### seis",
        "# outro título",
        "- a\n\n  <aside>\n  x\n  </aside>",
        "<details><summary>x</summary>",
        "a <kbd>Ctrl</kbd> b",
        "<!-- children -->",
        "<!-- notion {broken -->",
    ],
)
def test_what_the_tree_cannot_say_stays_as_it_stands(text: str) -> None:
    page = f"# t\n\nantes\n\n{text}\n\ndepois\n"
    found = read_markdown(page)
    assert [type(block) for block in found.blocks] == [Paragraph, Opaque, Paragraph]
    assert to_markdown(found) == page


def test_windows_line_ends_and_no_title() -> None:
    assert canonical(read_markdown("a\r\n\r\nb\r\n")) == canonical(Document("", {}, (Paragraph("a"), Paragraph("b"))))


def test_composed_and_decomposed_accents_are_one_text() -> None:
    assert canonical_blocks((Paragraph("ação"),)) == canonical_blocks((Paragraph(("ac\u0327a\u0303", bold(""), "o")),))
