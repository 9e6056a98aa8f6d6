"""The knowledge base in the graph: pages brought in line, what people said taken in, approval pages, and what the checks tell."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "notion_feedback"))
from feedback_house import DAY, Seen, proposal

from eco_assets.defs.knowledge import CONFLICTS, DRIFT, EVENTS, ONCE, OUTBOX, PAGES, approvals_key, feedback_events, knowledge_assets, pages
from eco_assets.jorge.approvals import content_hash
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.approval_pages import STATUS, approval_path
from notion_sync.workspace import FolderWorkspace
from resources.platform import PlatformResource


@dataclass
class Report:
    writes: int = 0


@dataclass
class Clash:
    id: int
    page: str
    at: datetime


@dataclass
class StandIn:
    """The synchronisation as the graph sees it, with what a test puts into it."""

    root: Path
    noted: list[Seen] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    waiting: int = 0
    undone: int = 0

    def sync(self, kinds: Any = None, *, dry_run: bool = False) -> Report:
        return Report(self.undone if dry_run else 0)

    def events(self, after: int) -> list[Seen]:
        return [event for event in self.noted if event.id > after]

    def conflicts(self) -> list[Clash]:
        return self.clashes

    def outbox_size(self) -> int:
        return self.waiting

    def publish(self, *page: Any) -> Any:
        return FolderWorkspace(self.root).publish(*page)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("ECO_APPROVERS", "Ana Souza <ana@empresa.com.br>:comercial")
    platform = Platform(Settings.from_env({"ECO_HOME": str(tmp_path / "home"), "ECO_APPROVERS": "Ana Souza:comercial"}))
    monkeypatch.setattr(Platform, "knowledge", StandIn(platform.settings.knowledge), raising=False)
    return platform


def materialized(home: Platform, *assets: dg.AssetsDefinition, partition: str | None = None) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"platform": PlatformResource.of(home)}
        return dg.materialize(assets, instance=instance, resources=resources, partition_key=partition)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_a_quiet_knowledge_base_passes_every_check(home: Platform) -> None:
    assert checks(materialized(home, pages, feedback_events)) == {CONFLICTS: True, OUTBOX: True, DRIFT: True, ONCE: True}


def test_what_is_amiss_is_told_by_a_check(home: Platform) -> None:
    knowledge: Any = home.knowledge
    knowledge.clashes = [Clash(1, "a.md", datetime.now(UTC) - timedelta(days=6))]
    assert checks(materialized(home, pages))[CONFLICTS], "a conflict may be open for a week"
    knowledge.clashes.append(Clash(2, "b.md", datetime.now(UTC) - timedelta(days=8)))
    knowledge.waiting, knowledge.undone = 1, 3
    assert checks(materialized(home, pages)) == {CONFLICTS: False, OUTBOX: False, DRIFT: False}


def test_an_answer_on_a_page_comes_back_to_the_page(home: Platform) -> None:
    decision = proposal()
    home.ledger.append([Entry("decision", decision["decision_id"], "comercial", DAY, decision)])
    (approvals,) = (asset for asset in knowledge_assets() if asset.key == approvals_key("comercial"))
    with_upstream = materialized(home, approvals, partition=DAY)
    (made,) = with_upstream.asset_materializations_for_node(approvals.node_def.name)
    assert {name: made.metadata[name].value for name in ("pages", "waiting")} == {"pages": 1, "waiting": 1}
    path = approval_path({**decision, "content_hash": content_hash(decision)})
    knowledge: Any = home.knowledge
    knowledge.noted.append(Seen(1, "status_changed", path, STATUS, "Ana Souza", "Proposta", "Aprovada", source_id="x"))
    result = materialized(home, pages, feedback_events)
    (event,) = result.asset_materializations_for_node(feedback_events.node_def.name)
    assert event.metadata["dagster/row_count"].value == event.metadata["new_events"].value == 1
    assert event.metadata["results"].value == {"approved": 1}
    assert "Resposta registrada: aprovada, por Ana Souza" in (home.settings.knowledge / path).read_text(encoding="utf-8")
    (again,) = materialized(home, pages, feedback_events).asset_materializations_for_node(feedback_events.node_def.name)
    assert again.metadata["new_events"].value == 0


def test_they_are_where_the_graph_expects_them() -> None:
    keys = {key for asset in knowledge_assets() for key in asset.keys}
    assert {PAGES, EVENTS} < keys
    assert all(asset.op.pool == "notion" for asset in knowledge_assets())
