"""The merge of properties: each owner's rule, and for any values a person's are never lost where they may stand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notion_sync.sync.properties import Owner, PropertyPlan, Seen, merge_properties

values = st.sampled_from([None, "a", "b", "c", 1])
owners = st.sampled_from(["machine", "human", "shared"])


def plan(owner: Owner, base: Seen | None, desired: Any, remote: Any) -> PropertyPlan:
    return merge_properties({} if base is None else {"p": base}, {"p": desired}, {"p": remote}, {"p": owner})


@pytest.mark.parametrize(
    ("owner", "base", "desired", "remote", "writes", "events"),
    [
        ("machine", Seen("a", "a"), "b", "a", {"p": "b"}, []),
        ("machine", Seen("a", "a"), "a", "person", {"p": "a"}, ["restored"]),
        ("human", Seen("a", "a"), "b", "person", {}, ["changed"]),
        ("human", None, "b", None, {}, []),
        ("shared", Seen("a", "a"), "b", "a", {"p": "b"}, []),
        ("shared", Seen("a", "a"), "a", "person", {}, ["changed"]),
        ("shared", Seen("a", "a"), "b", "person", {}, ["changed", "conflict"]),
        ("shared", Seen("a", "a"), "b", "b", {}, ["changed"]),
        ("shared", Seen("a", "person"), "b", "person", {}, ["conflict"]),
        ("shared", None, "b", None, {"p": "b"}, []),
        ("shared", None, "b", "person", {}, ["conflict"]),
        ("append_only", Seen(("a",), ("a",)), ("a", "b"), ("a", "person"), {"p": ("a", "person", "b")}, ["changed"]),
        ("append_only", Seen(("a",), ("a",)), (), ("a",), {}, []),
    ],
)
def test_each_owner_has_its_rule(owner: Owner, base: Seen | None, desired: Any, remote: Any, writes: Any, events: list[str]) -> None:
    found = plan(owner, base, desired, remote)
    assert (dict(found.writes), [event.kind for event in found.events]) == (writes, events)


def test_a_property_that_was_deleted_or_retyped_is_parked_and_told_once() -> None:
    found = merge_properties({"p": Seen("a", "a")}, {"p": "b"}, {}, {})
    assert (dict(found.writes), [event.kind for event in found.events]) == ({}, ["parked"])
    again = merge_properties(found.base, {"p": "b"}, {}, {})
    assert (dict(again.writes), again.events) == ({}, ())


@given(owners, st.none() | st.builds(Seen, values, values), values, values)
def test_a_second_look_finds_nothing_to_do(owner: Owner, base: Seen | None, desired: Any, remote: Any) -> None:
    first = plan(owner, base, desired, remote)
    again = merge_properties(first.base, {"p": desired}, {"p": first.writes.get("p", remote)}, {"p": owner})
    assert (dict(again.writes), again.events) == ({}, ())


@given(st.sampled_from(["human", "shared"]), values, values, values)
def test_a_persons_value_is_never_overwritten(owner: Owner, said: Any, desired: Any, remote: Any) -> None:
    found = plan(owner, Seen(said, "before"), desired, remote)
    assert dict(found.writes) == {}


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd"), unique=True))
def test_entries_are_only_added(desired: list[str], remote: list[str]) -> None:
    found = plan("append_only", Seen((), ()), tuple(desired), tuple(remote))
    assert set(found.writes.get("p", tuple(remote))) == {*desired, *remote}  # type: ignore[misc,arg-type]
    assert found.writes.get("p", tuple(remote))[: len(remote)] == tuple(remote)  # type: ignore[index,call-overload]
