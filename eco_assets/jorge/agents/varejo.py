"""Workflows of the varejo agent: stock, prices, deliveries, sellers and customers who complain."""

from __future__ import annotations

from eco_assets.jorge.saga import Saga, booking, message

SAGAS = (
    Saga(
        "varejo.repor_estoque",
        "Repor estoque",
        "Books the day's purchasing budget, places the order in the ERP and tells the supplier.",
        (
            booking("purchasing_brl", 20_000, of_cost=True),
            message("erp", "place_order", kind="purchase_order"),
            message("email", "tell_supplier", template="pedido_fornecedor"),
        ),
    ),
    Saga(
        "varejo.remarcar_preco",
        "Remarcar preço",
        "Changes the price in the ERP and tells the shop team.",
        (message("erp", "change_price", kind="markdown"), message("email", "tell_shop", template="aviso_remarcacao")),
    ),
    Saga(
        "varejo.recuperar_cliente",
        "Recuperar cliente",
        "Books the voucher budget, issues a voucher, apologises by e-mail.",
        (
            booking("vouchers_brl", 6_000, of_cost=True),
            message("erp", "issue_voucher", kind="voucher"),
            message("email", "apologise", template="pedido_desculpas"),
        ),
    ),
    Saga(
        "varejo.responder_avaliacao",
        "Responder avaliação",
        "Opens a service ticket for a personal answer.",
        (message("service_desk", "open_ticket", kind="review_reply"),),
    ),
    Saga(
        "varejo.apressar_pedido",
        "Apressar pedido",
        "Asks whoever has the parcel, seller or carrier, to put it first, and opens a ticket to look again.",
        (message("logistics", "ask_priority", kind="priority"), message("service_desk", "open_ticket", kind="delivery_follow_up")),
    ),
    Saga(
        "varejo.trocar_transportadora",
        "Trocar transportadora",
        "Books the freight budget, orders the faster carrier in place of the first and tells the seller; undone, the first label holds.",
        (
            booking("freight_brl", 3_000, of_cost=True),
            message("logistics", "order_carrier", kind="express_label"),
            message("email", "tell_seller", template="troca_transportadora"),
        ),
    ),
    Saga(
        "varejo.pedir_desculpas",
        "Pedir desculpas",
        "Books the voucher budget, issues a voucher and writes to the customer with the new day.",
        (
            booking("vouchers_brl", 6_000, of_cost=True),
            message("erp", "issue_voucher", kind="voucher"),
            message("email", "apologise", template="desculpas_atraso"),
        ),
    ),
    Saga(
        "varejo.orientar_vendedor",
        "Orientar vendedor",
        "Books an hour of seller support, sends the seller its figures and opens the ticket.",
        (
            booking("seller_support_slots", 20),
            message("email", "send_figures", template="desempenho_vendedor"),
            message("service_desk", "open_ticket", kind="seller_coaching"),
        ),
    ),
    Saga(
        "varejo.reduzir_exposicao",
        "Reduzir exposição",
        "Lowers the rank of the seller's offers and tells the seller why; undone, the rank goes back.",
        (message("marketplace", "lower_rank", kind="rank", value=0.5), message("email", "tell_seller", template="reducao_exposicao")),
    ),
    Saga(
        "varejo.suspender_vendedor",
        "Suspender vendedor",
        "Takes the seller's offers down, tells the seller, and opens the case for a person; undone, the offers come back.",
        (
            message("marketplace", "suspend", kind="suspension"),
            message("email", "tell_seller", template="suspensao_vendedor"),
            message("service_desk", "open_ticket", kind="seller_suspension"),
        ),
    ),
)
