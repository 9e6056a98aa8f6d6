"""Workflows of the varejo agent: stock, prices and customers who complain."""

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
)
