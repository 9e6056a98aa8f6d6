"""The page of a plan: words for people, the same bytes for the same plan."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from mega_records import DAY, decision, entry

from eco_assets.briefing import labels
from eco_assets.mcp.mega import plan_day
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.mega_plan import POINTS, plan_page, plan_path


def page(tmp_path: Path) -> str:
    house = Platform(Settings(home=tmp_path / "home", data=tmp_path))
    made = [
        decision("industrial.alarm_response.parar_maquina", "pump_1", 8000.0, 4800.0, needs=True),
        decision("industrial.maintenance_planning.antecipar_manutencao", "pump_1", 9000.0, 1900.0, needs=True),
        decision("comercial.account_rescue.oferecer_incentivo", "s1", 900.0, 100.0),
        decision("varejo.seller_watch.suspender_vendedor", "s1", 1000.0, 100.0),
    ]
    house.ledger.append(entry(each) for each in made)
    found, _ = plan_day(house, date.fromisoformat(DAY))
    rendered = plan_page(found.model_dump(mode="json"), labels())
    assert rendered.path == plan_path(date.fromisoformat(DAY))
    assert to_markdown(rendered.document) == to_markdown(plan_page(found.model_dump(mode="json"), labels()).document)
    return to_markdown(rendered.document)


def test_the_page_says_goals_tasks_conflicts_and_what_waits_in_words(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "# Plano do dia do mega-agente – 31 de outubro de 2026" in text
    assert "Máquina parada: pump" in text
    assert "Aguardam sua escolha" in text
    assert text.count("eco approve ") == 2, "the account and the seller: a person chooses"
    assert "Segurança vem primeiro" in text
    assert "Antecipar a manutenção" in text
    assert "industrial/alarm" not in text
    assert "R$" in text


def test_every_point_has_words() -> None:
    assert set(load_policies()) <= set(POINTS)
