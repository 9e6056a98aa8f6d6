"""What the pages say."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from records_factory import decision, execution

from notion_sync.charts import BarChart
from notion_sync.decision_detail import feature_value
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.formatting import NBSP
from notion_sync.labels import human, subject_words
from notion_sync.privacy import shown_text
from notion_sync.reports import AgentDay, Kpi, Rendered, agent_report, daily_index, decision_log, summarise

DAY = date(2018, 5, 31)


def text_of(page: Rendered) -> str:
    return to_markdown(page.document).replace(NBSP, " ")


def report(decisions: Sequence[dict[str, Any]] = (), executions: Sequence[dict[str, Any]] = (), **more: Any) -> str:
    return text_of(agent_report(AgentDay("varejo", DAY, decisions, executions, **more)))


def full_day() -> AgentDay:
    waiting = decision(1, value_brl=900.0, requires_approval=True)
    done, failed = decision(2), decision(3, value_brl=50.0)
    return AgentDay(
        "varejo",
        DAY,
        [waiting, done, failed],
        [execution(waiting, "awaiting_approval"), execution(done), execution(failed, "failed")],
        models=[
            {
                "name": "varejo_demand_forecast",
                "version": 3,
                "primary_metric": "wape",
                "value": 0.2,
                "baseline": 0.25,
                "trained_through": "2018-05-30",
            }
        ],
        kpis=[Kpi("Receita", 1100.0, "brl", 1000.0), Kpi("Atrasos", 0.12, "percent", 0.1), Kpi("Pedidos", 3, "count")],
        charts=[BarChart("acoes", "Decisões por ação", ("Repor estoque",), (3.0,))],
        checks=[{"name": "pedidos", "passed": False, "detail": "Faltam 2 dias."}],
        costs={"compute_brl": 0.5, "total_brl": 3.0, "return_on_cost": 350.0},
        slo=[
            {
                "objective": "execution_success",
                "title": "Taxa de sucesso",
                "unit": "%",
                "comparison": ">=",
                "target": 99.0,
                "value": None,
                "is_met": None,
                "error_budget_left": None,
                "samples": 0,
            }
        ],
        ledger_head="f" * 64,
    )


def test_the_report_says_in_words_what_happened() -> None:
    page = text_of(agent_report(full_day()))
    assert "# Relatório diário – Varejo – 31 de maio de 2018" in page
    assert "O agente Varejo tomou **3 decisões** em 31 de maio de 2018, com valor esperado de **R$ 1.050,00**." in page
    assert "Dessas decisões, 1 foi concluída, 1 aguarda aprovação e 1 falhou." in page
    assert "| Receita | R$ 1.100,00 | R$ 1.000,00 | +10,0% |" in page
    assert "| Atrasos | 12,0% | 10,0% | +2,0 p.p. |" in page
    assert "| Pedidos | 3 | – | – |" in page
    assert "erro percentual ponderado de 20,0%, contra 25,0% da referência simples: melhor do que ela (20%)" in page
    assert "1 verificação de 1 não passou." in page
    assert "Para cada R$ 1,00 gasto, o valor esperado é de R$ 350,00." in page
    assert "| Taxa de sucesso | sem amostras | pelo menos 99% | – | – | 0 |" in page
    assert "falhou na etapa “Reservar” – Sem resposta." in page


def test_the_front_matter_says_what_the_page_is() -> None:
    properties = agent_report(full_day()).document.properties
    assert properties == {
        "tipo": "relatorio_diario",
        "agente": "varejo",
        "data": DAY,
        "versao_politicas": ("varejo.replenishment@1.0.0",),
        "decisoes": 3,
        "valor_esperado_brl": 1050.0,
        "situacao": "com falhas",
        "ledger_head": "f" * 64,
    }


def test_the_same_day_gives_the_same_page_and_pictures() -> None:
    first, second = agent_report(full_day()), agent_report(full_day())
    assert to_markdown(first.document) == to_markdown(second.document)
    assert first.images == second.images
    assert set(first.images) == {"varejo-acoes.png"}
    assert first.path == "relatorios/2018-05-31/varejo.md"


def test_what_awaits_approval_comes_with_the_exact_command() -> None:
    waiting = decision(1, requires_approval=True)
    assert f"eco approve {waiting['decision_id']} --by NOME" in report([waiting])
    assert "eco approve" not in report([waiting], [execution(waiting, "completed")])


def test_one_decision_is_spoken_of_in_the_singular() -> None:
    one = decision(1, requires_approval=True)
    page = report([one])
    assert "**1 decisão**" in page
    assert "Ela aguarda aprovação." in page
    assert "1 decisão aguarda uma pessoa." in page


def test_decisions_that_all_ended_alike_are_told_in_one_sentence() -> None:
    both = [decision(1), decision(2)]
    assert "Todas foram concluídas." in report(both, [execution(one) for one in both])


def test_a_day_without_decisions_says_so() -> None:
    page = report()
    assert "O agente Varejo não tomou decisões em 31 de maio de 2018." in page
    assert "situacao: sem decisões" in page


def test_every_link_to_the_log_leads_to_a_section_that_is_there() -> None:
    decisions = [decision(i, value_brl=float(i), requires_approval=i < 5) for i in range(60)]
    log = text_of(decision_log("varejo", DAY, decisions, []))
    anchors = {part.split(")")[0] for part in report(decisions).split("varejo.md#")[1:]}
    assert len(anchors) == 15
    assert all(f'<a id="{name}"></a>' in log for name in anchors)


def test_the_log_shows_400_decisions_and_counts_the_rest() -> None:
    decisions = [decision(i, value_brl=float(i)) for i in range(403)]
    log = text_of(decision_log("varejo", DAY, decisions, []))
    assert sum(line.startswith("| ") and "Cama, mesa" in line for line in log.splitlines()) == 400
    assert "3 decisões de menor valor não aparecem nesta tabela" in log
    assert log.count("<a id=") == 25


def test_a_section_of_the_log_gives_the_reason_the_figures_and_the_alternatives() -> None:
    log = text_of(decision_log("varejo", DAY, [decision(1)], []))
    assert "Demanda acima do planejado." in log
    assert "Demanda esperada (unidades): 101,3" in log
    assert "Probabilidade de avaliação negativa: 25,0%" in log
    assert "| **Repor estoque (escolhida)** | R$ 100,00 | R$ 30,00 | R$ 70,00 | Sim |" in log
    assert "| Remarcar preco | – | – | – | Não |" in log


def test_two_points_may_name_different_things_alike() -> None:
    labels = {"replenishment.aguardar": "Manter o planejado", "aguardar": "Aguardar"}
    decisions = [decision(1, action="aguardar"), decision(2, action="aguardar", point="other")]
    log = text_of(decision_log("varejo", DAY, decisions, [], labels=labels))
    assert "Cama, mesa e banho | Manter o planejado |" in log
    assert "Cama, mesa e banho | Aguardar |" in log


def test_a_log_of_all_agents_names_them() -> None:
    page = decision_log(None, DAY, [decision(1)], [])
    assert page.path == "decisoes/2018-05-31/index.md"
    assert "| Código | Agente | Assunto |" in text_of(page)


def test_no_page_shows_personal_data_or_the_words_of_a_customer() -> None:
    person = "0123456789abcdef0123456789abcdef"
    one = decision(
        1,
        point="review_recovery",
        subject=f"{person}:{person[::-1]}",
        reason=f"O cliente {person} (ana@exemplo.com, 123.456.789-09) reclamou.",
    )
    log = text_of(decision_log("varejo", DAY, [one], []))
    for page in (report([one], [execution(one, "failed")]), log):
        assert person not in page
        assert "Avaliação 01234567, pedido fedcba98" in page
        assert "ana@exemplo.com" not in page and "123.456.789-09" not in page
        assert "Odiei" not in page


def test_the_first_page_leads_to_every_agent() -> None:
    summaries = [summarise(full_day()), summarise(AgentDay("agencia", DAY))]
    page = daily_index(DAY, summaries)
    text = text_of(page)
    assert page.path == "relatorios/2018-05-31/index.md"
    line = "| [Varejo](varejo.md) | Com falhas | 3 | R$ 1.050,00 | 1 | 1 | 1 |"
    assert f"{line} [Decisões](../../decisoes/2018-05-31/varejo.md) |" in text
    assert "[Varejo](varejo.md): 1 decisão aguarda aprovação e 1 execução falhou." in text
    assert "[Agência](agencia.md) | Sem decisões" in text


def test_two_charts_of_one_name_are_refused() -> None:
    chart = BarChart("a", "t", ("x",), (1.0,))
    with pytest.raises(ValueError, match="same name"):
        agent_report(AgentDay("varejo", DAY, charts=[chart, chart]))


def test_a_model_without_a_baseline_is_not_called_better() -> None:
    model = {"name": "novo", "version": 1, "primary_metric": "auc", "value": 0.7, "baseline": None}
    assert "sem referência para comparar" in report(models=[model])


def test_machine_names_become_words() -> None:
    assert human("enviar_email_feminino") == "Enviar email feminino"
    assert human("varejo.repor_estoque", {"repor_estoque": "Repor o estoque"}) == "Repor o estoque"
    assert subject_words("campaign_targeting", "telefone:student") == "Telefone – Estudantes"
    assert subject_words("alarm_response", "valve1/3") == "valve1/3"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("origin_rate", 0.1, "10,0%"),
        ("p_units_p90", 140.0, "140"),
        ("is_late", True, "sim"),
        ("day", "2018-05-31", "31/05/2018"),
        ("x", None, "–"),
        ("comment", "ruim", "(texto omitido)"),
        ("category", "pet_shop", "Animais de estimação"),
        ("days", [1, 2], "2 itens"),
    ],
)
def test_a_feature_is_shown_in_its_unit(name: str, value: object, text: str) -> None:
    assert feature_value(name, value) == text


def test_ids_are_cut_and_words_are_not() -> None:
    assert shown_text("id 0123456789abcdef e cama_mesa_banho") == "id 01234567 e cama_mesa_banho"
    assert shown_text("8f14e45f-ceea-467f-a0e6-1f4b4c5d6e7f") == "8f14e45f"
