"""A plan's events in words: what stood before and what stands after, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from notion_sync.documents.markdown_writer import write_blocks
from notion_sync.documents.tree import Property
from notion_sync.sync.merge import Desired, Plan
from notion_sync.sync.properties import PropertyPlan
from notion_sync.sync.store import Note, Row
from notion_sync.workspaces.protocol import Page


def block_notes(row: Row, plan: Plan, page: Page, wanted: Sequence[Desired]) -> list[Note]:
    """What people did to the machine's blocks."""
    before = {each.id: each.text for each in row.known}
    stands = {each.id: (write_blocks([each.block]), each.who) for each in page.blocks}
    said = {each.key: write_blocks([each.block]) for each in wanted}
    notes = []
    for event in plan.events:
        text, who = stands.get(event.block_id, ("", page.who))
        was = before.get(event.block_id, "")
        if event.kind == "conflict":
            notes.append(Note("conflict", event.key, who, text, said.get(event.key, "")))
        else:
            notes.append(Note(event.kind, event.key, who, was, text))
    return notes


def property_notes(values: PropertyPlan, page: Page, status: str) -> list[Note]:
    """What people did to the properties."""
    notes = []
    for event in values.events:
        kind: str = "changed" if event.kind == "parked" else event.kind
        kind = "status_changed" if event.name == status and kind == "changed" else kind
        notes.append(Note(kind, event.name, page.who, _text(event.before), _text(event.after)))
    return notes


def _text(value: Property) -> str:
    return ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
