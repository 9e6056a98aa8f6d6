"""Workflows of the comercial agent: leads, proposals, accounts and the people who call them."""

from __future__ import annotations

from eco_assets.jorge.saga import Saga, booking, message

SAGAS = (
    Saga(
        "comercial.agendar_contato",
        "Agendar contato",
        "Books an hour of a sales development representative, opens a task in the CRM and sends the invitation.",
        (
            booking("sdr_slots", 400),
            message("crm", "open_task", kind="call"),
            message("email", "send_invitation", template="convite_contato"),
        ),
    ),
    Saga(
        "comercial.nutrir",
        "Nutrir lead",
        "Enrols the lead in the nurture sequence and notes it in the CRM.",
        (message("email", "enrol_in_sequence", template="nutricao_30_dias"), message("crm", "note", kind="nurture")),
    ),
    Saga(
        "comercial.enviar_proposta",
        "Enviar proposta",
        "Writes the proposal in the CRM, with a task to follow it up, and sends it.",
        (message("crm", "write_proposal", kind="proposal"), message("email", "send_proposal", template="proposta_comercial")),
    ),
    Saga(
        "comercial.enviar_proposta_com_desconto",
        "Enviar proposta com desconto",
        "Books the discount against the day's budget, writes the proposal with it in the CRM, with a task to follow it up, and sends it.",
        (
            booking("discount_brl", 6_000, of_cost=True),
            message("crm", "write_discounted_proposal", kind="proposal"),
            message("email", "send_proposal", template="proposta_com_desconto"),
        ),
    ),
    Saga(
        "comercial.enviar_diagnostico",
        "Enviar diagnóstico da conta",
        "Sends the account its own figures beside those of its past and notes it in the CRM.",
        (message("email", "send_diagnosis", template="diagnostico_conta"), message("crm", "note", kind="account_diagnosis")),
    ),
    Saga(
        "comercial.ligar_para_conta",
        "Ligar para a conta",
        "Books an hour of the account manager and opens the call in the CRM.",
        (booking("account_manager_slots", 24), message("crm", "open_task", kind="account_call")),
    ),
    Saga(
        "comercial.oferecer_incentivo",
        "Oferecer incentivo à conta",
        "Books the incentive budget, lowers the account's commission for four weeks, tells it and opens the call in the CRM.",
        (
            booking("incentive_brl", 5_000, of_cost=True),
            message("billing", "lower_commission", kind="commission", weeks=4),
            message("email", "tell_account", template="incentivo_conta"),
            message("crm", "open_task", kind="account_call"),
        ),
    ),
)
