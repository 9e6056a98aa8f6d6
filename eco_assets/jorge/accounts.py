"""Accounts of Notion's: who wrote, as something that nobody can make up by renaming themselves.

An account is kept as one line, `Ana Souza <ana@empresa.com.br> [notion:1a2b3c4d-...]`. The name is what its owner likes to be called; the
address and the id are Notion's, and people are known by these alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eco_assets.personal_data import normal

PERSON, BOT = "notion", "notion-bot"
_ADDRESS = re.compile(r"[^<>\[\]\s,]+@[^<>\[\]\s,]+")
_MARKS = re.compile(r"[<>\[\]\s]+")
_LINE = re.compile(r"(?P<name>[^<>\[\]]*?) ?(?:<(?P<email>[^<>\[\]\s]+)> )?\[(?P<kind>notion|notion-bot):(?P<id>[0-9a-f-]{36})\]")


@dataclass(frozen=True)
class Account:
    """An account: its id, and where Notion tells them, its owner's name of choice and address.

    `is_bot`: no person but an integration, whose edits are nobody's answer.
    """

    id: str
    name: str = ""
    email: str = ""
    is_bot: bool = False

    @classmethod
    def of(cls, user: Mapping[str, Any]) -> Account:
        """From a user of the API's, or the part of one that says its id alone."""
        is_bot = user.get("type", "person") != "person"
        return cls(str(user["id"]), str(user.get("name") or ""), str((user.get("person") or {}).get("email") or ""), is_bot)

    def __str__(self) -> str:
        """The line that it is kept as. A name that holds an address or an id in brackets loses the brackets."""
        name = " ".join(_MARKS.sub(" ", normal(self.name)).split())
        email = f"<{self.email}>" if _ADDRESS.fullmatch(self.email) and not self.is_bot else ""
        return " ".join(part for part in (name, email, f"[{BOT if self.is_bot else PERSON}:{account_id(self.id)}]") if part)

    @property
    def shown(self) -> str:
        """For readers of a page: the name with the id, by which it can be listed; the address is nobody's business there."""
        named = f"{self.name} " if self.name else ""
        return f"{named}(conta {BOT if self.is_bot else PERSON}:{self.id})"


def account_in(who: str) -> Account | None:
    """The account that a line tells of; None for a name that somebody wrote."""
    found = _LINE.fullmatch(who)
    return Account(found["id"], found["name"].strip(), found["email"] or "", found["kind"] == BOT) if found else None


def account_id(text: str) -> str:
    """A user's id in its one form, with or without hyphens before.

    Raises:
        ValueError: it is no id of Notion's.
    """
    return str(UUID(text.strip()))
