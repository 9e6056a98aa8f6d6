"""Every workflow of the catalogue: it succeeds, and whichever step fails for good after it acted, everything is taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from workflow_house import DAY, WorkflowHouse, decision, trail

from eco_assets.errors import ActionRefused, RequestRefused
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.starts import starts_of
from eco_assets.jorge.step_words import STEPS
from eco_assets.jorge.workflow import Order, Step, Workflow, listeners
from eco_assets.jorge.world import World

# The list: what it asks for, and the workflow that does it.
ASKED = {
    "comercial": (
        *("qualificar_lead", "atribuir_sdr", "propor_marketing", "propor_consultoria", "propor_financeiro", "acompanhar_proposta"),
        *("agendar_demonstracao", "enviar_proposta_com_desconto", "converter_lead", "nutrir", "descartar_lead", "reativar_conta"),
        *("oferecer_upsell", "oferecer_incentivo"),
    ),
    "varejo": (
        *("repor_estoque", "transferir_estoque", "remarcar_preco", "aumentar_preco", "lancar_promocao", "pedir_desculpas"),
        *("apressar_pedido", "trocar_transportadora", "reembolsar", "pedir_avaliacao", "escalar_avaliacao", "suspender_vendedor"),
        *("orientar_vendedor", "recuperar_carrinho"),
    ),
    "industrial": (
        *("inspecionar", "programar_manutencao", "parar_maquina", "reduzir_carga", "pedir_peca", "recalibrar_sensor", "trocar_sensor"),
        *(
            "colocar_lote_em_quarentena",
            "ajustar_setpoint",
            "abrir_incidente",
            "acionar_supervisor",
            "encerrar_ordem",
            "rever_limite_alarme",
        ),
    ),
    "agencia": (
        *("enviar_campanha", "pausar_campanha", "mover_verba", "aumentar_lance", "reduzir_lance", "trocar_criativo", "suprimir_publico"),
        *("enviar_email", "oferecer_desconto", "testar_grupo_controle", "produzir_relatorio", "renovar_contrato", "publicar_post"),
    ),
    "mega": ("dividir_meta", "resumo_do_dia", "guarda_de_orcamento", "resposta_a_incidente"),
}
STEPS_OF_ALL = [(name, step.name) for name, workflow in WORKFLOWS.items() for step in workflow.steps]
MONEY_OR_SAFETY = (
    *("industrial.parar_maquina", "industrial.antecipar_manutencao", "varejo.suspender_vendedor", "varejo.reembolsar"),
    *("varejo.repor_estoque", "comercial.oferecer_incentivo", "agencia.enviar_campanha", "agencia.mover_verba", "agencia.pausar_lances"),
)


def order(name: str, number: int = 0) -> dict[str, Any]:
    """A decision with what the workflow must be told."""
    return decision(name, number) | {"input": {"title": "Meta de teste", "why": "porque sim"} if name.startswith("mega.") else {}}


def broken(name: str, step_name: str) -> Workflow:
    """The workflow under a name of its own, deaf and dumb, with a step that acts and then fails for good."""
    workflow = WORKFLOWS[name]

    def fails(step: Step) -> Step:
        def do(world: World, given: Order) -> str:
            step.do(world, given)
            raise ActionRefused("it acted, and then it broke")

        return replace(step, do=do)

    steps = tuple(fails(step) if step.name == step_name else step for step in workflow.steps)
    return replace(workflow, name=f"{name}__{step_name}", steps=steps, listens=(), emits=(), is_binding=False)


@dataclass(frozen=True)
class Ran:
    """What one run of the engine left behind."""

    house: WorkflowHouse
    records: dict[str, dict[str, Any]]
    messages: dict[str, list[dict[str, Any]]]

    def sent(self, name: str) -> dict[str, dict[str, Any]]:
        """The messages of a workflow's order by step, as they lie in the outbox."""
        own = self.messages.get(self.records[name]["decision_id"], [])
        return {message["key"].split("/")[1]: message for message in own if "withdraws" not in message}

    def withdrawn(self, name: str) -> set[str]:
        """The steps whose message was taken back."""
        own = self.messages.get(self.records[name]["decision_id"], [])
        return {message["withdraws"].split("/")[1] for message in own if "withdraws" in message}


