"""The page on which a person answers one proposed decision: what is proposed, and the fields to fill in.

The page's path carries the beginning of the proposal's hash, so a page is about that very content and no other. What a person fills in
are `HUMAN` properties; everything else is the machine's. How an answer is judged is `feedback/answers.py`'s.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from notion_sync.decision_detail import about, action_words, approval_command, details
from notion_sync.documents.inline import bold, code
from notion_sync.documents.tree import Block, BulletList, Callout, Code, Document, Heading, Item, NumberedList, Paragraph, Property
from notion_sync.formatting import brl, date_long
from notion_sync.labels import Labels, agent_name
from notion_sync.records import Record, Rendered

FOLDER, KIND = "aprovacoes", "aprovacao"
STATUS, BY, WHY, EARNED = "Situação", "Respondido por", "Motivo", "Resultado (R$)"
PROPOSED, APPROVED, REJECTED = "Proposta", "Aprovada", "Rejeitada"
HUMAN: Mapping[str, Property] = {STATUS: PROPOSED, BY: "", WHY: "", EARNED: ""}
"""The properties that people fill in, and what stands there until then."""

ID_LENGTH = 12
ZONE = ZoneInfo("America/Sao_Paulo")
_PATH = re.compile(
    r"aprovacoes/(?P<day>\d{4}-\d{2}-\d{2})/(?P<agent>[a-z]+)/(?P<decision>[0-9a-f]{12,})-(?P<content>[0-9a-f]{12,})(?:\.md)?"
)
_ANSWERS: Mapping[str, Literal["approved", "rejected"]] = {
    **dict.fromkeys(("aprovada", "aprovado", "aprovo"), "approved"),
    **dict.fromkeys(("rejeitada", "rejeitado", "rejeito", "reprovada", "reprovado"), "rejected"),
}


def approval_path(decision: Record) -> str:
    """The page of a decision as `approvals.waiting` lists it, with its `content_hash`."""
    name = f"{str(decision['decision_id'])[:ID_LENGTH]}-{str(decision['content_hash'])[:ID_LENGTH]}"
    return f"{FOLDER}/{decision['as_of']}/{decision['agent']}/{name}.md"


def proposed_on(path: str) -> tuple[str, str] | None:
    """The beginnings of the decision's id and of its content hash that a page is about; None for another page."""
    found = _PATH.fullmatch(path)
    return (found["decision"], found["content"]) if found else None


def answer_in(status: object) -> Literal["approved", "rejected"] | None:
    """What a status says, however it is spelt; None while it is no answer."""
    plain = unicodedata.normalize("NFD", str(status or "").strip().casefold())
    return _ANSWERS.get("".join(sign for sign in plain if not unicodedata.combining(sign)))


def approval_page(
    decision: Record, labels: Labels | None = None, *, given: Record | None = None, refused: str = "", is_replaced: bool = False
) -> Rendered:
    """Return the page of a decision that waits, or waited, for a person.

    Args:
        decision: with `content_hash` and `expires_at`, as `approvals.waiting` lists it.
        labels: machine name → words, for this installation.
        given: the ledger's `approval` entry, once there is one.
        refused: why the newest answer on this page did not count, for the person to read; empty where none was refused.
        is_replaced: a newer decision about the same took its place, so what this page shows can no longer be answered.
    """
    as_of = date.fromisoformat(str(decision["as_of"]))
    title = f"Aprovar? {about(decision, labels)} – {action_words(decision, labels)}"
    properties: dict[str, Property] = {
        "tipo": KIND,
        "agente": str(decision["agent"]),
        "data": as_of,
        "decisao": str(decision["decision_id"]),
        "conteudo": str(decision["content_hash"]),
        "valor_esperado_brl": round(float(decision.get("value_brl") or 0.0), 2),
        "custo_brl": round(float(decision.get("cost_brl") or 0.0), 2),
        "registro": "substituída" if is_replaced and given is None else _standing(given, refused),
        **HUMAN,
    }
    return Rendered(
        approval_path(decision), Document(title, properties, tuple(_blocks(decision, labels, given, refused, is_replaced=is_replaced)))
    )


def _standing(given: Record | None, refused: str) -> str:
    if given is not None:
        return {"approved": "aprovada", "rejected": "rejeitada", "expired": "expirada"}.get(str(given["verdict"]), str(given["verdict"]))
    return "resposta recusada" if refused else "aguarda resposta"


def _blocks(decision: Record, labels: Labels | None, given: Record | None, refused: str, *, is_replaced: bool) -> list[Block]:
    until = datetime.fromisoformat(str(decision["expires_at"])).astimezone(ZONE)
    who = agent_name(str(decision["agent"]))
    day = date_long(date.fromisoformat(str(decision["as_of"])))
    money = f"{brl(decision.get('cost_brl'))} de custo para {brl(decision.get('value_brl'))} de valor esperado"
    opening = f"O agente {who} propõe, para {day}: {action_words(decision, labels).lower()} ({money})."
    proposed = [block for block in details(decision, "awaiting_approval", labels) if not isinstance(block, Code)]
    state = _replaced(refused) if is_replaced and given is None else _state(given, refused, until)
    blocks: list[Block] = [state, Paragraph(opening), Heading(2, "O que é proposto"), *proposed]
    if given is None:
        blocks += _how_to_answer(decision)
    return blocks


def _state(given: Record | None, refused: str, until: datetime) -> Callout:
    if given is not None and given["verdict"] == "expired":
        return Callout("Ninguém respondeu no prazo; a decisão não será executada.", "warning")
    if given is not None:
        return Callout(f"Resposta registrada: {_standing(given, '')}, por {given['by']}. Mudar a situação agora não tem efeito.", "success")
    if refused:
        return Callout(f"A última resposta não foi aceita: {refused}", "warning")
    return Callout(f"Aguarda a resposta de uma pessoa até {until:%d/%m/%Y, %H:%M}.", "warning")


def _replaced(refused: str) -> Callout:
    told = "Esta proposta deu lugar a outra decisão e não será executada; nenhuma resposta nesta página vale."
    return Callout(f"{told} A última resposta não foi aceita: {refused}" if refused else told, "warning")


def _how_to_answer(decision: Record) -> list[Block]:
    steps: tuple[Any, ...] = (
        ("Mude a propriedade ", bold(STATUS), f" de {PROPOSED} para ", bold(APPROVED), " ou ", bold(REJECTED), "."),
        ("Escreva o seu nome em ", bold(BY), " (no Notion basta mudar a situação com a sua conta) e, se quiser, um ", bold(WHY), "."),
        ("Não altere o texto desta página: a resposta só vale para o conteúdo exato que foi proposto."),
    )
    return [
        Heading(2, "Como responder"),
        NumberedList(tuple(Item(step) for step in steps)),
        BulletList(
            (
                "Conta a primeira resposta de uma pessoa autorizada; ela não se desfaz.",
                ("Depois, o que a decisão rendeu pode ser anotado em ", bold(EARNED), "; os próximos modelos aprendem com isso."),
                ("Pelo terminal: ", code(approval_command(decision))),
            )
        ),
    ]
