"""Proposals: made from a decision, complete, exact, free of how it was decided; what is wrong with a template is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eco_assets.errors import EcoError
from notion_sync.documents.canonical import canonical
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.proposal_templates import FOLDER, load_template, load_templates, template_for
from notion_sync.proposals import customer_text, proposal, proposal_path

Change = Callable[[dict[str, Any]], object]
LEAD = {"origin": "paid_search", "small_share": 0.4, "big_share": 0.3, "age_days": 9.0}
PHONE = {"channel": "telefone", "customers": 86.0, "uplift_mens_brl": 0.0, "uplift_womens_brl": 0.0}
MAIL = {"channel": "email", "customers": 388.0, "uplift_mens_brl": 0.95, "uplift_womens_brl": 1.52}


def decision(agent: str, point: str, action: str, subject: str, cost_brl: float, features: dict[str, Any]) -> dict[str, Any]:
    return {
        "decision_id": "1f2e3d4c5b6a79881f2e3d4c5b6a7988",
        "agent": agent,
        "point": point,
        "subject": subject,
        "as_of": "2026-10-30",
        "action": action,
        "features": features,
        "predictions": {"p_open": 0.2, "p_response": 0.25},
        "cost_brl": cost_brl,
        "value_brl": 300.0,
        "policy": {"name": f"{agent}/{point}", "version": "1.0.0", "digest": "0" * 64},
    }


def lead(action: str, **features: float | str) -> dict[str, Any]:
    return decision("comercial", "proposal_and_discount", action, "bbe1c66fb4a42219e465d75ba85ffda8", 30.0, {**LEAD, **features})


DECISIONS = [
    lead("proposta_padrao"),
    lead("proposta_desconto_5"),
    lead("proposta_desconto_10", big_share=0.5),
    lead("proposta_marketing", origin="social"),
    lead("proposta_consultoria", big_share=0.5, small_share=0.4),
    lead("proposta_financeira", big_share=0.2, small_share=0.5),
    decision("agencia", "campaign_targeting", "ligar_para_publico", "telefone:retired", 360.0, PHONE),
    decision("agencia", "campaign_targeting", "oferecer_desconto", "email:1) $0 - $100 / Web / antigo", 104.76, MAIL),
    decision("agencia", "campaign_targeting", "enviar_email_feminino", "email:1) $0 - $100 / Web / antigo", 77.6, MAIL),
]


def test_the_templates_are_valid_and_each_is_used() -> None:
    names = {template.name.partition("@")[0] for template in load_templates()}
    assert names == {"marketing", "marketing_loja", "consultoria", "financeiro"}
    used = {found.name.partition("@")[0] for found in map(template_for, DECISIONS) if found}
    assert used == names


@pytest.mark.parametrize("made_from", DECISIONS, ids=lambda each: each["action"])
def test_a_page_is_complete_the_same_each_time_and_read_back(made_from: dict[str, Any]) -> None:
    page = proposal(made_from)
    text = to_markdown(page.document)
    assert page.path == proposal_path(made_from)
    assert to_markdown(proposal(made_from).document) == text
    assert canonical(read_markdown(text)) == canonical(page.document)
    assert made_from["decision_id"] in text  # the internal note leads back


@pytest.mark.parametrize("made_from", DECISIONS, ids=lambda each: each["action"])
def test_the_customer_reads_no_id_no_odds_and_nothing_unfilled(made_from: dict[str, Any]) -> None:
    text = to_markdown(customer_text(made_from))
    assert not re.search(r"[{}]|[0-9a-f]{8,}|probab|polític", text)
    assert "R$" in text
    assert "2026" in text


def test_an_action_that_names_its_template_gets_it_whatever_the_leads_size() -> None:
    named = {"proposta_marketing": "marketing_loja", "proposta_consultoria": "consultoria", "proposta_financeira": "financeiro"}
    for action, name in named.items():
        for big in (0.1, 0.9):
            found = template_for(lead(action, big_share=big))
            assert found is not None
            assert found.name.partition("@")[0] == name


def test_the_discount_is_exact_to_the_cent() -> None:
    actions = ("proposta_padrao", "proposta_desconto_5", "proposta_desconto_10")
    plain, five, ten = (proposal(lead(action)).document.properties for action in actions)
    assert plain["desconto_percentual"] == 0.0
    assert five["desconto_percentual"] == 5.0
    assert five["total_brl"] == pytest.approx(0.95 * float(str(plain["total_brl"])), abs=0.004)
    assert ten["total_brl"] == pytest.approx(0.90 * float(str(plain["total_brl"])), abs=0.004)


def test_a_decision_that_makes_no_proposal_is_refused() -> None:
    assert template_for(lead("aguardar")) is None
    with pytest.raises(EcoError, match="aguardar"):
        proposal(lead("aguardar"))


def test_a_campaign_whose_price_is_not_the_decisions_is_refused() -> None:
    with pytest.raises(EcoError, match="300"):
        proposal(decision("agencia", "campaign_targeting", "ligar_para_publico", "telefone:retired", 300.0, PHONE))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda body: body["sections"][0]["text"].append("Olá {nome_que_nao_ha}"), "nome_que_nao_ha"),
        (lambda body: body.update(valid_days=0), "valid_days"),
        (lambda body: body["sections"][2].update(only=["nada"]), "nada"),
        (lambda body: body.pop("title"), "title"),
    ],
)
def test_what_is_wrong_with_a_template_is_named_with_its_file(change: Change, named: str, tmp_path: Path) -> None:
    body = json.loads((FOLDER / "marketing.json").read_text(encoding="utf-8"))
    change(body)
    file = tmp_path / "quebrado.json"
    file.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(EcoError, match=named) as refused:
        load_template(file)
    assert "quebrado.json" in str(refused.value)
