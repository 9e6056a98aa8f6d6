"""Workflows of the agencia agent: audiences, campaigns, bids and their budget."""

from __future__ import annotations

from eco_assets.jorge.agents.inputs import AudienceInput
from eco_assets.jorge.steps import booking, document, email, message, page, task, upsert
from eco_assets.jorge.workflow import Approval, Workflow, WorkflowInput

LAUNCHED, TO_REPORT = "agencia.campanha_lancada", "agencia.resultado_a_relatar"
BUYER, MANAGER = "compra de mídia", "gerente de conta"
OWNER = "direção da agência"

CAMPAIGNS = (
    Workflow(
        "agencia.enviar_campanha",
        "Lançar campanha",
        "Books the media budget, schedules the campaign and tells the account manager.",
        (
            booking("media_brl", 20_000, of_cost=True),
            message("campaigns", "schedule_campaign", channel="email"),
            email("tell_account_manager", "campanha_agendada", to=MANAGER),
        ),
        AudienceInput,
        approval=Approval(above_brl=600, escalate_to=OWNER),
        emits=(LAUNCHED,),
    ),
    Workflow(
        "agencia.enviar_email",
        "Enviar e-mail ao público",
        "Freezes the list of a launched campaign, without those who opted out, and hands it to the sender; undone, no more is sent.",
        (
            message("campaigns", "freeze_list", kind="audience_snapshot", without="opted_out"),
            message("mailer", "send_batch", kind="campaign_mail"),
        ),
        AudienceInput,
        slo_s=1800,
        listens=(LAUNCHED,),
        is_binding=True,
    ),
    Workflow(
        "agencia.pausar_campanha",
        "Pausar campanha",
        "Pauses what runs for an audience and tells the account manager; undone, it runs again.",
        (message("campaigns", "pause_campaign", command="pause"), email("tell_account_manager", "campanha_pausada", to=MANAGER)),
        AudienceInput,
        priority=5,
    ),
    Workflow(
        "agencia.ligar_para_publico",
        "Ligar para público",
        "Books the call centre's budget and hands it the audience.",
        (booking("media_brl", 20_000, of_cost=True), message("call_centre", "hand_over_audience", channel="telefone")),
        AudienceInput,
        slo_s=900,
    ),
    Workflow(
        "agencia.suprimir_publico",
        "Suprimir público",
        "Takes an audience off the call centre's own lists and writes it into the suppression list; undone, it is callable again.",
        (
            upsert(
                "suppress", "crm", "suppressions", match={"audience_id": "{subject}"}, values={"since": "{day}", "reason": "resposta fraca"}
            ),
            message("call_centre", "drop_audience", channel="telefone"),
        ),
        AudienceInput,
        slo_s=1800,
    ),
    Workflow(
        "agencia.oferecer_desconto",
        "Oferecer desconto",
        "Books the media budget, opens a code for the audience and schedules the e-mail with it; undone, the code is worth nothing.",
        (
            booking("media_brl", 20_000, of_cost=True),
            message("erp", "open_code", kind="discount_code", days=14),
            message("campaigns", "schedule_campaign", channel="email", offer="discount"),
        ),
        AudienceInput,
        approval=Approval(above_brl=600, escalate_to=OWNER),
        emits=(LAUNCHED,),
    ),
    Workflow(
        "agencia.testar_grupo_controle",
        "Testar com grupo de controle",
        "Books the media budget, draws a control group, schedules the campaign for the rest and has somebody read the result in two weeks.",
        (
            booking("media_brl", 20_000, of_cost=True),
            message("campaigns", "draw_control_group", kind="holdout", share=0.5),
            message("campaigns", "schedule_campaign", channel="email", without="control_group"),
            task("read_result", "Ler o teste do público {subject}", role="análise de mídia", due_days=14),
        ),
        AudienceInput,
        emits=(LAUNCHED, TO_REPORT),
    ),
)

MEDIA = (
    Workflow(
        "agencia.pausar_lances",
        "Pausar lances",
        "Stops the bids on an exchange and tells the media buyer; undone, they run again.",
        (message("ad_exchange", "pause_bids", command="pause"), email("tell_media_buyer", "lances_pausados", to=BUYER)),
        AudienceInput,
        approval=Approval(above_brl=500, expires_h=24, escalate_to=OWNER, escalate_after_h=4),
        priority=3,
    ),
    Workflow(
        "agencia.reduzir_lance",
        "Reduzir lance",
        "Lowers the highest bid on an exchange and tells the media buyer; undone, it goes back.",
        (message("ad_exchange", "lower_bid", command="bid", factor=0.8), email("tell_media_buyer", "lance_reduzido", to=BUYER)),
        AudienceInput,
    ),
    Workflow(
        "agencia.aumentar_lance",
        "Aumentar lance",
        "Books the media budget, raises the highest bid on an exchange and tells the media buyer; undone, it goes back.",
        (
            booking("media_brl", 20_000, of_cost=True),
            message("ad_exchange", "raise_bid", command="bid", factor=1.15),
            email("tell_media_buyer", "lance_aumentado", to=BUYER),
        ),
        AudienceInput,
    ),
    Workflow(
        "agencia.trocar_criativo",
        "Trocar criativo",
        "Puts the next advertisement of the series on the exchange and asks design for a fresh one; undone, the first one runs again.",
        (
            message("ad_exchange", "rotate_creative", command="creative", take="next"),
            task("draw_creative", "Novo criativo para {subject}", role="criação", due_days=5),
        ),
        AudienceInput,
        slo_s=900,
    ),
    Workflow(
        "agencia.mover_verba",
        "Mover verba",
        "Changes the planned budget of a line and tells the account manager; undone, the plan goes back.",
        (message("media_plan", "change_budget", command="budget"), email("tell_account_manager", "verba_alterada", to=MANAGER)),
        AudienceInput,
        approval=Approval(above_brl=400, escalate_to=OWNER),
        emits=(TO_REPORT,),
    ),
)

CLIENTS = (
    Workflow(
        "agencia.produzir_relatorio",
        "Produzir relatório",
        "Writes the line's report, publishes it in the knowledge base and notes it in the media plan.",
        (
            document("write_report", "midia/{day}-{short}.md", template="relatorio_midia"),
            page("publish_report", "Relatório de mídia: {subject}", path="midia/{day}-{short}", template="relatorio_midia"),
            message("media_plan", "note_report", kind="report"),
        ),
        AudienceInput,
        slo_s=3600,
        priority=20,
        listens=(TO_REPORT,),
    ),
    Workflow(
        "agencia.renovar_contrato",
        "Renovar contrato",
        "Files the renewal of a growing account's media contract for a person to sign and opens it in the CRM.",
        (
            document("file_renewal", "contratos/renovacao-{short}.md", template="renovacao_contrato"),
            message("crm", "open_renewal", kind="renewal", months=12),
            task("sign_renewal", "Assinar a renovação de {subject}", role=OWNER, due_days=5),
        ),
        WorkflowInput,
        slo_s=3600,
        listens=("comercial.conta_em_alta",),
    ),
    Workflow(
        "agencia.publicar_post",
        "Publicar post",
        "Publishes the post about a promotion of the shop and notes it in the media plan; undone, it is gone.",
        (
            message("cms", "publish_post", kind="post", template="post_promocao"),
            message("media_plan", "note_post", kind="post"),
        ),
        WorkflowInput,
        slo_s=1800,
        listens=("varejo.promocao_lancada",),
    ),
)

WORKFLOWS = (*CAMPAIGNS, *MEDIA, *CLIENTS)
