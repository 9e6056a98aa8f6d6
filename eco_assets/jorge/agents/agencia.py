"""Workflows of the agencia agent: audiences, campaigns and their budget."""

from __future__ import annotations

from eco_assets.jorge.saga import Saga, booking, message

SAGAS = (
    Saga(
        "agencia.enviar_campanha",
        "Enviar campanha",
        "Books the media budget, schedules the campaign and tells the account manager.",
        (
            booking("media_brl", 20_000, of_cost=True),
            message("campaigns", "schedule_campaign", channel="email"),
            message("email", "tell_account_manager", template="campanha_agendada"),
        ),
    ),
    Saga(
        "agencia.ligar_para_publico",
        "Ligar para público",
        "Books the call centre's budget and hands it the audience.",
        (booking("media_brl", 20_000, of_cost=True), message("call_centre", "hand_over_audience", channel="telefone")),
    ),
)
