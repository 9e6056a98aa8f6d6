"""The Markdown writer, read back by an independent CommonMark parser."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from notion_sync.documents.inline import Inline, Span, bold, code, link, plain
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.documents.tree import BulletList, Callout, Code, Divider, Document, Heading, Image, Paragraph, Table

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

awkward = st.text(alphabet=st.sampled_from(list("a1 .)*_`[]()<>~|\\&#;!+-=:\"'\n\téü“”€ \u00a0\u200b😀")), max_size=12)
texts = st.one_of(st.text(max_size=30), awkward)
styled = st.builds(Span, texts, is_bold=st.booleans(), link=st.none() | st.sampled_from(["a b.md#x", "https://e.x/(é)?a=1"]))
inlines = st.one_of(texts, st.lists(st.one_of(texts, styled, st.builds(code, texts)), max_size=5).map(tuple))


def body(document: Document) -> list[Token]:
    text = to_markdown(document)
    assert text.startswith("# "), "no front matter in these documents"
    return PARSER.parse(text)


def after(lead: str, text: Inline) -> tuple[str | Span, ...]:
    return (lead, *text) if isinstance(text, tuple) else (lead, text)


def visible(token: Token) -> str:
    assert token.children is not None
    kinds = {child.type for child in token.children}
    assert kinds <= {"text", "code_inline", "strong_open", "strong_close", "link_open", "link_close", "html_inline"}
    return "".join(child.content for child in token.children if child.type in {"text", "code_inline"})


def inline_tokens(tokens: list[Token]) -> list[Token]:
    return [token for token in tokens if token.type == "inline"]


@given(inlines)
@example(("a", bold('"b"'), "c"))
@example(("x!", link("y", "z.md")))
@example(("a\\", code("|`"), bold("*")))
def test_any_paragraph_reads_back_as_the_same_visible_text(text: Inline) -> None:
    tokens = body(Document("t", blocks=(Paragraph(text), Paragraph("end"))))[3:]
    shown = [visible(token) for token in inline_tokens(tokens)]
    assert [token.type for token in tokens][::3] == ["paragraph_open"] * len(shown)
    assert shown == ([plain(text)] if plain(text) else []) + ["end"]


@given(st.lists(inlines, min_size=4, max_size=4))
def test_any_table_keeps_its_cells_and_their_visible_text(cells: list[Inline]) -> None:
    table = Table((cells[0], cells[1]), ((cells[2], cells[3]),), right=frozenset({1}))
    tokens = body(Document("t", blocks=(table,)))[3:]
    assert tokens[0].type == "table_open"
    assert [visible(token) for token in inline_tokens(tokens)] == [plain(cell) for cell in cells]


@given(inlines, inlines)
def test_headings_callouts_and_list_items_read_back_as_the_same_visible_text(first: Inline, second: Inline) -> None:
    blocks = (Heading(2, after("h", first), anchor="a-1"), Callout(second), BulletList((after("i", first), after("j", second))))
    tokens = inline_tokens(body(Document("t", blocks=blocks)))[1:]
    lead = "Nota: " if plain(second) else "Nota:"
    expected = [plain(after("h", first)), lead + plain(second), plain(after("i", first)), plain(after("j", second))]
    assert [visible(token) for token in tokens] == expected


@given(st.lists(st.tuples(st.booleans(), st.text(alphabet="ab .*“€", min_size=1, max_size=4)), min_size=1, max_size=4))
def test_bold_stays_bold_whatever_its_neighbours_are(runs: list[tuple[bool, str]]) -> None:
    text = tuple(Span(words, is_bold=is_bold) for is_bold, words in runs)
    tokens = body(Document("t", blocks=(Paragraph(("[", *text, "]")),)))
    strong, is_strong = "", False
    for child in inline_tokens(tokens)[1].children or []:
        is_strong = (is_strong or child.type == "strong_open") and child.type != "strong_close"
        strong += child.content if is_strong else ""
    said = "".join(words for is_bold, words in runs if is_bold)
    assert strong.replace(" ", "") == said.replace(" ", "")


@given(st.text(max_size=20))
def test_any_title_is_one_heading(title: str) -> None:
    tokens = inline_tokens(body(Document(f"t {title}")))
    assert [visible(token) for token in tokens] == [plain(f"t {title}")]


@given(st.text(max_size=40))
def test_a_code_block_keeps_its_lines(text: str) -> None:
    tokens = body(Document("t", blocks=(Code(f"x{text}"), Paragraph("end"))))
    assert [token.type for token in tokens].count("fence") == 1
    assert visible(inline_tokens(tokens)[-1]) == "end"


@pytest.mark.parametrize("text", ["# x", "- x", "+ x", "1. x", "12) x", "> x", "===", "---", "``` x", "| a | b |", ":-:"])
def test_a_paragraph_that_looks_like_markup_stays_a_paragraph(text: str) -> None:
    tokens = body(Document("t", blocks=(Paragraph(text),)))[3:]
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]


def test_a_page_has_one_canonical_form() -> None:
    document = Document(
        "Relatório – Varejo",
        {"tipo": "relatorio", "agente": "varejo", "decisoes": 2, "versao_politicas": ("b@1", "c@2")},
        (
            Paragraph(("Ver ", link("o registro", "../a b.md#d-1"), " e ", bold("cama_mesa"), " já")),
            BulletList(("um", "dois")),
            BulletList(("outro",)),
            Callout("cuidado", "warning"),
            Table(("Ação", "Valor"), (("a|b", "R$ 1"),), right=frozenset({1})),
            Image("g.png", "Um [gráfico]"),
            Divider(),
            Code("eco approve 1", "bash"),
        ),
    )
    assert to_markdown(document) == (
        "---\nagente: varejo\ndecisoes: 2\ntipo: relatorio\nversao_politicas:\n- b@1\n- c@2\n---\n\n"
        "# Relatório – Varejo\n\n"
        "Ver [o registro](../a%20b.md#d-1) e **cama\\_mesa** já\n\n"
        "- um\n- dois\n\n<!-- -->\n\n- outro\n\n"
        "> **Atenção:** cuidado\n\n"
        "| Ação | Valor |\n| --- | ---: |\n| a\\|b | R$ 1 |\n\n"
        "![Um \\[gráfico\\]](imagens/g.png)\n\n---\n\n```bash\neco approve 1\n```\n"
    )


def test_the_order_in_which_properties_are_given_does_not_matter() -> None:
    assert to_markdown(Document("t", {"a": 1, "b": 2})) == to_markdown(Document("t", {"b": 2, "a": 1}))


def test_a_ragged_table_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1 has 1 cells"):
        Table(("a", "b"), (("x",),))
