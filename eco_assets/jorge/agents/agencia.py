"""Workflows of the agencia agent: audiences, campaigns, bids and their budget."""

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
    Saga(
        "agencia.pausar_lances",
        "Pausar lances",
        "Stops the bids on an exchange and tells the media buyer; undone, they run again.",
        (message("ad_exchange", "pause_bids", command="pause"), message("email", "tell_media_buyer", template="lances_pausados")),
    ),
    Saga(
        "agencia.reduzir_lance",
        "Reduzir lance",
        "Lowers the highest bid on an exchange and tells the media buyer; undone, it goes back.",
        (
            message("ad_exchange", "lower_bid", command="bid", factor=0.8),
            message("email", "tell_media_buyer", template="lance_reduzido"),
        ),
    ),
    Saga(
        "agencia.aumentar_lance",
        "Aumentar lance",
        "Books the media budget, raises the highest bid on an exchange and tells the media buyer; undone, it goes back.",
        (
            booking("media_brl", 20_000, of_cost=True),
            message("ad_exchange", "raise_bid", command="bid", factor=1.15),
            message("email", "tell_media_buyer", template="lance_aumentado"),
        ),
    ),
    Saga(
        "agencia.mover_verba",
        "Mover verba",
        "Changes the planned budget of a line and tells the account manager; undone, the plan goes back.",
        (message("media_plan", "change_budget", command="budget"), message("email", "tell_account_manager", template="verba_alterada")),
    ),
)
