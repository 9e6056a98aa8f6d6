"""A process that dies around the moment at which a page's file is replaced: the next one knows exactly whether it was."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from notion_sync.documents.tree import Block, Document, Heading, Paragraph
from notion_sync.knowledge import Knowledge
from notion_sync.sync.store import Note, Row, Store
from notion_sync.workspaces.drafts import DRAFTS

PAGE = "relatorios/2026-11-22/varejo.md"


class Crash(BaseException):
    """The process died here."""


def opened(root: Path) -> Knowledge:
    return Knowledge(root / "notion", root / "knowledge" / "sync.db")


def page(*texts: str) -> Document:
    blocks: tuple[Block, ...] = (Heading(2, "Decisão", "d-12345678"), *map(Paragraph, texts))
    return Document("Página", {"tipo": "relatorio"}, blocks)


def dies(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """The next publication dies right before, or right after, the file is replaced."""
    if moment == "before":
        noted: Callable[..., None] = Store.intend

        def intend(self: Store, key: str, kind: str, body: Mapping[str, Any]) -> None:
            noted(self, key, kind, body)
            raise Crash

        monkeypatch.setattr(Store, "intend", intend)
    else:

        def commit(self: Store, row: Row, notes: list[Note], *more: object) -> Row:
            raise Crash

        monkeypatch.setattr(Store, "commit", commit)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("is_rewritten", [False, True])
def test_a_dropped_block_goes_and_a_new_one_comes_once(
    moment: str, is_rewritten: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(tmp_path).publish(PAGE, page("um", "dois", "três")).path
    with monkeypatch.context() as patch:
        dies(patch, moment)
        with pytest.raises(Crash):
            opened(tmp_path).publish(PAGE, page("um", "quatro"))
    if is_rewritten:  # a person who leaves nothing by which the state before could be told from the one after
        text = file.read_text("utf-8")
        file.write_text(text.replace("um", "uma nota da Ana"), "utf-8")
    knowledge = opened(tmp_path)
    knowledge.publish(PAGE, page("um", "quatro"))
    shown = file.read_text("utf-8")
    assert [shown.count(word) for word in ("dois", "três", "quatro")] == [0, 0, 1]
    assert shown.count("uma nota da Ana" if is_rewritten else "um") == 1
    assert [event.kind for event in knowledge.events()] == (["edited"] if is_rewritten else [])
    assert knowledge.sync().writes == 0 and knowledge.outbox_size() == 0
    assert not list((tmp_path / "notion" / DRAFTS).iterdir())


def test_what_a_person_did_before_the_crash_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(tmp_path).publish(PAGE, page("um", "dois")).path
    file.write_text(file.read_text("utf-8").replace("dois", "dois, corrigido"), "utf-8")
    for attempt in range(2):
        with monkeypatch.context() as patch:
            dies(patch, "after")
            with pytest.raises(Crash):
                opened(tmp_path).publish(PAGE, page(f"um {attempt}", "dois"))
    knowledge = opened(tmp_path)
    knowledge.sync()
    knowledge.sync()
    assert [(event.kind, event.after) for event in knowledge.events()] == [("edited", "dois, corrigido")]


def test_a_page_that_is_deleted_right_after_it_was_made_stays_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path).publish("relatorios/outra.md", page("x"))
    with monkeypatch.context() as patch:
        dies(patch, "after")
        with pytest.raises(Crash):
            opened(tmp_path).publish(PAGE, page("um"))
    (tmp_path / "notion" / PAGE).unlink()
    knowledge = opened(tmp_path)
    knowledge.publish(PAGE, page("um"))
    assert not (tmp_path / "notion" / PAGE).exists()
    assert [event.kind for event in knowledge.events()] == ["deleted"]


def test_a_suspended_page_keeps_what_is_unaccounted_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(tmp_path).publish(PAGE, page("um")).path
    with monkeypatch.context() as patch:
        dies(patch, "after")
        with pytest.raises(Crash):
            opened(tmp_path).publish(PAGE, page("um", "dois"))
    good = file.read_text("utf-8")
    file.write_text(good.replace("tipo: relatorio", "tipo: [relatorio"), "utf-8")
    knowledge = opened(tmp_path)
    assert knowledge.sync().suspended == 1 and knowledge.outbox_size() == 1
    file.write_text(good, "utf-8")
    knowledge.sync()
    assert file.read_text("utf-8") == good and knowledge.outbox_size() == 0
    assert [event.kind for event in knowledge.events()] == ["suspended", "restored"]
