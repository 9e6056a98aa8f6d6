"""Pages as assets: proposals and decision records of a day, a week, a month, the platform itself; made by Dagster from a ledger."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import pytest

from eco_assets.defs.decision_records import decision_record_assets, records_key
from eco_assets.defs.knowledge_pages import knowledge_page_assets, page_key
from eco_assets.defs.periodic import MONTHLY_KEY, periodic_assets, weekly_key
from eco_assets.defs.proposals import CHECK, proposal_assets, proposals_key
from eco_assets.incidents import KIND
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from resources.platform import PlatformResource

DAY = date(2026, 10, 30)


def decision(number: int, action: str, **more: Any) -> dict[str, Any]:
    return {
        "decision_id": f"{number:x}" * 32, "agent": "comercial", "point": "proposal_and_discount",
        "subject": f"{number:032x}", "as_of": DAY.isoformat(), "action": action, "workflow": f"comercial.{action}",
        "value_brl": 90.0, "cost_brl": 30.0, "confidence": 0.6,
        "features": {"origin": "paid_search", "small_share": 0.4, "big_share": 0.3, "age_days": 9.0},
        "predictions": {"p_open": 0.2},
        "policy": {"name": "comercial/proposal_and_discount", "version": "1.0.0", "digest": "0" * 64}, "requires_approval": False,
        "reason": "Chance de 20% de ainda fechar.", "rules": [], "guardrails": [], "errors": [], "models": [], "answers": {},
        "alternatives": [], "latency_ms": 0.3, "tokens": 0, "cost_usd": 0.0, "provider": "none", "exploration": None, **more,
    }  # fmt: skip


@pytest.fixture
def decided(platform: Platform) -> Platform:
    """A day of three decisions: one done, one that waits for a person, one that came to nothing; and an incident."""
    done, waits = decision(1, "proposta_padrao"), decision(2, "proposta_desconto_10", requires_approval=True)
    failed = decision(3, "proposta_padrao")
    entries = [Entry("decision", each["decision_id"], "comercial", DAY.isoformat(), each) for each in (done, waits, failed)]
    for each, outcome in ((done, "completed"), (failed, "failed")):
        names = ("decision_id", "agent", "workflow")
        body = {
            **{name: each[name] for name in names},
            "workflow_id": each["decision_id"],
            "outcome": outcome,
            "cost_brl": 30.0,
            "steps": [],
        }
        entries.append(Entry("execution", each["decision_id"], "comercial", DAY.isoformat(), body))
    told = {
        "run_id": "r" * 32,
        "job": "eco",
        "agent": "comercial",
        "as_of": DAY.isoformat(),
        "at": "2026-10-30T12:00:00+00:00",
        "steps": [],
    }
    entries.append(Entry(KIND, "r" * 32, "comercial", DAY.isoformat(), told))
    platform.ledger.append(entries)
    return platform


def made(
    platform: Platform, assets: Sequence[dg.AssetsDefinition], *keys: dg.AssetKey, day: date | None = DAY
) -> dict[dg.AssetKey, dg.AssetMaterialization]:
    """Materialize some of the assets; what Dagster was told of each."""
    with warnings.catch_warnings(), dg.DagsterInstance.ephemeral() as instance:
        warnings.simplefilter("ignore")
        result = dg.materialize(
            assets,
            selection=dg.AssetSelection.assets(*keys),
            instance=instance,
            partition_key=day.isoformat() if day else None,
            resources={"platform": PlatformResource.of(platform)},
        )
        assert result.success
        passed = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
        assert all(passed.values()), passed
        return {key: result.asset_materializations_for_node("__".join(key.path))[0] for key in keys}


def page(platform: Platform, path: str) -> str:
    return (platform.settings.knowledge / path).read_text("utf-8")


def test_a_days_proposals_and_decision_records(decided: Platform) -> None:
    assets = [*proposal_assets(), *decision_record_assets()]
    told = made(decided, assets, proposals_key("comercial"), records_key("comercial"))
    assert told[proposals_key("comercial")].metadata["proposals"].value == 1
    assert "**1 proposta** foi preparada" in page(decided, "propostas/2026-10-30/comercial.md")
    first = page(decided, f"propostas/2026-10-30/comercial-{'1' * 12}.md")
    assert "Proposta nº 2026-1030/1111, de 30 de outubro de 2026." in first
    assert told[records_key("comercial")].metadata["decision_records"].value == 2
    index = page(decided, "decisoes/2026-10-30/comercial/index.md")
    assert "Exige a aprovação de uma pessoa" in index
    assert "A execução não chegou ao fim" in index
    again = made(decided, assets, proposals_key("comercial"), records_key("comercial"))
    assert again[proposals_key("comercial")].metadata["pages_changed"].value == 0
    assert again[records_key("comercial")].metadata["pages_changed"].value == 0


def test_a_price_that_is_not_the_policys_fails_the_check_and_not_the_run(platform: Platform) -> None:
    body = decision(
        7, "ligar_para_publico", agent="agencia", point="campaign_targeting", subject="telefone:retired", cost_brl=1.0,
        policy={"name": "agencia/campaign_targeting", "version": "1.0.0", "digest": "0" * 64}, features={"customers": 86.0},
    )  # fmt: skip
    execution = {"decision_id": body["decision_id"], "agent": "agencia", "workflow": "x", "outcome": "completed", "steps": []}
    for kind, entry in (("decision", body), ("execution", execution)):
        platform.ledger.append([Entry(kind, body["decision_id"], "agencia", DAY.isoformat(), entry)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = dg.materialize(
            [*proposal_assets()],
            selection=dg.AssetSelection.assets(proposals_key("agencia")),
            partition_key=DAY.isoformat(),
            resources={"platform": PlatformResource.of(platform)},
        )
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == (CHECK, False, dg.AssetCheckSeverity.WARN)
    assert "sem proposta" in page(platform, "propostas/2026-10-30/agencia.md")


def test_a_week_and_a_month(decided: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eco_assets.briefing_periods.FIGURES", ())  # the lake has no marts here
    decided.ingest("comercial")
    told = made(decided, [*periodic_assets()], weekly_key("comercial"), MONTHLY_KEY)
    assert told[weekly_key("comercial")].metadata["decisions"].value == 3
    assert told[MONTHLY_KEY].metadata["total_brl"].value == 60.0
    assert "24 a 30 de outubro de 2026" in page(decided, "relatorios/semanas/2026-10-30/comercial.md")
    assert "até 30 de outubro de 2026, os agentes custaram **R$\N{NO-BREAK SPACE}60,00**" in page(decided, "custos/2026-10.md")


def test_pages_about_the_platform(decided: Platform) -> None:
    keys = [page_key(kind) for kind in ("components", "decisions_of_architecture", "post_mortems")]
    told = made(decided, [*knowledge_page_assets()], *keys, day=None)
    assert told[page_key("components")].metadata["pages"].value > 10
    assert "ocorrencias: 1" in page(decided, "incidentes/2026-10-30-rrrrrrrr.md")
    assert page(decided, "catalogo/componentes/index.md")
    assert page(decided, "adr/index.md")
    assert page(decided, "runbooks/index.md")
