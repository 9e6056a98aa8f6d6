"""Workflows of the comercial agent: leads and the people who call them."""

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
)
