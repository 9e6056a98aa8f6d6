"""Workflows of the varejo agent: stock, prices, deliveries, sellers and customers who complain."""

from __future__ import annotations

from eco_assets.jorge.agents.inputs import CategoryInput, OrderInput, ReviewInput, SellerInput
from eco_assets.jorge.steps import booking, email, message, task, upsert
from eco_assets.jorge.workflow import Approval, Workflow

HURRIED = "varejo.entrega_priorizada"
BIG_WEEK_BRL = 20_000  # a price or a promotion that moves more than this a week is read by a person

STOCK = (
    Workflow(
        "varejo.repor_estoque",
        "Repor estoque",
        "Books the day's purchasing budget, places the order in the ERP and tells the supplier.",
        (
            booking("purchasing_brl", 20_000, of_cost=True),
            message("erp", "place_order", kind="purchase_order"),
            email("tell_supplier", "pedido_fornecedor", to="fornecedor"),
        ),
        CategoryInput,
        approval=Approval(above_brl=600, escalate_to="gerência de compras"),
    ),
    Workflow(
        "varejo.transferir_estoque",
        "Transferir estoque",
        "Reserves the units where they are, orders the transfer and tells the receiving centre; undone, the units are free again.",
        (
            message("wms", "reserve_units", kind="reservation"),
            message("logistics", "order_transfer", kind="transfer"),
            task("receive_units", "Receber transferência de {subject}", role="centro de distribuição", due_days=2),
        ),
        CategoryInput,
        slo_s=600,
    ),
    Workflow(
        "varejo.remarcar_preco",
        "Remarcar preço",
        "Lowers the category's price in the ERP and tells the shop team; undone, the price is as it was.",
        (message("erp", "change_price", kind="markdown", factor=0.94), email("tell_shop", "aviso_remarcacao", to="loja")),
        CategoryInput,
    ),
    Workflow(
        "varejo.aumentar_preco",
        "Aumentar preço",
        "Raises the category's price in the ERP and tells the shop team; undone, it is as it was. A big category waits for a person.",
        (message("erp", "change_price", kind="raise", factor=1.04), email("tell_shop", "aviso_aumento", to="loja")),
        CategoryInput,
        approval=Approval(when=lambda given: getattr(given, "week_brl", 0.0) > BIG_WEEK_BRL, escalate_to="gerência de preços"),
    ),
    Workflow(
        "varejo.lancar_promocao",
        "Lançar promoção",
        "Writes the promotion into the ERP for a week, shows it on the front page and tells the team. A big category waits for a person.",
        (
            message("erp", "open_promotion", kind="promotion", factor=0.88, days=7),
            message("cms", "show_banner", kind="banner", days=7),
            email("tell_shop", "aviso_promocao", to="loja"),
        ),
        CategoryInput,
        approval=Approval(when=lambda given: getattr(given, "week_brl", 0.0) > BIG_WEEK_BRL, escalate_to="gerência de preços"),
        slo_s=600,
        emits=("varejo.promocao_lancada",),
    ),
)

