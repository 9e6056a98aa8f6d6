"""Architecture decision records and runbooks as pages: the project's own Markdown as it stands, in a Portuguese frame.

The text is not translated: a translation that nobody checked would say something else than what was decided. Links between the records
lead to their pages; what is not in the knowledge base is shown as the name of its file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from typing import Any

from notion_sync.documents.inline import Inline, Span, link, plain
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.tree import Block, BulletList, Callout, Divider, Document, Paragraph, Property, Table
from notion_sync.formatting import MISSING, count, date_short
from notion_sync.records import Rendered

ADR_PAGES, RUNBOOK_PAGES = "adr", "runbooks"
_ADR_FILE = re.compile(r"docs/adr/(\d{4})-[a-z0-9-]+\.md")
_FIELD = re.compile(r"(\w+):\s*(.*)", re.DOTALL)
_STATUS = (("Accepted in part", "Aceito em parte"), ("Accepted", "Aceito"), ("Proposed", "Proposto"), ("Rejected", "Rejeitado"))
_SUPERSEDED = "Superseded"


@dataclass(frozen=True)
class Adr:
    """A record's facts: `number` as `0007`, title, status in Portuguese, day or None, authors."""

    number: str
    title: str
    status: str
    day: date | None
    authors: str


def pages_of(files: Mapping[str, str]) -> tuple[Rendered, ...]:
    """Return the pages and indexes of the project's records and runbooks.

    Args:
        files: path in the project, as `docs/adr/0007-ducklake.md` or `docs/runbooks/name.md` → its text; others are left out.
    """
    adrs = {path: text for path, text in sorted(files.items()) if (found := _ADR_FILE.fullmatch(path)) and found[1] != "0000"}
    runbooks = {path: text for path, text in sorted(files.items()) if path.startswith("docs/runbooks/")}
    targets = {path: f"{ADR_PAGES}/{posixpath.basename(path)}" for path in adrs}
    targets |= {path: f"{RUNBOOK_PAGES}/{posixpath.basename(path)}" for path in runbooks}
    known = [(adr_of(path, text), targets[path]) for path, text in adrs.items()]
    pages = [_adr(path, text, adr, targets) for (path, text), (adr, _) in zip(adrs.items(), known, strict=True)]
    guides = [_runbook(path, text, targets) for path, text in runbooks.items()]
    return (*pages, _adr_index(known), *guides, _runbook_index(guides))


def adr_of(path: str, text: str) -> Adr:
    """Return the facts of the record at `path`; what it does not say is empty."""
    document = read_markdown(text)
    told = {name.lower(): value.strip() for name, value in _fields(document)}
    number = posixpath.basename(path)[:4]
    stated = told.get("status", "")
    status = next((words for english, words in _STATUS if stated.startswith(english)), stated)
    if stated.startswith(_SUPERSEDED):
        status = "Substituído" + (f" por ADR-{found[1]}" if (found := re.search(r"ADR-(\d{4})", stated)) else "")
    try:
        day = date.fromisoformat(told.get("date", "")[:10])
    except ValueError:
        day = None
    title = told.get("title") or re.sub(r"^ADR-\d{4}:\s*", "", document.title)
    return Adr(number, title, status, day, told.get("authors", ""))


def _fields(document: Document) -> list[tuple[str, str]]:
    """`Name: value` lines of the first list, where a record says what it is."""
    first = next((block for block in document.blocks if isinstance(block, BulletList)), None)
    lines = [plain(each if isinstance(each, str | Span | tuple) else each.text) for each in first.items] if first else []
    return [(found[1], found[2]) for line in lines if (found := _FIELD.match(line))]


def _adr(path: str, text: str, adr: Adr, targets: Mapping[str, str]) -> Rendered:
    properties: dict[str, Property] = {
        "tipo": "adr",
        "id": f"ADR-{adr.number}",
        "situacao": adr.status or MISSING,
        "data": adr.day,
        "autores": adr.authors,
    }
    body = _led(read_markdown(text).blocks, path, targets)
    told = Callout(f"Registro de decisão de arquitetura. Situação: {adr.status or MISSING}. O texto abaixo é o original, em inglês.")
    blocks = (told, *body, Divider(), _back("Todos os registros de decisão de arquitetura"))
    return Rendered(targets[path], Document(f"ADR-{adr.number} – {adr.title}", properties, blocks))


def _runbook(path: str, text: str, targets: Mapping[str, str]) -> Rendered:
    document = read_markdown(text)
    properties: dict[str, Property] = {"tipo": "runbook", "arquivo": path}
    told = Callout("Roteiro para quem está de plantão. O texto abaixo é o original, em inglês.")
    blocks = (told, *_led(document.blocks, path, targets), Divider(), _back("Todos os runbooks"))
    return Rendered(targets[path], Document(f"Runbook – {document.title.removeprefix('Runbook: ')}", properties, blocks))


def _back(words: str) -> Paragraph:
    return Paragraph((link(words, "index.md"), "."))


def _adr_index(known: Sequence[tuple[Adr, str]]) -> Rendered:
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (link(f"ADR-{adr.number}", posixpath.basename(path)), adr.title, adr.status or MISSING, date_short(adr.day) if adr.day else MISSING)
        for adr, path in known
    )
    quantity = count(len(known), "decisão de arquitetura registrada", "decisões de arquitetura registradas")
    opening = f"{quantity}. Um registro não é reescrito quando a decisão muda: outro o substitui."
    blocks: list[Block] = [Paragraph(opening)]
    if rows:
        blocks.append(Table(("Registro", "Decisão (em inglês)", "Situação", "Data"), rows))
    properties: dict[str, Property] = {"tipo": "indice_de_adr", "registros": len(known)}
    return Rendered(f"{ADR_PAGES}/index.md", Document("Registros de decisão de arquitetura (ADR)", properties, tuple(blocks)))


def _runbook_index(guides: Sequence[Rendered]) -> Rendered:
    items: tuple[Inline, ...] = tuple(
        link(page.document.title.removeprefix("Runbook – "), posixpath.basename(page.path)) for page in guides
    )
    blocks: tuple[Block, ...] = (BulletList(items),) if items else (Paragraph("Ainda não há runbooks."),)
    return Rendered(f"{RUNBOOK_PAGES}/index.md", Document("Runbooks", {"tipo": "indice_de_runbooks", "runbooks": len(guides)}, blocks))


def _led(blocks: tuple[Block, ...], path: str, targets: Mapping[str, str]) -> tuple[Block, ...]:
    """The blocks with their links leading to pages, or to nowhere."""
    led: tuple[Block, ...] = _mapped(blocks, path, targets)
    return led


def _mapped(value: Any, path: str, targets: Mapping[str, str]) -> Any:
    if isinstance(value, Span):
        return replace(value, link=_target(value.link, path, targets)) if value.link else value
    if isinstance(value, tuple):
        return tuple(_mapped(each, path, targets) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _mapped(getattr(value, each.name), path, targets) for each in fields(value)})
    return value


def _target(where: str, path: str, targets: Mapping[str, str]) -> str | None:
    if "://" in where or where.startswith(("#", "mailto:")):
        return where
    file, _, anchor = where.partition("#")
    page = targets.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), file)))
    if page is None:
        return None
    relative = posixpath.relpath(page, posixpath.dirname(targets[path]))
    return f"{relative}#{anchor}" if anchor else relative
