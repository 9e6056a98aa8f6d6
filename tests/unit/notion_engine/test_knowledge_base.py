"""Publishing to a folder: what people do stays, and everything is told once."""

from pathlib import Path

from notion_sync.documents.tree import Document, Heading, Paragraph
from notion_sync.knowledge import Knowledge

PAGE = "relatorios/2026-11-22/varejo.md"


def opened(root: Path) -> Knowledge:
    return Knowledge(root / "notion", root / "knowledge" / "sync.db")


def page(*texts: str) -> Document:
    return Document("Página", {"tipo": "relatorio"}, (Heading(2, "Decisão", "d-12345678"), *map(Paragraph, texts)))


def test_a_second_publication_writes_nothing(tmp_path: Path) -> None:
    knowledge = opened(tmp_path)
    assert knowledge.publish(PAGE, page("um"), {"g.png": b"png"}).is_changed
    before = (tmp_path / "notion" / PAGE).stat().st_mtime_ns
    assert not knowledge.publish(PAGE, page("um"), {"g.png": b"png"}).is_changed
    assert (tmp_path / "notion" / PAGE).stat().st_mtime_ns == before
    assert knowledge.sync().writes == 0 and knowledge.outbox_size() == 0


def test_an_edit_survives_and_the_machines_version_is_a_conflict(tmp_path: Path) -> None:
    knowledge = opened(tmp_path)
    file = knowledge.publish(PAGE, page("um", "dois")).path
    file.write_text(file.read_text("utf-8").replace("dois", "dois, corrigido") + "\nUma nota\n", "utf-8")
    published = knowledge.publish(PAGE, page("um!", "dois novo"))
    text = file.read_text("utf-8")
    assert "um!" in text and "dois, corrigido" in text and "Uma nota" in text and "dois novo" not in text
    assert published.conflict is not None and "dois novo" in published.conflict.read_text("utf-8")
    (conflict,) = knowledge.conflicts()
    assert (conflict.before, conflict.after) == ("dois, corrigido", "dois novo")
    assert conflict.key.startswith("d-12345678/")
    knowledge.resolve(conflict.id, "machine")
    assert "dois novo" in file.read_text("utf-8") and not knowledge.conflicts()


def test_a_deleted_page_is_not_made_again_until_it_is_restored(tmp_path: Path) -> None:
    knowledge = opened(tmp_path)
    knowledge.publish("relatorios/outra.md", page("x"))
    file = knowledge.publish(PAGE, page("um")).path
    file.unlink()
    knowledge.publish(PAGE, page("dois"))
    assert not file.exists()
    assert [event.kind for event in knowledge.events()] == ["deleted"]
    knowledge.restore(PAGE)
    assert "dois" in file.read_text("utf-8")


def test_a_comment_is_told_once(tmp_path: Path) -> None:
    knowledge = opened(tmp_path)
    file = knowledge.publish(PAGE, page("um")).path
    file.with_suffix(".comentarios.jsonl").write_text("Ana Souza: por que um?\n", "utf-8")
    assert [knowledge.sync().events for _ in range(2)] == [1, 0]
    knowledge.publish(PAGE, page("um"))
    assert [(event.kind, event.who, event.after) for event in knowledge.events()] == [("commented", "Ana Souza", "por que um?")]


def test_front_matter_that_cannot_be_read_suspends_the_page(tmp_path: Path) -> None:
    knowledge = opened(tmp_path)
    file = knowledge.publish(PAGE, page("um")).path
    good = file.read_text("utf-8")
    file.write_text(good.replace("tipo: relatorio", "tipo: [relatorio"), "utf-8")
    assert knowledge.sync().suspended == 1
    file.write_text(good, "utf-8")
    assert knowledge.sync().suspended == 0
    assert [event.kind for event in knowledge.events()] == ["suspended", "restored"]
