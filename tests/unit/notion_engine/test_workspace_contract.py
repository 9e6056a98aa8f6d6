"""What every workspace keeps to, call by call (`workspaces/protocol.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from desks import KEY, Desk, page

from notion_sync.approval_pages import STATUS
from notion_sync.documents.markdown_writer import write_blocks
from notion_sync.documents.tree import Document, Paragraph
from notion_sync.sync.merge import Delete, Insert, Suggest, Update, block_hash
from notion_sync.workspaces.protocol import TITLE, Known, Page, PageDeleted, Workspace, Written


class Bench:
    """A page with three blocks, read."""

    def __init__(self, desk: Desk) -> None:
        desk.knowledge.publish(KEY, page("primeiro texto longo", "segundo texto longo"))
        row = desk.knowledge.store.page(KEY)
        assert row is not None
        assert row.ref is not None
        self.ref, self.desk = row.ref, desk
        self.place: Workspace = desk.knowledge.workspace
        self.noted: list[str] = []
        self.known: tuple[Known, ...] = row.known

    def read(self) -> Page:
        return self.place.read(self.ref, [self.known])

    def texts(self) -> list[str]:
        return [write_blocks([each.block]) for each in self.read().blocks][1:]

    def apply(self, page: Page, operations: Sequence[Any], values: Mapping[str, Any] | None = None) -> Written:
        done = self.place.apply(page, operations, values or {}, {}, lambda kind, body: self.noted.append(kind))
        self.known = done.known or tuple(Known(each.id, block_hash(each.block), write_blocks([each.block])) for each in self.read().blocks)
        return done


@pytest.fixture
def bench(desk: Desk) -> Bench:
    return Bench(desk)


def test_find_knows_pages_by_their_key(bench: Bench) -> None:
    assert bench.place.find(KEY) == bench.ref
    assert bench.place.find("relatorios/nenhum.md") is None


def test_create_makes_one_page_that_find_finds(bench: Bench) -> None:
    made = bench.place.create("relatorios/outra.md", page("x"))
    bench.place.apply(bench.place.read(made, [()]), [], {TITLE: "Outra"}, {}, lambda kind, body: None)
    assert bench.place.find("relatorios/outra.md") == made != bench.ref


def test_read_gives_title_properties_and_units_that_keep_their_ids(bench: Bench) -> None:
    first, second = bench.read(), bench.read()
    assert first.properties[TITLE] == "Relatório"
    assert first.properties[STATUS] == "Proposta"
    assert [each.id for each in first.blocks] == [each.id for each in second.blocks]
    assert bench.texts() == ["primeiro texto longo", "segundo texto longo"]


def test_form_is_what_is_read_back(bench: Bench) -> None:
    expected = bench.place.form(KEY, page("primeiro texto longo", "segundo texto longo"))
    assert [block_hash(each.block) for each in bench.read().blocks] == [block_hash(block) for block in expected]


def test_apply_inserts_behind_a_block_and_behind_another_insert(bench: Bench) -> None:
    standing = bench.read()
    operations = [Insert("a", Paragraph("um"), after=standing.blocks[1].id), Insert("b", Paragraph("dois"), after_key="a")]
    done = bench.apply(standing, operations)
    assert set(done.ids) == {"a", "b"}
    assert not done.refused
    assert bench.texts() == ["primeiro texto longo", "um", "dois", "segundo texto longo"]
    assert bench.noted


def test_apply_updates_deletes_and_notes_it_before(bench: Bench) -> None:
    standing = bench.read()
    one, two = standing.blocks[1:]
    done = bench.apply(
        standing,
        [Update("a", one.id, Paragraph("outro texto longo"), block_hash(one.block)), Delete("b", two.id, block_hash(two.block))],
    )
    assert not done.refused
    assert bench.texts() == ["outro texto longo"]
    assert bench.noted


def test_apply_refuses_what_a_person_changed_meanwhile(bench: Bench) -> None:
    standing = bench.read()
    one, two = standing.blocks[1:]
    bench.desk.edit("primeiro", "da Ana, um")
    bench.desk.edit("segundo", "da Ana, dois")
    done = bench.apply(
        standing,
        [Update("a", one.id, Paragraph("outro texto longo"), block_hash(one.block)), Delete("b", two.id, block_hash(two.block))],
    )
    assert {"a", "b"} <= done.refused
    assert bench.texts() == ["da Ana, um", "da Ana, dois"]


def test_apply_writes_properties_and_the_title(bench: Bench) -> None:
    bench.apply(bench.read(), [], {STATUS: "Aprovada", TITLE: "Outro título"})
    found = bench.read().properties
    assert (found[STATUS], found[TITLE]) == ("Aprovada", "Outro título")


def test_a_suggestion_is_a_comment_of_ours_made_once(bench: Bench) -> None:
    for _ in range(2):
        standing = bench.read()
        bench.apply(standing, [Suggest("a", standing.blocks[1].id, Paragraph("sugerido"))])
    ours = [each for each in bench.place.comments(bench.ref) if each.is_ours]
    assert ["sugerido" in each.text for each in ours] == [True]
    assert bench.texts() == ["primeiro texto longo", "segundo texto longo"]


def test_comments_say_who_and_come_from_the_places_asked_about(bench: Bench) -> None:
    bench.desk.comment("por quê?")
    (said,) = bench.place.comments(bench.ref)
    assert said.text == "por quê?"
    assert "Ana Souza" in said.who
    assert not said.is_ours
    assert list(bench.place.comments(bench.ref, [""])) == [said]


def test_value_is_what_is_read_back(bench: Bench) -> None:
    assert bench.place.value(STATUS, "Em análise") == "Em análise"


def test_changed_names_a_page_that_a_person_changed(bench: Bench) -> None:
    bench.desk.edit("primeiro", "da Ana")
    assert KEY in set(bench.place.changed({KEY: (bench.ref, bench.read().etag)}))


def test_settle_leaves_what_did_not_happen(bench: Bench) -> None:
    bench.place.settle([])
    assert bench.texts() == ["primeiro texto longo", "segundo texto longo"]


def test_a_deleted_page_says_so_and_is_back_when_it_is(bench: Bench) -> None:
    bench.desk.trash()
    with pytest.raises(PageDeleted):
        bench.read()
    bench.place.changed({})
    assert not bench.place.is_back(bench.ref)
    bench.desk.take_back()
    bench.place.changed({})
    assert bench.place.is_back(bench.ref)


def test_accepted_states_do_not_change_the_page(bench: Bench) -> None:
    before = bench.texts()
    bench.place.accepted(KEY, bench.ref, Document("x"), {})
    assert bench.texts() == before
