"""The card of a model: in Portuguese, with who is served worse, what waits for a person, and no English of the gate."""

from __future__ import annotations

from datetime import date

import pytest

from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.model_card import ModelFacts, model_card

VERSIONS = (
    {"version": "2", "status": "pending", "as_of": "2018-05-31", "by": "", "why": ""},
    {"version": "1", "status": "champion", "as_of": "2018-05-01", "by": "Ana", "why": "conferido com a loja"},
)


@pytest.fixture
def facts() -> ModelFacts:
    return ModelFacts(
        name="comercial_lead_conversion",
        agent="comercial",
        version="1",
        as_of=date(2018, 5, 1),
        primary_metric="auc",
        metrics={"auc": 0.68, "ece": 0.05},
        baseline={"auc": 0.5},
        versions=VERSIONS,
        slices=[
            {"slice": "all", "rows": 521, "auc": 0.68, "low": 0.6, "high": 0.77},
            {"slice": "origin=(other)", "rows": 20, "auc": float("nan"), "low": float("nan"), "high": float("nan")},
        ],
        in_service={"rows": 120.0, "auc": 0.61},
        drift=[{"what": "origin", "value": 0.3, "level": "large"}],
    )


def test_the_card_says_what_reviewers_need(facts: ModelFacts) -> None:
    text = to_markdown(model_card(facts).document)
    for words in (
        "# Modelo – Conversão de contatos",
        "A versão **1** decide para o agente Comercial.",
        "A versão 2 foi melhor e aguarda revisão",
        "| Todos | 521 | 0,68 | 0,6 a 0,77 |",
        "| Origem: outros | 20 |",
        "| casos julgados | 120 |",
        "| Origem | 0,3 | mudança grande |",
        "| 1 | decide | 2018-05-01 | Ana | conferido com a loja |",
    ):
        assert words in text


def test_a_model_without_outcomes_slices_or_drift_has_a_card_too(facts: ModelFacts) -> None:
    bare = ModelFacts(facts.name, facts.agent, "1", facts.as_of, "auc", {"auc": 0.68}, {"auc": 0.5}, VERSIONS[1:])
    text = to_markdown(model_card(bare).document)
    assert "Ainda há poucos resultados" in text
    assert "Por região" not in text
    assert "aguarda revisão" not in text


def test_the_same_facts_give_the_same_bytes(facts: ModelFacts) -> None:
    assert to_markdown(model_card(facts).document) == to_markdown(model_card(facts).document)
