"""What is written can be read back: tree → Markdown → tree and tree → Notion blocks → tree, for any tree."""

from __future__ import annotations

from typing import Any

import pytest
from document_trees import blocks, documents, texts
from hypothesis import HealthCheck, given, settings

from notion_sync.documents.canonical import blocks_hash, canonical, canonical_blocks, document_hash
from notion_sync.documents.inline import plain, spans
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.documents.notion_form import notion_form
from notion_sync.documents.notion_reader import read_blocks
from notion_sync.documents.notion_writer import to_blocks
from notion_sync.documents.tree import Document, Paragraph, Table

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=80)


@slow
@given(documents)
def test_any_document_reads_back_from_its_markdown(document: Document) -> None:
    assert canonical(read_markdown(to_markdown(document))) == canonical(document)


@slow
@given(documents)
def test_markdown_written_again_is_the_same_bytes(document: Document) -> None:
    once = to_markdown(canonical(document))
    assert to_markdown(canonical(read_markdown(once))) == once


@slow
@given(texts)
def test_any_line_of_text_reads_back_with_its_styles(text: Any) -> None:
    document = Document("t", {}, (Paragraph(("x ", *text) if isinstance(text, tuple) else text), Table((text, "b"), ((text, text),))))
    assert canonical(read_markdown(to_markdown(document))) == canonical(document)


@slow
@given(blocks(has_local_pictures=False))
def test_any_blocks_read_back_from_notion_as_what_notion_keeps(tree: Any) -> None:
    kept = notion_form(tree)
    assert canonical_blocks(read_blocks(to_blocks(tree))) == kept
    assert notion_form(kept) == kept


@slow
@given(documents)
def test_the_canonical_form_is_stable_and_has_one_hash(document: Document) -> None:
    form = canonical(document)
    assert canonical(form) == form
    assert document_hash(form) == document_hash(document)
    assert blocks_hash(form.blocks) == blocks_hash(document.blocks)


@slow
@given(texts)
def test_runs_are_canonical_after_one_pass(text: Any) -> None:
    assert spans(spans(text)) == spans(text)
    assert plain(spans(text)) == plain(text)
