"""Post-mortems: a page for each incident, with what the platform recorded, and the questions that people answer.

Incidents of one job, agent and business day that failed at the same steps with the same errors are one: the later ones join the first
one's page. What people write stays (the sync engine never overwrites it).
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from notion_sync.documents.inline import Inline, bold, code, link
from notion_sync.documents.tree import Block, BulletList, Callout, Divider, Document, Heading, Item, Paragraph, Property, Table, TodoList
from notion_sync.formatting import MISSING, count, date_long, date_short, number
from notion_sync.generators.periods import timestamp_words
from notion_sync.generators.templates import of_folder
from notion_sync.labels import agent_name
from notion_sync.privacy import shown_text
from notion_sync.records import Record, Rendered

FOLDER = "incidentes"
MOST = 100
"""Pages, the newest; older ones stay where they are and leave the index."""


def post_mortems(incidents: Sequence[Record]) -> tuple[Rendered, ...]:
    """Return a page an incident, the newest first, and then their index.

    Args:
        incidents: ledger records of kind `incident` (`eco_assets/incidents.py`): `{run_id, job, at, steps}`, with `agent` and `as_of` where
            the caller knows them.
    """
    template = of_folder("post_mortems", "post_mortem.schema.json")[0]
    joined = sorted(_joined(incidents).values(), key=lambda group: (str(group[0]["at"]), str(group[0]["run_id"])), reverse=True)[:MOST]
    pages = [_page(group, template) for group in joined]
    return (*pages, _index(joined, pages))


def incident_path(first: Record) -> str:
    """Return the path of the page of an incident, given the first record of it."""
    return f"{FOLDER}/{str(first['at'])[:10]}-{str(first['run_id'])[:8]}.md"


def _joined(incidents: Sequence[Record]) -> dict[tuple[Any, ...], list[Record]]:
    found: dict[tuple[Any, ...], list[Record]] = {}
    for incident in sorted(incidents, key=lambda each: (str(each["at"]), str(each["run_id"]))):
        failed = tuple(sorted((str(step["name"]), str(step["error"])) for step in incident["steps"]))
        found.setdefault((incident["job"], incident.get("agent"), incident.get("as_of"), failed), []).append(incident)
    return found


def _page(group: Sequence[Record], template: Mapping[str, Any]) -> Rendered:
    first = group[0]
    when = _moment(str(first["at"]))
    day = _day(first.get("as_of"))
    properties: dict[str, Property] = {
        "tipo": "pos_incidente",
        "agente": str(first.get("agent") or ""),
        "data": when.date() if when else day,
        "execucao": str(first["run_id"]),
        "ocorrencias": len(group),
        "situacao": "aberto",
    }
    blocks: list[Block] = [_summary(group, day), Heading(2, "O que falhou"), _failed(first), Heading(2, "Linha do tempo"), _timeline(group)]
    blocks += [Divider(), Callout(str(template["notice"]))]
    for section in template["sections"]:
        blocks.append(Heading(2, str(section["heading"])))
        if "text" in section:
            blocks.append(Paragraph(str(section["text"])))
        blocks += [BulletList(tuple(section["questions"]))] if "questions" in section else []
        blocks += [TodoList(tuple(Item(task) for task in section["tasks"]))] if "tasks" in section else []
    blocks += [Divider(), Paragraph((link("Todos os incidentes", "index.md"), "."))]
    title = str(template["title"]).format(job=first["job"], quando=date_long(when.date()) if when else str(first["at"]))
    return Rendered(incident_path(first), Document(title, properties, tuple(blocks)))


def _summary(group: Sequence[Record], day: date | None) -> Paragraph:
    first = group[0]
    who = f", do agente {agent_name(str(first['agent']))}" if first.get("agent") not in (None, "", "grupo", "mega") else ""
    about = f", sobre o dia {date_long(day)}" if day else ""
    times = f" Repetiu-se {count(len(group) - 1, 'vez', 'vezes')}." if len(group) > 1 else ""
    failed = len(first["steps"])
    return Paragraph(
        (
            "A execução ",
            code(str(first["job"])),
            f"{who}{about}, terminou em falha em {timestamp_words(str(first['at']))}: ",
            bold(count(failed, "etapa falhou", "etapas falharam")),
            f" e não adiantava tentar de novo.{times}",
        )
    )


def _failed(first: Record) -> Block:
    rows: list[tuple[Inline, ...]] = []
    for step in first["steps"]:
        assets = ", ".join(str(asset) for asset in step.get("assets") or ())
        message = shown_text(str(step.get("message") or "")).strip().splitlines()
        rows.append((code(str(step["name"])), assets or MISSING, code(str(step["error"])), message[0][:300] if message else MISSING))
    if not rows:
        return Paragraph("Nenhuma etapa foi registrada: a execução terminou antes de começar uma.")
    return Table(("Etapa", "Ativos que ficaram sem atualização", "Erro", "Mensagem"), tuple(rows))


def _timeline(group: Sequence[Record]) -> Table:
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (timestamp_words(str(each["at"])), "Falhou" if number_ == 0 else "Falhou de novo", code(str(each["run_id"])[:8]))
        for number_, each in enumerate(group[:30])
    )
    return Table(("Quando", "O que aconteceu", "Execução"), rows)


def _index(joined: Sequence[Sequence[Record]], pages: Sequence[Rendered]) -> Rendered:
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (
            link(timestamp_words(str(group[0]["at"])), posixpath.basename(page.path)),
            code(str(group[0]["job"])),
            agent_name(str(group[0]["agent"])) if group[0].get("agent") else MISSING,
            date_short(day) if (day := _day(group[0].get("as_of"))) else MISSING,
            code(str(group[0]["steps"][0]["error"])) if group[0]["steps"] else MISSING,
            number(len(group)),
        )
        for group, page in zip(joined, pages, strict=True)
    )
    words = f"{count(len(rows), 'incidente registrado', 'incidentes registrados')}." if rows else "Nenhum incidente foi registrado."
    blocks: tuple[Block, ...] = (Paragraph(words),)
    if rows:
        blocks = (*blocks, Table(("Quando", "Execução", "Agente", "Dia de referência", "Erro", "Vezes"), rows, right=frozenset({5})))
    return Rendered(
        f"{FOLDER}/index.md", Document("Incidentes e análises", {"tipo": "indice_de_incidentes", "incidentes": len(rows)}, blocks)
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
