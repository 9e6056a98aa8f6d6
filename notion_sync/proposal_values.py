"""What a proposal's placeholders and tables say for one decision: dates, amounts to the cent, and the audience in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from eco_assets.errors import RequestRefused
from notion_sync.formatting import brl, count, date_long, number
from notion_sync.labels import coded
from notion_sync.proposal_templates import Template
from notion_sync.records import Record, short_id, value_of

CENT = Decimal("0.01")
_EMAIL = re.compile(r"email:\d\) \$(?P<low>[\d,]+) (?:- \$(?P<high>[\d,]+)|\+) / (?P<channel>\w+) / (?P<age>antigo|novo)")
_CHANNELS = {"Web": "pelo site", "Phone": "por telefone", "Multichannel": "por mais de um canal"}


@dataclass(frozen=True)
class Line:
    """A row of the price table; amounts in reais."""

    name: str
    quantity: int
    price_brl: Decimal

    @property
    def total_brl(self) -> Decimal:
        """Quantity times price, to the cent."""
        return (self.quantity * self.price_brl).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Offer:
    """What a proposal costs: `discount_brl` off the sum of `lines`, paid in `installments` equal parts."""

    lines: tuple[Line, ...]
    discount_percent: Decimal
    installments: int

    @property
    def subtotal_brl(self) -> Decimal:
        """The list price."""
        return sum((line.total_brl for line in self.lines), Decimal(0))

    @property
    def discount_brl(self) -> Decimal:
        """The discount, to the cent."""
        return (self.subtotal_brl * self.discount_percent / 100).quantize(CENT, ROUND_HALF_UP)

    @property
    def total_brl(self) -> Decimal:
        """What the customer pays."""
        return self.subtotal_brl - self.discount_brl

    @property
    def payment(self) -> str:
        """The parts in words; cents that do not divide are in the first."""
        if self.installments == 1:
            return f"uma única parcela de {brl(self.total_brl)}"
        each = (self.total_brl / self.installments).quantize(CENT, "ROUND_DOWN")
        first = self.total_brl - each * (self.installments - 1)
        if first == each:
            return f"{self.installments} parcelas de {brl(each)}"
        rest = self.installments - 1
        return f"{self.installments} parcelas, a primeira de {brl(first)} e {'a outra' if rest == 1 else 'as demais'} de {brl(each)}"


def offer(template: Template, decision: Record) -> Offer:
    """Return the price of what `decision` proposes.

    Raises:
        RequestRefused: the price list and the decision's own cost disagree, where they must be the same.
    """
    action, features = str(decision["action"]), decision.get("features") or {}
    rows = [row for section in template.body["sections"] for row in section.get("prices", ()) if action in row.get("only", (action,))]
    lines = tuple(Line(row["name"], _quantity(row.get("quantity", 1), features), Decimal(str(row["price_brl"]))) for row in rows)
    percent = Decimal(str(template.body["actions"][action]["discount_percent"]))
    made = Offer(lines, percent, template.body["installments"])
    cost = Decimal(str(value_of(decision, "cost_brl"))).quantize(CENT, ROUND_HALF_UP)
    if template.body.get("cost_is_price") and made.total_brl != cost:
        why = f"{template.file.name} asks {made.total_brl} reais, the decision reckons with {cost}"
        raise RequestRefused(f"decision {short_id(decision)} has another price: {why}; bring the price list into line with the policy")
    return made


def _quantity(quantity: int | str, features: Mapping[str, Any]) -> int:
    return quantity if isinstance(quantity, int) else round(value_of(features, quantity))


def schedule(template: Template, as_of: date) -> list[tuple[str, date, date]]:
    """Return name, first and last day of each stage; the first begins on a weekday."""
    start = as_of + timedelta(days=template.body["start_in_days"])
    start += timedelta(days=(7 - start.weekday()) % 7 if start.weekday() >= 5 else 0)
    found = []
    for stage in (stage for section in template.body["sections"] for stage in section.get("stages", ())):
        found.append((str(stage["name"]), start, start + timedelta(days=stage["days"] - 1)))
        start += timedelta(days=stage["days"])
    return found


def valid_until(template: Template, as_of: date) -> date:
    """Return the last day on which the proposal may be accepted."""
    return as_of + timedelta(days=template.body["valid_days"])


def values(template: Template, decision: Record) -> dict[str, str]:
    """Return placeholder → words; only what a customer may read."""
    as_of = date.fromisoformat(str(decision["as_of"]))
    features = decision.get("features") or {}
    stages = schedule(template, as_of)
    found = {
        "data": date_long(as_of),
        "numero": proposal_number(decision),
        "inicio": date_long(stages[0][1]),
        "termino": date_long(stages[-1][2]),
        "validade": date_long(valid_until(template, as_of)),
        "parcelas": offer(template, decision).payment,
        "publico": audience(str(decision["subject"])),
        **template.body["actions"][decision["action"]].get("words", {}),
    }
    if "age_days" in features:
        found["data_contato"] = date_long(as_of - timedelta(days=round(value_of(features, "age_days"))))
    if "customers" in features:
        found["clientes"] = count(round(value_of(features, "customers")), "cliente", "clientes")
    if greeting := template.body.get("greeting"):
        found["agradecimento"] = greeting["values"].get(features.get(greeting["feature"]), greeting["otherwise"])
    return found


def proposal_number(decision: Record) -> str:
    """Return what people call a proposal by, `2026-1031/0A56`: its day and the beginning of its decision's id."""
    return f"{date.fromisoformat(str(decision['as_of'])):%Y-%m%d}/{str(decision['decision_id'])[:4].upper()}"


def audience(subject: str) -> str:
    """Return an audience for its owner: `clientes novos que compram pelo site e já gastaram de R$ 100 a R$ 200`."""
    if found := _EMAIL.fullmatch(subject):
        low, high = found["low"].replace(",", ""), (found["high"] or "").replace(",", "")
        spent = f"de R$ {number(int(low))} a R$ {number(int(high))}" if high else f"mais de R$ {number(int(low))}"
        spent = f"até R$ {number(int(high))}" if low == "0" else spent
        age = "novos" if found["age"] == "novo" else "antigos"
        return f"clientes {age} que compram {_CHANNELS.get(found['channel'], found['channel'])} e já gastaram {spent}"
    _, is_known, group = subject.partition("telefone:")
    return f"contatos do grupo “{coded(group).lower()}”" if is_known and group != "unknown" else "contatos da sua base"
