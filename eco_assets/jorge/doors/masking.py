"""What may be seen of a message outside: answers of other systems in our records, and everything that leaves for the knowledge base."""

from __future__ import annotations

from typing import Any

from eco_assets.personal_data import normal, replaced

LONGEST = 200
OMITTED = "(texto omitido)"


def shown(text: str) -> str:
    """What another system said, short and without personal data."""
    return " ".join(replaced(normal(text[: 4 * LONGEST]), lambda kind, _: f"[{kind}]").split())[:LONGEST]


def masked(name: str, value: Any) -> Any:
    """A field as it may appear in the knowledge base: no addresses, documents or free text, ids cut short."""
    from notion_sync.privacy import is_free_text, shown_text

    if isinstance(value, dict):
        return {key: masked(key, each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(name, each) for each in value]
    if not isinstance(value, str):
        return value
    return OMITTED if is_free_text(name, value) else shown_text(value)
