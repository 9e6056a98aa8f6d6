"""Documents as hypothesis draws them: everything the tree can say, with texts that are hard to write."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from notion_sync.documents.inline import LINE_BREAK, Span, formula, mention
from notion_sync.documents.tree import (
    BulletList,
    Callout,
    Code,
    Divider,
    Document,
    Equation,
    Heading,
    Image,
    Item,
    NumberedList,
    Opaque,
    Paragraph,
    Quote,
    Table,
    TodoList,
    Toggle,
)

AWKWARD = [*"a1 .)*_`[]()<>~|\\&#;!+-=:\"'$\n\téü“”€ \u00a0\u200b😀", "👩\u200d👩\u200d👧", "e\u0301", "Nota:", "\ud83d"]
words = st.text(max_size=8) | st.lists(st.sampled_from(AWKWARD), max_size=8).map("".join)
links = st.none() | st.sampled_from(["https://e.x/(é)?a=1|2", "https://e.x/k#b", "mailto:a@e.x"])
styles = st.builds(
    Span, words, is_bold=st.booleans(), is_code=st.booleans(), link=links, is_italic=st.booleans(), is_strike=st.booleans(),
    is_underline=st.booleans(), color=st.sampled_from(["default", "default", "red", "blue_background"]),
)  # fmt: skip
mentions = st.builds(mention, words, st.sampled_from([json.dumps({"type": "user", "user": {"id": 'u"<1>|'}}, separators=(",", ":"))]))
equations = st.builds(formula, st.text(alphabet="x^2`$\\|{} ", min_size=1, max_size=6))
runs = st.one_of(words, styles, styles, st.just(LINE_BREAK), mentions, equations)
texts = st.one_of(words, st.lists(runs, max_size=4).map(tuple))
ADDRESSES = ("https://e.x/p.png", "grafico-1.png")
opaque = st.just(Opaque("notion", "bookmark", '{"bookmark":{"caption":[],"url":"https://e.x/-->"},"object":"block","type":"bookmark"}'))


def leaves(*, has_local_pictures: bool) -> st.SearchStrategy[Any]:
    """Blocks without children."""
    names = st.sampled_from(ADDRESSES if has_local_pictures else ADDRESSES[:1])
    return st.one_of(
        st.builds(Heading, st.integers(2, 4), texts, st.none()),
        st.builds(Paragraph, texts),
        st.builds(Code, words, st.sampled_from(["", "python", "sql", "math"])),
        st.builds(Equation, words),
        st.builds(Image, names, words),
        st.just(Divider()),
        opaque,
        st.integers(1, 3).flatmap(tables),
    )


def tables(width: int) -> st.SearchStrategy[Table]:
    """Tables of one width, with and without a header."""
    row = st.lists(texts, min_size=width, max_size=width).map(tuple)
    return st.builds(Table, row | st.just(()), st.lists(row, max_size=3).map(tuple))


def _with_children(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    inside = st.lists(children, max_size=3).map(tuple)
    items = st.lists(texts | st.builds(Item, texts, inside, st.booleans()), max_size=3).map(tuple)
    return st.one_of(
        st.builds(Paragraph, texts, inside),
        st.builds(Quote, texts, inside),
        st.builds(Callout, texts, st.sampled_from(["note", "success", "warning", "danger"]), inside, st.sampled_from([None, "💡", "🔥"])),
        st.builds(Toggle, texts, inside, st.none() | st.integers(2, 4)),
        st.builds(BulletList, items),
        st.builds(NumberedList, items, st.sampled_from([1, 1, 9])),
        st.builds(TodoList, items),
    )


def blocks(*, has_local_pictures: bool = True) -> st.SearchStrategy[Any]:
    """Any blocks, nested a few levels."""
    return st.lists(st.recursive(leaves(has_local_pictures=has_local_pictures), _with_children, max_leaves=6), max_size=4).map(tuple)


values = words | st.integers() | st.booleans() | st.none() | st.dates() | st.tuples(words)
properties = st.dictionaries(st.sampled_from(["tipo", "valor", "dia", "x y"]), values, max_size=3)
documents = st.builds(Document, words, properties, blocks())
