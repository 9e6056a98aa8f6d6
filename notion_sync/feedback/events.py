"""What people did on the pages, as typed events. The synchronisation notes them; here each gets its type, its id and its subject.

An event's id comes from what happened, not from where it is kept, so it is the same when it is read twice. Personal data in what
people wrote is masked here, before anything is stored: answers and outcomes need names and numbers, and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from eco_assets.jorge.accounts import account_in
from eco_assets.personal_data import normal, replaced
from eco_assets.settings import AGENTS
from notion_sync.approval_pages import proposed_on
from notion_sync.sync.store import Event as Noted  # as it was noted, before it has a type of its own

LONGEST = 4_000  # characters of a text that are kept; a block of Notion's holds 2,000 units
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class _Event(BaseModel):
    """What every event says.

    Attributes:
        id: unique for what happened. seq: its number in the synchronisation's table.
        page: the page's key, as `relatorios/2018-05-31/varejo.md`. key: the block, property or comment, as the machine names it.
        who: the person's name where it is known, in Notion with the account's id. at: when it was noted.
        decision: the beginning of the decision's id where the page or the block is about one; agent, as_of: whose day it is about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    seq: int
    page: str
    key: str = ""
    who: str = ""
    at: datetime
    before: str = ""
    after: str = ""
    decision: str = ""
    agent: str = ""
    as_of: str = ""


class Edited(_Event):
    """A person changed a block that the machine wrote, from `before` to `after`."""

    kind: Literal["edited"] = "edited"


class Deleted(_Event):
    """A person deleted a block or a page; it is not made again."""

    kind: Literal["deleted"] = "deleted"


class Restored(_Event):
    """A machine's property that somebody had changed was put back, or a page came back from the trash."""

    kind: Literal["restored"] = "restored"


class Accepted(_Event):
    """A person took over the machine's words; the block is the machine's again."""

    kind: Literal["accepted"] = "accepted"


class HandedOver(_Event):
    """The machine no longer says a block that a person had changed: it is the person's now."""

    kind: Literal["handed_over"] = "handed_over"


class Commented(_Event):
    """A person wrote the comment `after`."""

    kind: Literal["commented"] = "commented"


class StatusChanged(_Event):
    """A person set the status of a page from `before` to `after`."""

    kind: Literal["status_changed"] = "status_changed"


class Changed(_Event):
    """A person changed the property `key`."""

    kind: Literal["changed"] = "changed"


class Conflict(_Event):
    """A person and the machine changed the same: the person's text `before` stands, the machine's is `after`."""

    kind: Literal["conflict"] = "conflict"


class Suspended(_Event):
    """A page can no longer be read, because somebody took the access away; nothing is concluded from that."""

    kind: Literal["suspended"] = "suspended"


class Other(_Event):
    """Something that newer versions of the synchronisation note; kept, and acted on by nobody."""

    kind: Literal["other"] = "other"
    told: str = ""


FeedbackEvent = Annotated[
    Edited | Deleted | Restored | Accepted | HandedOver | Commented | StatusChanged | Changed | Conflict | Suspended | Other,
    Field(discriminator="kind"),
]
_EVENT: TypeAdapter[FeedbackEvent] = TypeAdapter(FeedbackEvent)
KINDS = ("edited", "deleted", "restored", "accepted", "handed_over", "commented", "status_changed", "changed", "conflict", "suspended")


def typed(noted: Noted) -> FeedbackEvent:
    """The typed event of a noted one, with personal data masked."""
    common = {
        "id": identity(noted),
        "seq": noted.id,
        "page": noted.page,
        "key": noted.key,
        "who": _who(noted.who),
        "at": noted.at,
        "before": _masked(noted.before),
        "after": _masked(noted.after),
        **subject(noted.page, noted.key),
    }
    known = noted.kind in KINDS
    return _EVENT.validate_python({**common, "kind": noted.kind} if known else {**common, "kind": "other", "told": noted.kind})


def identity(noted: Noted) -> str:
    """The event's id: 32 hexadecimal digits of a hash of what happened and of its source's own id.

    The texts count too: a store that was lost and made anew gives out its numbers a second time.
    """
    parts = (noted.source_id, noted.kind, noted.page, noted.key, noted.before, noted.after)
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def subject(page: str, key: str) -> dict[str, str]:
    """Which decision, agent and day a page and a block are about, as far as their names say."""
    proposed = proposed_on(page)
    section = re.search(r"\bd-([0-9a-f]{8})\b", key)
    parts = page.removesuffix(".md").split("/")
    return {
        "decision": proposed[0] if proposed else section.group(1) if section else "",
        "agent": next((part for part in parts if part in AGENTS), ""),
        "as_of": next((part for part in parts if _DAY.fullmatch(part)), ""),
    }


def _who(who: str) -> str:
    """Names stay and addresses do not; the id of an account is what tells two people of one name apart, and is no text of theirs."""
    account = account_in(who)
    return str(replace(account, name=_masked(account.name), email="")) if account else _masked(who)


def _masked(text: str) -> str:
    return replaced(normal(text), lambda kind, _: f"[{kind}]")[:LONGEST]