def ran(root: Path, workflows: dict[str, Workflow], source: dict[str, str]) -> Ran:
    """Run an order of each workflow; `source` says which workflow of the catalogue each one is made of."""
    house = WorkflowHouse(root)
    orders = [order(source[name]) | {"workflow": name, "decision_id": order(name)["decision_id"]} for name in workflows]
    with house.engine(workflows) as engine:
        records = engine.run(orders, timeout_s=300)
    messages: dict[str, list[dict[str, Any]]] = {}
    for message in house.messages():
        messages.setdefault(str(message["key"]).split("/")[0], []).append(message)
    return Ran(house, {record["workflow"]: record for record in records[: len(orders)]}, messages)


@pytest.fixture(scope="module")
def succeeded(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Every workflow with all its doors open; without its listeners, which have an order of their own here."""
    alone = {name: replace(workflow, listens=(), is_binding=False) for name, workflow in WORKFLOWS.items()}
    return ran(tmp_path_factory.mktemp("open"), alone, {name: name for name in alone})


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """For every step of every workflow an order that fails at it."""
    made = {f"{name}__{step}": broken(name, step) for name, step in STEPS_OF_ALL}
    return ran(tmp_path_factory.mktemp("broken"), made, {f"{name}__{step}": name for name, step in STEPS_OF_ALL})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_completes_and_all_that_it_does_lies_in_the_outbox(succeeded: Ran, name: str) -> None:
    record, steps = succeeded.records[name], [step.name for step in WORKFLOWS[name].steps]

    assert record["outcome"] == "completed", record
    assert trail(record) == [(step, "done") for step in steps]
    assert set(succeeded.sent(name)) == {step for step in steps if not step.startswith("book_")}
    assert succeeded.withdrawn(name) == set()


@pytest.mark.parametrize(("name", "step"), STEPS_OF_ALL, ids=[f"{name}-{step}" for name, step in STEPS_OF_ALL])
def test_a_step_that_acts_and_fails_is_taken_back_with_all_before_it(failed: Ran, name: str, step: str) -> None:
    one, steps = f"{name}__{step}", [each.name for each in WORKFLOWS[name].steps]
    begun = steps[: steps.index(step) + 1]

    assert failed.records[one]["outcome"] == "compensated", failed.records[one]
    assert trail(failed.records[one]) == [
        *((each, "done") for each in begun[:-1]),
        (step, "failed"),
        *((each, "undone") for each in reversed(begun)),
    ]
    assert set(failed.sent(one)) == failed.withdrawn(one) == {each for each in begun if not each.startswith("book_")}


def test_what_failed_keeps_no_booking_and_what_succeeded_keeps_its_own(succeeded: Ran, failed: Ran) -> None:
    booked: dict[str, float] = {}
    for workflow in WORKFLOWS.values():
        for step in workflow.steps:
            if step.name.startswith("book_"):
                resource = step.name.removeprefix("book_")
                booked[resource] = booked.get(resource, 0.0) + (10.0 if resource.endswith("_brl") else 1.0)

    assert {resource: succeeded.house.world.booked(resource, DAY) for resource in booked} == booked
    assert {resource: failed.house.world.booked(resource, DAY) for resource in booked} == dict.fromkeys(booked, 0.0)


class TestWhatIsSent:
    """The messages of some workflows, word by word where money or a machine hangs on them."""

    def test_a_stop_names_the_machine_and_how_it_is_released(self, succeeded: Ran) -> None:
        stop = succeeded.sent("industrial.parar_maquina")["stop"]
        assert (stop["command"], stop["undo_command"], stop["subject"]) == ("stop", "release", "industrial.parar_maquina-0")

    def test_a_set_point_goes_down_a_tenth_and_back_to_the_whole(self, succeeded: Ran) -> None:
        sent = succeeded.sent("industrial.ajustar_setpoint")["adjust_set_point"]
        assert (sent["command"], sent["value"], sent["undo_value"]) == ("set_point", 0.9, 1.0)

    def test_a_discarded_lead_is_one_row_of_the_crm(self, succeeded: Ran) -> None:
        sent = succeeded.sent("comercial.descartar_lead")["write_stage"]
        assert sent["table"] == "leads"
        assert sent["form"]["parameters"] == {"lead_id": "comercial.descartar_lead-0", "stage": "descartado"}

    def test_a_refund_is_paid_by_billing_and_told_to_the_customer(self, succeeded: Ran) -> None:
        sent = succeeded.sent("varejo.reembolsar")
        assert (sent["pay_back"]["door"], sent["pay_back"]["kind"], sent["pay_back"]["of"]) == ("billing", "refund", "freight")
        assert (sent["tell_customer"]["template"], sent["tell_customer"]["to"]) == ("reembolso_frete", "cliente")

    def test_the_pager_is_told_which_machine(self, succeeded: Ran) -> None:
        sent = succeeded.sent("industrial.acionar_supervisor")["page"]
        assert (sent["event"], sent["machine"]) == ("supervisor_needed", "industrial.acionar_supervisor-0")

    def test_a_goal_is_followed_by_its_title(self, succeeded: Ran) -> None:
        assert succeeded.sent("mega.dividir_meta")["follow_goal"]["title"] == "Acompanhar a meta: Meta de teste"


@pytest.mark.parametrize(("agent", "slug"), [(agent, slug) for agent, slugs in ASKED.items() for slug in slugs])
def test_the_catalogue_has_what_was_asked_for(agent: str, slug: str) -> None:
    assert f"{agent}.{slug}" in WORKFLOWS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_decision_a_goal_the_plan_or_an_event_starts_every_workflow(name: str) -> None:
    assert starts_of(WORKFLOWS)[name]


def test_an_event_that_nobody_emits_starts_nothing() -> None:
    deaf = {name: replace(workflow, emits=()) for name, workflow in WORKFLOWS.items()}
    starts = starts_of(deaf)

    assert starts["industrial.abrir_incidente"] == ()
    assert starts["industrial.parar_maquina"]


def test_every_event_is_heard_and_every_one_that_is_listened_for_is_told() -> None:
    told = {event for workflow in WORKFLOWS.values() for event in workflow.emits}

    assert told == {event for workflow in WORKFLOWS.values() for event in workflow.listens}
    assert all(listeners(WORKFLOWS, event) for event in told)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_declaration_is_whole(name: str) -> None:
    workflow = WORKFLOWS[name]

    assert all(step.undo is not None and step.name in STEPS for step in workflow.steps)
    assert workflow.label and workflow.description.endswith(".")
    assert 0 < workflow.slo_s <= 3600


@pytest.mark.parametrize("name", MONEY_OR_SAFETY)
def test_money_and_safety_have_an_approval_point(name: str) -> None:
    approval, given = WORKFLOWS[name].approval, WORKFLOWS[name].read(order(name) | {"cost_brl": 100_000.0})

    assert approval is not None
    assert approval.holds(given)


def test_a_price_of_a_big_category_waits_for_a_person_and_a_small_one_does_not() -> None:
    workflow = WORKFLOWS["varejo.aumentar_preco"]
    assert workflow.approval is not None
    for units, waits in ((1000, True), (10, False)):
        given = workflow.read(order(workflow.name) | {"features": {"planned_units": units, "price_mean_brl": 50.0}})
        assert workflow.approval.holds(given) is waits


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("varejo.reembolsar", {"freight_brl": -3.0}),
        ("varejo.escalar_avaliacao", {"score": 6}),
        ("comercial.nutrir", {"p_convert": 1.5}),
        ("industrial.inspecionar", {"p_anomaly_score": "alto"}),
        ("agencia.enviar_campanha", {"customers": -1}),
    ],
)
def test_an_input_that_cannot_be_is_refused_before_the_first_step(name: str, features: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused, match=next(iter(features))):
        WORKFLOWS[name].read(order(name) | {"features": features})


def test_a_goal_without_a_title_is_refused() -> None:
    with pytest.raises(RequestRefused, match="title"):
        WORKFLOWS["mega.dividir_meta"].read(decision("mega.dividir_meta"))


def test_a_prediction_of_the_decision_is_read_like_a_feature() -> None:
    given = WORKFLOWS["comercial.nutrir"].read(order("comercial.nutrir") | {"predictions": {"p_convert": 0.4}})
    assert given.p_convert == 0.4  # type: ignore[attr-defined]
