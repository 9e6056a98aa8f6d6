"""The merge of blocks: for any history no word of a person is lost, nothing is doubled, and a second look finds nothing to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from notion_sync.documents.inline import plain
from notion_sync.documents.tree import Paragraph
from notion_sync.sync.merge import Delete, Desired, Entry, Insert, Plan, Remote, Suggest, Update, block_hash, merge


def said(key: str, text: str, **more: Any) -> Desired:
    return Desired(key, Paragraph(text), **more)


def stands(identity: str, text: str, **more: Any) -> Remote:
    return Remote(identity, Paragraph(text), **more)


def known(key: str, identity: str, text: str, **more: Any) -> Entry:
    digest = block_hash(Paragraph(text))
    return Entry(key, identity, digest, digest, **more)


def kinds(plan: Plan) -> list[str]:
    return [type(operation).__name__ for operation in plan.operations]


def events(plan: Plan) -> list[str]:
    return [event.kind for event in plan.events]


def test_nothing_changed_nothing_is_done() -> None:
    plan = merge([known("a", "1", "x")], [said("a", "x")], [stands("1", "x")])
    assert (plan.operations, plan.events, plan.entries) == ((), (), (known("a", "1", "x"),))


def test_what_only_the_machine_changed_is_updated_on_a_condition() -> None:
    plan = merge([known("a", "1", "x")], [said("a", "y")], [stands("1", "x")])
    assert plan.operations == (Update("a", "1", Paragraph("y"), expect=block_hash(Paragraph("x"))),)
    assert events(plan) == []


def test_what_only_a_person_changed_stands() -> None:
    plan = merge([known("a", "1", "x")], [said("a", "x")], [stands("1", "person")])
    assert (kinds(plan), events(plan), plan.entries[0].state) == ([], ["edited"], "human")


def test_what_both_changed_stays_the_persons_and_the_machine_suggests_once() -> None:
    plan = merge([known("a", "1", "x")], [said("a", "y")], [stands("1", "person")])
    assert plan.operations == (Suggest("a", "1", Paragraph("y")),)
    assert events(plan) == ["edited", "conflict"]
    again = merge(plan.entries, [said("a", "y")], [stands("1", "person")])
    assert (again.operations, again.events) == ((), ())
    newer = merge(plan.entries, [said("a", "z")], [stands("1", "person")])
    assert kinds(newer) == ["Suggest"]


def test_a_suggestion_that_a_person_takes_over_gives_the_block_back() -> None:
    conflict = merge([known("a", "1", "x")], [said("a", "y")], [stands("1", "person")])
    taken = merge(conflict.entries, [said("a", "y")], [stands("1", "y")])
    assert (events(taken), taken.entries[0].state) == (["edited", "accepted"], "machine")
    assert kinds(merge(taken.entries, [said("a", "z")], [stands("1", "y")])) == ["Update"]


def test_equal_changes_of_both_are_no_conflict() -> None:
    plan = merge([known("a", "1", "x")], [said("a", "y")], [stands("1", "y")])
    assert (kinds(plan), events(plan), plan.entries[0].state) == ([], ["edited"], "machine")


def test_what_a_person_deletes_is_not_made_again() -> None:
    plan = merge([known("a", "1", "x")], [said("a", "y")], [])
    assert (kinds(plan), events(plan), plan.entries[0].state) == ([], ["deleted"], "deleted")
    again = merge(plan.entries, [said("a", "z")], [])
    assert (again.operations, again.events) == ((), ())


@pytest.mark.parametrize(
    ("remote", "operations", "happened"),
    [
        (stands("1", "x"), ["Delete"], []),
        (stands("1", "person"), [], ["handed_over"]),
        (stands("1", "x", has_open_comments=True), [], ["handed_over"]),
    ],
)
def test_what_the_machine_no_longer_says_goes_only_if_nobody_touched_it(remote: Remote, operations: list[str], happened: list[str]) -> None:
    plan = merge([known("a", "1", "x")], [], [remote])
    assert (kinds(plan), events(plan), plan.entries) == (operations, happened, ())


def test_new_blocks_go_behind_what_the_machine_said_before_them() -> None:
    base = [known("a", "1", "a"), known("c", "3", "c")]
    desired = [said("0", "0"), said("a", "a"), said("b", "b"), said("b2", "b2"), said("c", "c")]
    plan = merge(base, desired, [stands("1", "a"), stands("9", "person"), stands("3", "c")])
    assert plan.operations == (
        Insert("0", Paragraph("0")),
        Insert("b", Paragraph("b"), after="1"),
        Insert("b2", Paragraph("b2"), after_key="b"),
    )


def test_entries_of_a_log_are_only_added() -> None:
    base = [known("l1", "1", "um", is_append_only=True)]
    plan = merge(base, [said("l1", "mudado", is_append_only=True), said("l2", "dois", is_append_only=True)], [stands("1", "um")])
    assert kinds(plan) == ["Insert"]
    assert merge(base, [], [stands("1", "um")]).operations == ()


def test_a_key_that_names_two_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="two blocks"):
        merge([], [said("a", "x"), said("a", "y")], [])


class Page:
    """A page on which plans are carried out as the engine must: on condition, and read back."""

    def __init__(self) -> None:
        self.blocks: list[Remote] = []
        self.entries: list[Entry] = []
        self.made = 0

    def add(self, text: str, at: int) -> Remote:
        self.made += 1
        block = stands(f"id{self.made}", text)
        self.blocks.insert(at, block)
        return block

    def index(self, identity: str) -> int:
        return next(index for index, block in enumerate(self.blocks) if block.id == identity)

    def sync(self, desired: list[Desired]) -> Plan:
        plan = merge(self.entries, desired, self.blocks)
        ids: dict[str, str] = {}
        for operation in plan.operations:
            match operation:
                case Insert(key, block, after, after_key):
                    behind = after if after is not None else ids.get(after_key or "")
                    made = self.add(plain(block.text), 0 if behind is None else self.index(behind) + 1)  # type: ignore[union-attr]
                    ids[key] = made.id
                case Update(_, identity, block, expect):
                    at = self.index(identity)
                    assert block_hash(self.blocks[at].block) == expect
                    self.blocks[at] = replace(self.blocks[at], block=block)
                case Delete(_, identity, expect):
                    at = self.index(identity)
                    assert block_hash(self.blocks[at].block) == expect
                    del self.blocks[at]
                case Suggest():
                    pass
        self.entries = [replace(entry, block_id=ids.get(entry.key, entry.block_id)) for entry in plan.entries]
        return plan


KEYS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)


class Histories(RuleBasedStateMachine):
    """A machine that says things and people who edit, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.desired: list[Desired] = []
        self.human: dict[str, str] = {}
        self.words = 0

    def word(self, who: str) -> str:
        self.words += 1
        return f"{who}{self.words}"

    @rule(keys=KEYS, is_new=st.booleans())
    def machine_says(self, keys: list[str], is_new: bool) -> None:
        old = {each.key: each for each in self.desired}
        self.desired = [said(key, self.word("m")) if is_new or key not in old else old[key] for key in keys]

    @rule(data=st.data())
    def person_edits(self, data: st.DataObject) -> None:
        if self.page.blocks:
            at = data.draw(st.integers(0, len(self.page.blocks) - 1))
            text = self.word("person")
            self.page.blocks[at] = replace(self.page.blocks[at], block=Paragraph(text))
            self.human[self.page.blocks[at].id] = text

    @rule(data=st.data())
    def person_writes(self, data: st.DataObject) -> None:
        text = self.word("person")
        self.human[self.page.add(text, data.draw(st.integers(0, len(self.page.blocks)))).id] = text

    @rule(data=st.data())
    def person_deletes(self, data: st.DataObject) -> None:
        if self.page.blocks:
            gone = self.page.blocks.pop(data.draw(st.integers(0, len(self.page.blocks) - 1)))
            self.human.pop(gone.id, None)

    @rule(data=st.data())
    def person_moves(self, data: st.DataObject) -> None:
        if self.page.blocks:
            block = self.page.blocks.pop(data.draw(st.integers(0, len(self.page.blocks) - 1)))
            self.page.blocks.insert(data.draw(st.integers(0, len(self.page.blocks))), block)

    @rule()
    def sync(self) -> None:
        tombstones = {entry.key for entry in self.page.entries if entry.state == "deleted"}
        plan = self.page.sync(self.desired)
        again = merge(self.page.entries, self.desired, self.page.blocks)
        assert (again.operations, again.events) == ((), ()), "a second look finds nothing to do"
        shown = {block.id: plain(block.block.text) for block in self.page.blocks}  # type: ignore[union-attr]
        held = {entry.key: entry for entry in self.page.entries}
        for each in self.desired:
            entry = held[each.key]
            if entry.state == "machine":
                assert shown[entry.block_id or ""] == plain(each.block.text)  # type: ignore[union-attr]
        assert not tombstones & {operation.key for operation in plan.operations}
        assert tombstones <= {entry.key for entry in self.page.entries if entry.state == "deleted"}

    @invariant()
    def no_human_text_is_lost(self) -> None:
        shown = {block.id: plain(block.block.text) for block in self.page.blocks}  # type: ignore[union-attr]
        assert {identity: shown.get(identity) for identity in self.human} == self.human

    @invariant()
    def nothing_is_doubled(self) -> None:
        ids = [entry.block_id for entry in self.page.entries if entry.state != "deleted"]
        texts = [plain(block.block.text) for block in self.page.blocks]  # type: ignore[union-attr]
        assert len(ids) == len(set(ids))
        assert len(texts) == len(set(texts))


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=120, stateful_step_count=25, deadline=None)


@given(KEYS)
def test_a_first_publish_is_in_the_order_that_was_said(keys: list[str]) -> None:
    page = Page()
    page.sync([said(key, key) for key in keys])
    assert [plain(block.block.text) for block in page.blocks] == keys  # type: ignore[union-attr]
