"""A page for each decision that is worth one: those that a person must or did answer, cost much, failed, or gave way to another.

The other decisions have their line in the day's log; an index leads to the pages. The same records give the same bytes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from notion_sync.decision_detail import about, action_words, anchor, approval_command, details
from notion_sync.decision_log import log_path
from notion_sync.documents.inline import Inline, bold, code, link
from notion_sync.documents.tree import Block, BulletList, Callout, Code, Divider, Document, Heading, Paragraph, Property, Table
from notion_sync.formatting import MISSING, brl, count, date_long, duration, percent
from notion_sync.generators.periods import timestamp_words
from notion_sync.labels import Labels, agent_name, term
from notion_sync.mega_plan import reason_words
from notion_sync.privacy import shown_text
from notion_sync.records import Record, Rendered, outcomes, short_id, value_of
from notion_sync.words import OUTCOMES

LARGE_BRL = 500.0
"""A decision that costs at least so much has a page of its own."""
MOST = 100
"""Pages of one agent and day: beyond that nobody reads them, and the log has every decision."""

_VERDICTS = {"approved": "Aprovada", "rejected": "Recusada", "expired": "Venceu sem resposta"}
_STEPS = {"done": "feita", "failed": "falhou", "undone": "desfeita", "skipped": "não foi necessária"}
_STATUS = {
    "awaiting_approval": "Proposta",
    "approved": "Aprovada",
    "rejected": "Rejeitada",
    "completed": "Concluída",
    "compensated": "Desfeita",
    "failed": "Falhou",
    "superseded": "Cedeu a outra",
    "expired": "Expirada",
}


def record_path(decision: Record) -> str:
    """Return the page's path in the workspace."""
    return f"decisoes/{decision['as_of']}/{decision['agent']}/{str(decision['decision_id'])[:12]}.md"


def index_path(agent: str, as_of: date) -> str:
    """Return the path of the page that leads to an agent's decision records of a day."""
    return f"decisoes/{as_of.isoformat()}/{agent}/index.md"


def why_recorded(decision: Record, outcome: str) -> str:
    """Return why a decision has a page of its own, in words; empty where it needs none."""
    if decision.get("superseded_because"):
        return "cedeu a outra decisão"
    if decision.get("held_because"):
        return "está em disputa com outra decisão"
    if decision.get("requires_approval"):
        return "exige a aprovação de uma pessoa"
    if outcome in {"failed", "compensated"}:
        return "a execução não chegou ao fim"
    return f"custa {brl(LARGE_BRL)} ou mais" if value_of(decision, "cost_brl") >= LARGE_BRL else ""


def decision_records(
    agent: str,
    as_of: date,
    decisions: Sequence[Record],
    executions: Sequence[Record],
    *,
    superseded: Sequence[Record] = (),
    answers: Sequence[Record] = (),
    hashes: Mapping[str, str] | None = None,
    labels: Labels | None = None,
) -> tuple[Rendered, ...]:
    """Return the pages of a day, the dearest first, and then their index.

    Args:
        agent: whose decisions.
        as_of: the business day.
        decisions: ledger records of what stood that day.
        executions: ledger records of what was done about it.
        superseded: decisions that gave way, with the reason as `superseded_because`.
        answers: ledger records of approvals: `{decision_id, verdict, by, why}`.
        hashes: decision id → hash of what was proposed, which an approval must name (`eco_assets/jorge/approvals.py`).
        labels: machine name → words, for this installation.
    """
    state = {**outcomes(decisions, executions), **{str(each["decision_id"]): "superseded" for each in superseded}}
    chosen = [(each, why_recorded(each, state[str(each["decision_id"])])) for each in (*decisions, *superseded)]
    worth = [(decision, why) for decision, why in chosen if why]
    worth.sort(key=lambda each: (-value_of(each[0], "cost_brl"), -value_of(each[0]), str(each[0]["decision_id"])))
    answered = {str(answer["decision_id"]): answer for answer in answers}
    done = {str(execution["decision_id"]): execution for execution in executions}
    pages = []
    for decision, why in worth[:MOST]:
        key = str(decision["decision_id"])
        proposed = (hashes or {}).get(key, "")
        pages.append(decision_record(decision, state[key], why, done.get(key), answered.get(key), proposed, labels))
    return (*pages, _index(agent, as_of, worth, state, labels))


def decision_record(
    decision: Record,
    outcome: str,
    why: str,
    execution: Record | None = None,
    answer: Record | None = None,
    content_hash: str = "",
    labels: Labels | None = None,
) -> Rendered:
    """Return the page of one decision; `why` says what it is recorded for, in words."""
    as_of = date.fromisoformat(str(decision["as_of"]))
    title = f"Decisão – {about(decision, labels)} – {action_words(decision, labels)}"
    stands = str(answer["verdict"]) if answer and outcome == "awaiting_approval" else outcome  # answered, and not carried out yet
    properties: dict[str, Property] = {
        "tipo": "registro_de_decisao",
        "agente": str(decision["agent"]),
        "data": as_of,
        "decisao": str(decision["decision_id"]),
        "situacao": _STATUS.get(stands) or OUTCOMES.get(stands, stands),
        "valor_esperado_brl": round(value_of(decision), 2),
        "custo_brl": round(value_of(decision, "cost_brl"), 2),
        "politica": f"{decision['policy']['name']}@{decision['policy']['version']}",
        **({"conteudo": content_hash} if content_hash else {}),
    }
    _, reason, facts, *rest = details(decision, outcome, labels)
    chosen: list[Block] = [block for block in rest if isinstance(block, Table)]
    blocks: list[Block] = [_opening(decision, why, as_of, labels), Heading(2, "Contexto"), facts, Heading(2, "Decisão")]
    blocks += [reason, *_disputes(decision, labels)]
    if chosen:
        blocks += [Heading(2, "Alternativas consideradas"), *chosen]
    blocks += [*_approval(decision, outcome, answer), *_execution(execution, outcome, labels), *_consequences(decision, outcome)]
    blocks += [Divider(), BulletList(tuple(_provenance(decision, as_of)))]
    return Rendered(record_path(decision), Document(title, properties, tuple(blocks)))


