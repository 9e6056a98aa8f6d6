"""The knowledge base in the graph: pages brought in line, what people said taken in, approval pages, and what the checks tell."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "notion_feedback"))
from feedback_house import DAY, proposal

from eco_assets.defs.knowledge import (
    CONFLICTS,
    DRIFT,
    EVENTS,
    JOB,
    ONCE,
    OUTBOX,
    PAGES,
    approvals_key,
    feedback_events,
    knowledge_assets,
    pages,
)
from eco_assets.jorge.approvals import content_hash
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.approval_pages import approval_path
from notion_sync.documents.tree import Document, Paragraph
from notion_sync.webhooks import Delivery, Inbox
from resources.platform import PlatformResource
from sensors.feedback import feedback


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("ECO_APPROVERS", "Ana Souza <ana@empresa.com.br>:comercial")  # a secret: not in the resource's settings
    return Platform(Settings.from_env({"ECO_HOME": str(tmp_path / "home"), "ECO_APPROVERS": "Ana Souza:comercial"}))


def materialized(home: Platform, *assets: dg.AssetsDefinition, partition: str | None = None) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"platform": PlatformResource.of(home)}
        return dg.materialize(assets, instance=instance, resources=resources, partition_key=partition)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_a_quiet_knowledge_base_passes_every_check(home: Platform) -> None:
    assert checks(materialized(home, pages, feedback_events)) == {CONFLICTS: True, OUTBOX: True, DRIFT: True, ONCE: True}


def test_what_is_amiss_is_told_by_a_check(home: Platform) -> None:
    knowledge = home.knowledge
    knowledge.publish("nota.md", Document("Nota", blocks=(Paragraph("um"),)))
    file = home.settings.knowledge / "nota.md"
    file.write_text(file.read_text(encoding="utf-8").replace("um", "meu"), encoding="utf-8")
    knowledge.publish("nota.md", Document("Nota", blocks=(Paragraph("dois"),)))
    assert [conflict.before for conflict in knowledge.conflicts()] == ["meu"]
    assert checks(materialized(home, pages))[CONFLICTS], "a conflict may be open for a week"
    with closing(sqlite3.connect(knowledge.store.path)) as db, db:
        db.execute("UPDATE conflict SET at = ?", ((datetime.now(UTC) - timedelta(days=8)).isoformat(),))
    assert checks(materialized(home, pages)) == {CONFLICTS: False, OUTBOX: True, DRIFT: True}
    knowledge.resolve(knowledge.conflicts()[0].id, "machine")
    assert "dois" in file.read_text(encoding="utf-8")
    assert checks(materialized(home, pages)) == {CONFLICTS: True, OUTBOX: True, DRIFT: True}


def test_an_answer_on_a_page_comes_back_to_the_page(home: Platform) -> None:
    decision = proposal()
    home.ledger.append([Entry("decision", decision["decision_id"], "comercial", DAY, decision)])
    (approvals,) = (asset for asset in knowledge_assets() if asset.key == approvals_key("comercial"))
    (made,) = materialized(home, approvals, partition=DAY).asset_materializations_for_node(approvals.node_def.name)
    assert {name: made.metadata[name].value for name in ("pages", "waiting")} == {"pages": 1, "waiting": 1}
    file = home.settings.knowledge / approval_path({**decision, "content_hash": content_hash(decision)})
    text = file.read_text(encoding="utf-8").replace("Situação: Proposta", "Situação: Aprovada")
    file.write_text(text.replace("Respondido por: ''", "Respondido por: Ana Souza"), encoding="utf-8")
    result = materialized(home, pages, feedback_events)
    (event,) = result.asset_materializations_for_node(feedback_events.node_def.name)
    assert event.metadata["dagster/row_count"].value == event.metadata["new_events"].value == 2
    assert event.metadata["results"].value == {"approved": 1, "noted": 1}
    assert "Resposta registrada: aprovada, por Ana Souza" in file.read_text(encoding="utf-8")
    (again,) = materialized(home, pages, feedback_events).asset_materializations_for_node(feedback_events.node_def.name)
    assert again.metadata["new_events"].value == 0


def ticked(home: Platform, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorExecutionData:
    resources = {"platform": PlatformResource.of(home)}
    return feedback.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources))


def test_the_sensor_asks_after_a_delivery_a_changed_page_and_an_event(home: Platform) -> None:
    folder = home.settings.knowledge / "aprovacoes"
    folder.mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as instance:

        def asked(cursor: str | None) -> tuple[list[str], str]:
            data = ticked(home, instance, cursor)
            for request in data.run_requests or []:  # it was carried out
                instance.add_run(dg.DagsterRun(JOB, tags=dict(request.tags), status=dg.DagsterRunStatus.SUCCESS))
            return [request.tags["eco/reason"] for request in data.run_requests or []], data.cursor or ""

        first, cursor = asked(None)
        assert len(first) == 1, "nobody has looked yet"
        assert asked(cursor) == ([], cursor)
        delivery = {"id": "d1", "type": "page.created", "timestamp": "2026-11-22T12:00:00Z", "entity": {"id": "p", "type": "page"}}
        Inbox(home.settings.webhooks_db).receive(Delivery.model_validate(delivery))
        reasons, cursor = asked(cursor)
        assert reasons == ["Notion delivered something"]
        (folder / "a.md").write_text("# A\n", encoding="utf-8")
        reasons, cursor = asked(cursor)
        assert reasons == ["a page's file changed"]
        home.knowledge.publish("nota.md", Document("Nota", blocks=(Paragraph("um"),)))
        file = home.settings.knowledge / "nota.md"
        file.write_text(file.read_text(encoding="utf-8").replace("um", "meu"), encoding="utf-8")
        home.knowledge.sync()
        reasons, cursor = asked(cursor)
        assert reasons == ["an event was noted"]
        assert asked(cursor) == ([], cursor)


def test_they_are_where_the_graph_expects_them() -> None:
    keys = {key for asset in knowledge_assets() for key in asset.keys}
    assert {PAGES, EVENTS} < keys
    assert all(asset.op.pool == "notion" for asset in knowledge_assets())
