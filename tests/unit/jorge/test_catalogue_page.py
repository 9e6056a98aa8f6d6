"""The catalogue as people read it: `eco workflows` and the pages of the knowledge base."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from eco_assets.cli import app
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.catalogue_page import catalogue_pages, diagram, seconds_words
from eco_assets.jorge.starts import starts_of
from notion_sync.documents.markdown_writer import to_markdown

RUNNER = CliRunner()
AGENTS = ("comercial", "varejo", "industrial", "agencia", "mega")


def test_every_agent_has_a_page_with_a_diagram_of_each_workflow_and_the_index_comes_last() -> None:
    pages = catalogue_pages(WORKFLOWS, starts_of(WORKFLOWS))

    assert [page.path for page in pages] == [f"catalogo/fluxos/{name}.md" for name in (*AGENTS, "index")]
    for agent, page in zip(AGENTS, pages, strict=False):
        own = [workflow for workflow in WORKFLOWS.values() if workflow.agent == agent]
        text = to_markdown(page.document)
        assert text.count("```mermaid") == len(own)
        assert all(f"## {workflow.label}" in text for workflow in own)
        assert "_" not in text.split("```mermaid")[0].partition("# Fluxos")[2]  # people's words, no machine's


def test_the_same_declarations_give_the_same_pages() -> None:
    assert catalogue_pages(WORKFLOWS, starts_of(WORKFLOWS)) == catalogue_pages(WORKFLOWS, starts_of(WORKFLOWS))


def test_a_diagram_shows_approval_steps_undoing_and_events() -> None:
    drawn = diagram(WORKFLOWS["industrial.parar_maquina"]).replace("\u00a0", " ")
    assert drawn.splitlines() == [
        "flowchart LR",
        '  aprova{"acima de R$ 2.000,00, uma pessoa aprova?"} -- sim --> s1',
        "  aprova -- não --> recusada([recusada])",
        '  s1["reserva técnico"] --> s2',
        '  s2["para a máquina"] --> s3',
        '  s3["abre ordem de serviço"] --> s4',
        '  s4["avisa o supervisor"] --> fim([concluída])',
        "  s4 -. falha .-> u4[/desfaz 4/] -.-> u3",
        "  s3 -. falha .-> u3[/desfaz 3/] -.-> u2",
        "  s2 -. falha .-> u2[/desfaz 2/] -.-> u1",
        "  s1 -. falha .-> u1[/desfaz 1/] -.-> desfeita([desfeita])",
        '  fim --> sai1(["industrial.maquina_parada"])',
    ]
    assert diagram(WORKFLOWS["industrial.abrir_incidente"]).splitlines()[1] == '  entra1(["industrial.maquina_parada"]) --> s1'


@pytest.mark.parametrize(("seconds", "words"), [(60, "60 s"), (300, "5 min"), (7200, "2 h")])
def test_a_promise_is_told_in_words(seconds: float, words: str) -> None:
    assert seconds_words(seconds) == words


def test_the_command_lists_them_all_for_programs() -> None:
    result = RUNNER.invoke(app, ["workflows", "--json"])

    assert result.exit_code == 0
    assert {each["name"] for each in json.loads(result.stdout)} == set(WORKFLOWS)


def test_the_command_shows_one_by_a_part_of_its_name() -> None:
    result = RUNNER.invoke(app, ["workflows", "parar_maquina", "--json"])
    found = json.loads(result.stdout)

    assert (found["name"], found["approval"], found["slo_s"]) == ("industrial.parar_maquina", "above R$ 2,000", 60)
    assert found["starts"] == [{"kind": "decision", "name": "industrial/alarm_response.parar_maquina"}]
    assert found["diagram"].startswith("flowchart LR")


@pytest.mark.parametrize(("asked", "says"), [("nada_disso", "eco workflows"), ("proposta", "have it")])
def test_a_name_that_none_or_several_have_is_refused(asked: str, says: str) -> None:
    result = RUNNER.invoke(app, ["workflows", asked])

    assert result.exit_code == 1
    assert says in result.output