def _opening(decision: Record, why: str, as_of: date, labels: Labels | None) -> Paragraph:
    who = agent_name(str(decision["agent"]))
    words = action_words(decision, labels)
    return Paragraph((f"Em {date_long(as_of)}, o agente {who} decidiu: ", bold(words), f". Esta decisão tem página própria porque {why}."))


def _disputes(decision: Record, labels: Labels | None) -> Iterator[Block]:
    for name in ("superseded_because", "held_because"):
        if decision.get(name):
            yield Callout(reason_words(str(decision[name]), labels), "warning")


def _approval(decision: Record, outcome: str, answer: Record | None) -> Iterator[Block]:
    if answer is None and outcome != "awaiting_approval":
        return
    yield Heading(2, "Aprovação")
    if answer is None:
        yield Paragraph("Aguarda uma pessoa. Para aprovar, troque NOME pelo seu nome:")
        yield Code(approval_command(decision), "bash")
        return
    verdict = _VERDICTS.get(str(answer["verdict"]), str(answer["verdict"]))
    by, why = shown_text(str(answer.get("by") or "")), shown_text(str(answer.get("why") or "")).strip()
    items: list[Inline] = [(bold("Resposta: "), f"{verdict}{f' por {by}' if by else ''}")]
    if answer.get("recorded_at"):
        items.append((bold("Quando: "), timestamp_words(str(answer["recorded_at"]))))
    if why:
        items.append((bold("Por quê: "), why))
    yield BulletList(tuple(items))


def _execution(execution: Record | None, outcome: str, labels: Labels | None) -> Iterator[Block]:
    steps = (execution or {}).get("steps") or []
    if not steps:
        return
    yield Heading(2, "Execução")
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (
            term(str(step["name"]), labels),
            _STEPS.get(str(step["outcome"]), str(step["outcome"])),
            duration(step.get("ms")),
            shown_text(str(step.get("detail") or "")) or MISSING,
        )
        for step in steps
    )
    yield Table(("Etapa", "Situação", "Duração", "Detalhe"), rows, right=frozenset({2}))
    yield Paragraph(f"A execução terminou assim: {OUTCOMES.get(outcome, outcome).lower()}.")


def _consequences(decision: Record, outcome: str) -> Iterator[Block]:
    value, cost = value_of(decision), value_of(decision, "cost_brl")
    yield Heading(2, "Consequências")
    spent = outcome in {"completed", "compensated", "failed"}
    items: list[Inline] = [
        (bold("Custo: "), f"{brl(cost)} {'previstos' if not spent else 'previstos quando foi tomada'}."),
        (bold("Resultado líquido esperado: "), f"{brl(value - cost)}, com confiança de {percent(decision.get('confidence'), 0)}."),
    ]
    if outcome == "awaiting_approval":
        items.append("Sem resposta, nada é feito.")
    if outcome == "superseded":
        items.append("Nada é feito por esta decisão; vale a outra.")
    yield BulletList(tuple(items))


def _provenance(decision: Record, as_of: date) -> Iterator[Inline]:
    log = f"../../../{log_path(str(decision['agent']), as_of)}"
    yield (bold("Registro do dia: "), link("registro de decisões", f"{log}#{anchor(decision)}"))
    yield (bold("De onde veio: "), code(f"eco explain {short_id(decision)}"))
    digest = str(decision["policy"].get("digest") or "")
    yield (bold("Resumo criptográfico da política: "), code(digest[:12]) if digest else MISSING)


def _index(agent: str, as_of: date, worth: Sequence[tuple[Record, str]], state: Mapping[str, str], labels: Labels | None) -> Rendered:
    name, when = agent_name(agent), date_long(as_of)
    properties: dict[str, Property] = {"tipo": "indice_de_decisoes", "agente": agent, "data": as_of, "decisoes": len(worth)}
    blocks: list[Block] = []
    if worth:
        verb = "tem página própria" if len(worth) == 1 else "têm página própria"
        which = "as que exigem uma pessoa, custam caro, cederam a outra ou não chegaram ao fim"
        blocks.append(Paragraph(f"{count(len(worth), 'decisão', 'decisões')} de {when} {verb}: {which}."))
        rows: tuple[tuple[Inline, ...], ...] = tuple(
            (
                link(about(decision, labels), posixpath.basename(record_path(decision))),
                action_words(decision, labels),
                why[:1].upper() + why[1:],
                brl(value_of(decision, "cost_brl")),
                brl(value_of(decision)),
                OUTCOMES.get(state[str(decision["decision_id"])], state[str(decision["decision_id"])]),
            )
            for decision, why in worth[:MOST]
        )
        header = ("Assunto", "Ação", "Por que tem página", "Custo", "Valor esperado", "Situação")
        blocks.append(Table(header, rows, right=frozenset({3, 4})))
        if len(worth) > MOST:
            blocks.append(Callout(f"Mais {count(len(worth) - MOST, 'decisão está', 'decisões estão')} só no registro do dia."))
    else:
        blocks.append(Paragraph(f"Nenhuma decisão de {when} pede página própria."))
    blocks.append(Paragraph((link("Ver todas no registro de decisões", f"../../../{log_path(agent, as_of)}"), ".")))
    title = f"Decisões em destaque – {name} – {when}"
    return Rendered(index_path(agent, as_of), Document(title, properties, tuple(blocks)))