DELIVERIES = (
    Workflow(
        "varejo.apressar_pedido",
        "Apressar pedido",
        "Asks whoever has the parcel, seller or carrier, to put it first, and opens a ticket to look again.",
        (message("logistics", "ask_priority", kind="priority"), message("service_desk", "open_ticket", kind="delivery_follow_up")),
        OrderInput,
        priority=5,
        emits=(HURRIED,),
    ),
    Workflow(
        "varejo.trocar_transportadora",
        "Trocar transportadora",
        "Books the freight budget, orders the faster carrier in place of the first and tells the seller; undone, the first label holds.",
        (
            booking("freight_brl", 3_000, of_cost=True),
            message("logistics", "order_carrier", kind="express_label"),
            email("tell_seller", "troca_transportadora", to="vendedor"),
        ),
        OrderInput,
        priority=5,
        emits=(HURRIED,),
    ),
    Workflow(
        "varejo.pedir_desculpas",
        "Pedir desculpas",
        "Books the voucher budget, issues a voucher and writes to the customer with the new day.",
        (
            booking("vouchers_brl", 6_000, of_cost=True),
            message("erp", "issue_voucher", kind="voucher"),
            email("apologise", "desculpas_atraso", to="cliente"),
        ),
        OrderInput,
    ),
    Workflow(
        "varejo.reembolsar",
        "Reembolsar",
        "Books the refund against the day's budget, pays the freight back and tells the customer; a dear one waits for a person.",
        (
            booking("refunds_brl", 3_000, of_cost=True),
            message("billing", "pay_back", kind="refund", of="freight"),
            email("tell_customer", "reembolso_frete", to="cliente"),
        ),
        OrderInput,
        approval=Approval(above_brl=80, escalate_to="gerência de atendimento"),
    ),
    Workflow(
        "varejo.pedir_avaliacao",
        "Pedir avaliação",
        "Asks the customer of an order that was hurried for a review once it has arrived.",
        (
            upsert("mark_asked", "erp", "reviews_asked", match={"order_id": "{subject}"}, values={"asked_on": "{day}"}),
            message("crm", "schedule_request", kind="review_request", when="delivered", template="pedido_avaliacao"),
        ),
        OrderInput,
        slo_s=3600,
        priority=30,
        listens=(HURRIED,),
    ),
    Workflow(
        "varejo.recuperar_carrinho",
        "Recuperar carrinho",
        "Holds the items of a purchase without payment for two more days and sends its customer the link; undone, the items are free.",
        (
            message("wms", "hold_items", kind="hold", days=2),
            message("billing", "renew_link", kind="payment_link"),
            email("remind_customer", "carrinho_abandonado", to="cliente"),
        ),
        OrderInput,
        slo_s=1800,
    ),
)

REVIEWS = (
    Workflow(
        "varejo.recuperar_cliente",
        "Recuperar cliente",
        "Books the voucher budget, issues a voucher, apologises by e-mail.",
        (
            booking("vouchers_brl", 6_000, of_cost=True),
            message("erp", "issue_voucher", kind="voucher"),
            email("apologise", "pedido_desculpas", to="cliente"),
        ),
        ReviewInput,
    ),
    Workflow(
        "varejo.responder_avaliacao",
        "Responder avaliação",
        "Opens a service ticket for a personal answer.",
        (message("service_desk", "open_ticket", kind="review_reply"),),
        ReviewInput,
        slo_s=900,
    ),
    Workflow(
        "varejo.escalar_avaliacao",
        "Escalar avaliação ruim",
        "Opens an urgent ticket, has a supervisor call the customer within a day and tells the seller.",
        (
            message("service_desk", "open_ticket", kind="review_escalation", urgency="high"),
            task("call_customer", "Ligar para o cliente da avaliação {subject}", role="supervisão de atendimento", due_days=1),
            email("tell_seller", "avaliacao_escalada", to="vendedor"),
        ),
        ReviewInput,
        priority=5,
    ),
)

SELLERS = (
    Workflow(
        "varejo.orientar_vendedor",
        "Orientar vendedor",
        "Books an hour of seller support, sends the seller its figures and opens the ticket.",
        (
            booking("seller_support_slots", 20),
            email("send_figures", "desempenho_vendedor", to="vendedor"),
            message("service_desk", "open_ticket", kind="seller_coaching"),
        ),
        SellerInput,
    ),
    Workflow(
        "varejo.reduzir_exposicao",
        "Reduzir exposição",
        "Lowers the rank of the seller's offers and tells the seller why; undone, the rank goes back.",
        (message("marketplace", "lower_rank", kind="rank", value=0.5), email("tell_seller", "reducao_exposicao", to="vendedor")),
        SellerInput,
    ),
    Workflow(
        "varejo.suspender_vendedor",
        "Suspender vendedor",
        "Takes the seller's offers down, tells the seller, and opens the case for a person; undone, the offers come back.",
        (
            message("marketplace", "suspend", kind="suspension"),
            email("tell_seller", "suspensao_vendedor", to="vendedor"),
            message("service_desk", "open_ticket", kind="seller_suspension"),
        ),
        SellerInput,
        approval=Approval(escalate_to="gerência do marketplace", escalate_after_h=12),
        priority=5,
    ),
)

WORKFLOWS = (*STOCK, *DELIVERIES, *REVIEWS, *SELLERS)
