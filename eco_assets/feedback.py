"""What people say on the pages, taken in, and the pages on which they answer: `notion_sync/feedback` with the engines of a home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.briefing import labels
from eco_assets.day import standing_decisions
from eco_assets.decision_words import told
from eco_assets.jorge.approvals import KIND, content_hash, needs_person, with_terms
from eco_assets.jorge.approvers import approvers
from notion_sync.approval_pages import approval_page, approval_path
from notion_sync.feedback.intake import KIND as FEEDBACK
from notion_sync.feedback.intake import Intake, Taken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eco_assets.platform import Platform
    from notion_sync.records import Rendered

MOST = 100
"""How many decisions of an agent's day have an approval page: those of the highest value; the rest is answered by `eco approvals`."""


@dataclass(frozen=True)
class Published:
    """The approval pages of an agent's day: how many there are, how many were written, how many decisions wait."""

    pages: int
    changed: int
    waiting: int


def intake_of(platform: Platform) -> Intake:
    """The one consumer of the home's events.

    Raises:
        ConfigError: who may answer cannot be read.
    """
    lock = platform.settings.webhooks_db.with_name("feedback.lock")
    people, has_accounts = approvers(platform.settings), bool(platform.settings.notion_token)
    return Intake(platform.lake, platform.ledger, people, lock, has_accounts=has_accounts)


def take_in(platform: Platform) -> Taken:
    """Take in every event that the synchronisation noted, and tell the people who answered what came of it."""
    _know_our_echo(platform)
    taken = intake_of(platform).take_in(platform.knowledge.events)
    for agent, day in sorted(taken.days):
        publish_approvals(platform, agent, day)
    return taken


def _know_our_echo(platform: Platform) -> None:
    """Once Notion has told who we are, deliveries of what we wrote ourselves ask for nothing (`webhooks.Inbox`)."""
    if not platform.settings.notion_token:
        return
    from notion_sync.webhooks import Inbox
    from notion_sync.workspaces.notion import Notion

    workspace = platform.knowledge.workspace
    if isinstance(workspace, Notion) and workspace.own_id:
        Inbox(platform.settings.webhooks_db).claim([workspace.own_id])


def publish_approvals(platform: Platform, agent: str, as_of: str) -> Published:
    """Publish the approval pages of an agent's day: what waits, what was answered, and what a newer decision replaced."""
    pages = list(approval_pages(platform, agent, as_of))
    changed = sum(platform.knowledge.publish(page.path, page.document).is_changed for page, _ in pages)
    return Published(len(pages), changed, sum(is_waiting for _, is_waiting in pages))


def approval_pages(platform: Platform, agent: str, as_of: str) -> Iterator[tuple[Rendered, bool]]:
    """Each page of the day that asks for an answer, tells of one or was replaced, and whether it still waits."""
    ledger = platform.ledger
    given = {entry["decision_id"]: entry for entry in ledger.list(KIND, agent=agent, as_of=as_of)}
    refused = {entry["decision_id"]: entry["told"] for entry in ledger.list(FEEDBACK, agent=agent, as_of=as_of) if entry["told"]}
    standing = standing_decisions(ledger, agent, as_of)
    asking = [decision for decision in standing if decision["workflow"] and needs_person(decision)]
    asking.sort(key=lambda decision: (-float(decision.get("value_brl") or 0.0), decision["decision_id"]))
    words = labels()
    for decision in told(ledger, _replaced(platform, agent, as_of, {decision["decision_id"] for decision in standing})):
        identity = decision["decision_id"]
        page = approval_page(with_terms(decision), words, given=given.get(identity), refused=refused.get(identity, ""), is_replaced=True)
        yield page, False
    for decision in told(ledger, asking[:MOST]):
        identity = decision["decision_id"]
        answer: dict[str, Any] | None = given.get(identity)
        yield approval_page(with_terms(decision), words, given=answer, refused=refused.get(identity, "")), answer is None


def _replaced(platform: Platform, agent: str, as_of: str, standing: set[str]) -> list[dict[str, Any]]:
    """Decisions that no longer stand and whose page still seems to ask for an answer: people must not be left to believe it."""
    gone = [d for d in platform.ledger.list("decision", agent=agent, as_of=as_of) if d["decision_id"] not in standing and d["workflow"]]
    store = platform.knowledge.store
    return [d for d in gone if store.page(approval_path({**d, "content_hash": content_hash(d)})) is not None]
