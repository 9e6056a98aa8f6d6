"""The adversarial list, what Notion answers when it fails. Each test is named after its item."""

from __future__ import annotations

import pytest
from desks import KEY, NotionDesk, is_silent, kinds, page

from notion_sync.documents.tree import BulletList, Item
from notion_sync.testing.faults import Fault
from notion_sync.workspaces.limiter import BudgetSpent

ITEM = BulletList((Item("um item de lista"),))
NEW = BulletList((Item("outro item de lista"),))


WRITES = {
    "create": Fault(0, method="POST", path="/pages$"),
    "append": Fault(0, method="PATCH", path="/children"),
    "patch": Fault(0, method="PATCH", path="/markdown"),
    "properties": Fault(0, method="PATCH", path="/pages/[^/]*$"),
    "delete": Fault(0, method="DELETE"),
    "comment": Fault(0, method="POST", path="/comments"),
}


@pytest.mark.parametrize("failure", [503, 504, 409, 0, "truncated"])
@pytest.mark.parametrize("write", WRITES)
def test_503_504_409_reset_and_truncated_answers_on_every_write(write: str, failure: int | str, notion: NotionDesk) -> None:
    """An answer that fails after the effect (409: before it) leads neither to a loss nor to a second one."""
    pattern = WRITES[write]
    fault = Fault(502 if failure == "truncated" else int(failure), pattern.method, pattern.path)
    fault.moment = "before" if failure == 409 else "after"
    fault.is_truncated = failure == "truncated"
    if write == "create":
        notion.emulator.faults.add(fault)
    notion.knowledge.publish(KEY, page("primeiro texto longo", ITEM, "texto de conflito"))
    notion.knowledge.sync()
    notion.edit("de conflito", "da Ana")
    if write != "create":
        notion.emulator.faults.add(fault)
    changed = page("primeiro texto novo", NEW, "texto de conflito, novo", "mais um texto")
    notion.knowledge.publish(KEY, changed)
    notion.knowledge.sync()
    assert notion.shown()[1:] == ["primeiro texto novo", "outro item de lista", "da Ana", "mais um texto"]
    assert len(notion.rows()) == 1
    suggested = [node for node in notion.emulator.store.all("comment") if node.created_by != notion.person.id]
    assert len(suggested) == 1
    assert sorted(kinds(notion)) == ["conflict", "edited"]
    assert is_silent(notion)


def test_append_half_done_over_3_chunks_of_100(notion: NotionDesk) -> None:
    notion.emulator.faults.add(Fault(504, "PATCH", "children", "partial", kept=37, skip=1))
    texts = [f"parágrafo número {number}" for number in range(250)]
    notion.knowledge.publish(KEY, page(*texts))
    notion.knowledge.sync()
    assert notion.shown()[1:] == texts
    assert is_silent(notion)


def test_429_storm_with_retry_after_60(notion: NotionDesk) -> None:
    notion.emulator.faults.storm(3, retry_after=60)
    notion.knowledge.publish(KEY, page("texto"))
    assert sum(notion.slept) >= 180
    assert notion.shown()[1:] == ["texto"]


def test_workspace_429_over_60_s(notion: NotionDesk) -> None:
    """Longer than anybody should wait: the page is remembered, and nothing is asked before the time is over."""
    limit = Fault(429, retry_after=300, reason="public_api_space_request_rate_limit")
    notion.emulator.faults.add(limit)
    assert notion.knowledge.publish(KEY, page("texto")).is_waiting
    mark = len(notion.emulator.calls)
    assert notion.knowledge.sync().unsettled == 1
    assert len(notion.emulator.calls) == mark
    notion.now += 301
    notion.knowledge.sync()
    assert notion.shown()[1:] == ["texto"]


def test_529_overload(notion: NotionDesk) -> None:
    notion.emulator.faults.add(Fault(529, times=2, retry_after=7))
    notion.knowledge.publish(KEY, page("texto"))
    assert sum(notion.slept) >= 14
    assert notion.shown()[1:] == ["texto"]


def test_request_blocked(notion: NotionDesk) -> None:
    notion.emulator.faults.add(Fault(429, reason="public_api_request_blocked", retry_after=1))
    assert notion.knowledge.publish(KEY, page("texto")).is_waiting
    mark = len(notion.emulator.calls)
    with pytest.raises(BudgetSpent):
        notion.transport.ask("GET", "users/me")
    assert notion.knowledge.publish(KEY, page("texto novo")).is_waiting
    assert len(notion.emulator.calls) == mark, "blocked means stop"
