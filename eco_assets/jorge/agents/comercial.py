"""Workflows of the comercial agent: leads, proposals, accounts and the people who call them."""

from __future__ import annotations

from eco_assets.jorge.agents.inputs import AccountInput, LeadInput
from eco_assets.jorge.steps import booking, document, email, message, task, upsert
from eco_assets.jorge.workflow import Approval, Step, Workflow

SENT = "comercial.proposta_enviada"


def _proposal(name: str, label: str, description: str, kind: str, template: str, *before: Step) -> Workflow:
    """Every proposal is written in the CRM, sent, and followed up by who listens to `SENT`."""
    steps = (*before, message("crm", f"write_{kind}", kind="proposal", offer=kind), email("send_proposal", template, to="lead"))
    return Workflow(name, label, description, steps, LeadInput, slo_s=600, emits=(SENT,))


WORKFLOWS = (
    Workflow(
        "comercial.qualificar_lead",
        "Qualificar lead",
        "Asks the registers about the company, writes what they say into the CRM and has somebody read it.",
        (
            message("enrichment", "look_up_company", kind="company"),
            upsert("write_stage", "crm", "leads", match={"lead_id": "{subject}"}, values={"stage": "em qualificação"}),
            task("read_profile", "Qualificar o contato {subject}", role="pré-vendas", due_days=1),
        ),
        LeadInput,
        slo_s=600,
        emits=("comercial.lead_qualificado",),
    ),
    Workflow(
        "comercial.atribuir_sdr",
        "Atribuir SDR",
        "Gives a qualified lead an owner in the CRM, who is told by a task.",
        (
            upsert("write_owner", "crm", "leads", match={"lead_id": "{subject}"}, values={"owner": "fila de SDR", "stage": "atribuído"}),
            task("first_call", "Falar com o contato {subject}", role="SDR", due_days=2),
        ),
        LeadInput,
        slo_s=900,
        listens=("comercial.lead_qualificado",),
    ),
    Workflow(
        "comercial.agendar_contato",
        "Agendar contato",
        "Books an hour of a sales development representative, opens a task in the CRM and sends the invitation.",
        (
            booking("sdr_slots", 400),
            message("crm", "open_task", kind="call"),
            email("send_invitation", "convite_contato", to="lead"),
        ),
        LeadInput,
    ),
    Workflow(
        "comercial.agendar_demonstracao",
        "Agendar demonstração",
        "Books an hour of a sales development representative, reserves the demonstration room and sends the invitation.",
        (
            booking("sdr_slots", 400),
            message("calendar", "reserve_room", kind="demo", minutes=45),
            message("crm", "open_task", kind="demo"),
            email("send_invitation", "convite_demonstracao", to="lead"),
        ),
        LeadInput,
    ),
    Workflow(
        "comercial.nutrir",
        "Nutrir lead",
        "Enrols the lead in the nurture sequence and notes it in the CRM.",
        (email("enrol_in_sequence", "nutricao_30_dias", to="lead"), message("crm", "note", kind="nurture")),
        LeadInput,
        slo_s=1800,
        priority=20,
    ),
    Workflow(
        "comercial.descartar_lead",
        "Descartar lead",
        "Takes the lead out of the sequences and out of the funnel; undone, it comes back as it was.",
        (
            message("crm", "leave_sequences", kind="unsubscribe"),
            upsert("write_stage", "crm", "leads", match={"lead_id": "{subject}"}, values={"stage": "descartado"}),
        ),
        LeadInput,
        slo_s=3600,
        priority=30,
    ),
    _proposal(
        "comercial.enviar_proposta",
        "Enviar proposta",
        "Writes the proposal in the CRM, with a task to follow it up, and sends it.",
        "proposal",
        "proposta_comercial",
    ),
    _proposal(
        "comercial.propor_marketing",
        "Enviar proposta de marketing",
        "Writes the proposal for campaigns and media in the CRM and sends it.",
        "marketing_proposal",
        "proposta_marketing",
    ),
    _proposal(
        "comercial.propor_consultoria",
        "Enviar proposta de consultoria",
        "Books an hour of a consultant for the scope, writes the proposal in the CRM and sends it.",
        "consulting_proposal",
        "proposta_consultoria",
        message("calendar", "reserve_consultant", kind="scoping", minutes=60),
    ),
    _proposal(
        "comercial.propor_financeiro",
        "Enviar proposta financeira",
        "Asks billing for terms of payment, writes the proposal in the CRM and sends it.",
        "finance_proposal",
        "proposta_financeira",
        message("billing", "quote_terms", kind="terms_of_payment", instalments=12),
    ),
    _proposal(
        "comercial.enviar_proposta_com_desconto",
        "Negociar com desconto",
        "Books the discount against the day's budget, writes the proposal with it in the CRM, with a task to follow it up, and sends it.",
        "discounted_proposal",
        "proposta_com_desconto",
        booking("discount_brl", 6_000, of_cost=True),
    ),
    Workflow(
        "comercial.acompanhar_proposta",
        "Acompanhar proposta",
        "Has somebody ask after a proposal that was sent, three days later, and notes it in the CRM.",
        (
            task("ask_after_proposal", "Retomar a proposta de {subject}", role="vendas", due_days=3),
            message("crm", "note", kind="follow_up"),
        ),
        LeadInput,
        slo_s=3600,
        priority=20,
        listens=(SENT,),
    ),
    Workflow(
        "comercial.converter_lead",
        "Converter lead",
        "Files the contract, sends it for signature, opens the account in billing and closes the lead as won.",
        (
            document("file_contract", "contratos/{short}.md", template="contrato"),
            message("signature", "ask_for_signature", kind="contract"),
            message("billing", "open_account", kind="account"),
            upsert("write_stage", "crm", "leads", match={"lead_id": "{subject}"}, values={"stage": "contrato enviado"}),
            email("send_contract", "contrato_para_assinatura", to="lead"),
        ),
        LeadInput,
        slo_s=900,
    ),
    Workflow(
        "comercial.enviar_diagnostico",
        "Enviar diagnóstico da conta",
        "Sends the account its own figures beside those of its past and notes it in the CRM.",
        (email("send_diagnosis", "diagnostico_conta", to="conta"), message("crm", "note", kind="account_diagnosis")),
        AccountInput,
        slo_s=1800,
    ),
    Workflow(
        "comercial.ligar_para_conta",
        "Ligar para a conta",
        "Books an hour of the account manager and opens the call in the CRM.",
        (booking("account_manager_slots", 24), message("crm", "open_task", kind="account_call")),
        AccountInput,
    ),
    Workflow(
        "comercial.reativar_conta",
        "Reativar conta parada",
        "Turns the silent account's catalogue on again for four weeks at the head of the list, writes to it and has its manager look.",
        (
            message("marketplace", "raise_rank", kind="rank", value=1.2, weeks=4),
            email("write_to_account", "reativacao_conta", to="conta"),
            task("look_at_account", "Rever a conta parada {subject}", role="gerente de conta", due_days=7),
        ),
        AccountInput,
        slo_s=1800,
    ),
    Workflow(
        "comercial.oferecer_upsell",
        "Oferecer mais à conta",
        "Books an hour of the account manager, opens the offer in the CRM and sends it to an account that grows.",
        (
            booking("account_manager_slots", 24),
            message("crm", "open_offer", kind="upsell"),
            email("send_offer", "oferta_upsell", to="conta"),
        ),
        AccountInput,
        slo_s=1800,
        emits=("comercial.conta_em_alta",),
    ),
    Workflow(
        "comercial.oferecer_incentivo",
        "Oferecer incentivo à conta",
        "Books the incentive budget, lowers the account's commission for four weeks, tells it and opens the call in the CRM.",
        (
            booking("incentive_brl", 5_000, of_cost=True),
            message("billing", "lower_commission", kind="commission", weeks=4),
            email("tell_account", "incentivo_conta", to="conta"),
            message("crm", "open_task", kind="account_call"),
        ),
        AccountInput,
        approval=Approval(above_brl=300, escalate_to="diretoria comercial"),
    ),
)
