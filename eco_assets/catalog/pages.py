"""A page a dataset and a first page for all, in Portuguese, as document trees. The same dataset gives the same page.

Names of tables and columns and the words of contracts are shown as they are; everything else is for business readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from eco_assets.catalog import words
from eco_assets.catalog.datasets import ColumnFact, Dataset, Load
from eco_assets.catalog.rules import RuleFact
from eco_assets.lineage.columns import ROWS
from notion_sync.documents.inline import Inline, Span, bold, code, link
from notion_sync.documents.tree import Block, BulletList, Callout, Document, Heading, Paragraph, Property, Table
from notion_sync.formatting import MISSING, count, duration, measured, number
from notion_sync.labels import agent_name
from notion_sync.privacy import shown_text

SOURCES_SHOWN = 4
FOLDER = "catalogo"


def page_path(name: str) -> str:
    """Where a dataset's page lies in the workspace: `catalogo/raw/varejo.orders.md`, `catalogo/marts/mart_varejo__replenishment.md`."""
    layer, rest = name.split(".", 1)
    return f"{FOLDER}/{layer}/{rest}.md"


def dataset_page(dataset: Dataset, known: Iterable[str]) -> Document:
    """The page of one dataset.

    Args:
        dataset: what is known of it.
        known: names of the datasets that have a page, to link to.
    """
    pages = frozenset(known)
    properties: dict[str, Property] = {
        "tipo": "conjunto_de_dados",
        "nome": dataset.name,
        "camada": dataset.layer,
        "dominio": dataset.domain,
        "responsavel": dataset.owner,
        "contrato": dataset.promise.version if dataset.promise else None,
        "classificacao": words.CLASSES[dataset.classification],
        "dados_pessoais": dataset.has_personal_data,
        "atualizado_ate": dataset.through or None,
        "linhas": dataset.rows,
    }
    blocks: list[Block] = [Paragraph(dataset.description), *_warnings(dataset), _facts(dataset, pages)]
    blocks += [
        Heading(2, "Colunas"),
        _columns(dataset, pages),
        *_quality(dataset),
        *_readers(dataset, pages),
        *_sample(dataset),
        *_loads(dataset),
    ]
    return Document(dataset.name, properties, tuple(blocks))


def index_page(datasets: Sequence[Dataset]) -> Document:
    """The first page of the catalogue: a table a layer."""
    blocks: list[Block] = [Paragraph(f"{count(len(datasets), 'conjunto', 'conjuntos')} de dados. Busca: eco catalog search PALAVRAS.")]
    header = ("Nome", "Área", "Descrição", "Classificação", "Atualizado até", "Linhas")
    for layer, group in groupby(datasets, key=lambda dataset: dataset.layer):
        rows = tuple(
            (
                link(dataset.name, page_path(dataset.name).removeprefix(f"{FOLDER}/")),
                agent_name(dataset.domain),
                dataset.description,
                words.CLASSES[dataset.classification] + (", dados pessoais" if dataset.has_personal_data else ""),
                dataset.through or MISSING,
                number(dataset.rows),
            )
            for dataset in group
        )
        blocks += [Heading(2, words.LAYERS[layer]), Table(header, rows, right=frozenset({5}))]
    properties: dict[str, Property] = {"tipo": "catalogo", "conjuntos": len(datasets)}
    return Document("Catálogo de dados", properties, tuple(blocks))


def _warnings(dataset: Dataset) -> Iterator[Block]:
    if not dataset.is_built:
        yield Callout("Ainda não há dados neste conjunto.", "note")
    unannounced = [column.name for column in dataset.columns if not column.protection.is_announced]
    if unannounced:
        yield Callout(("Colunas que nenhum contrato anuncia, ocultas na amostra: ", *_codes(unannounced), "."), "warning")
    if dataset.loads and dataset.loads[0].status == "quarantined":
        yield Callout(f"A última remessa foi recusada: {shown_text(dataset.loads[0].reason)}", "danger")


def _facts(dataset: Dataset, pages: frozenset[str]) -> BulletList:
    personal = ", com dados pessoais" if dataset.has_personal_data else ""
    items: list[Inline] = [
        (bold("Responsável: "), dataset.owner),
        (bold("Classificação: "), words.CLASSES[dataset.classification] + personal),
        (bold("Atualizado até: "), dataset.through or MISSING),
    ]
    if (promise := dataset.promise) is not None:
        items[1:1] = [(bold("Contrato: "), f"{promise.version}, {words.CONTRACT_STATUSES.get(promise.status, promise.status)}")]
        items += [
            (bold("Origem: "), code(promise.source)),
            (bold("Periodicidade: "), words.CADENCES.get(promise.cadence, promise.cadence)),
            (bold("Chave: "), *(_codes(promise.key) or (MISSING,))),
        ]
        for title, values in (
            ("Versões antigas (até): ", promise.old_versions),
            ("Versões publicadas: ", promise.releases),
        ):
            items += [(bold(title), ", ".join(values))] if values else []
    elif dataset.upstream:
        items.append((bold("Feito de: "), *_joined([_table(name, dataset, pages) for name in dataset.upstream])))
    return BulletList(tuple(items))


def _columns(dataset: Dataset, pages: frozenset[str]) -> Table:
    header = ("Coluna", "Tipo", "Descrição", "Regras", "Classificação", "Vem de")
    return Table(header, tuple(_column_row(column, dataset, pages) for column in dataset.columns))


def _column_row(column: ColumnFact, dataset: Dataset, pages: frozenset[str]) -> tuple[Inline, ...]:
    protection = column.protection
    shown = words.CLASSES[protection.classification] + (", pessoal" if protection.is_personal else "")
    return (
        code(column.name),
        column.type or MISSING,
        column.description or MISSING,
        "; ".join(_rule(said, value) for said, value in column.rules) or MISSING,
        shown if protection.is_announced else "não anunciada",
        _origin(column, dataset, pages),
    )


def _origin(column: ColumnFact, dataset: Dataset, pages: frozenset[str]) -> Inline:
    if not column.sources:
        return words.HOW[column.how]
    parts: list[Inline] = []
    for source in column.sources[:SOURCES_SHOWN]:
        table, name = source.rsplit(".", 1)
        if table.startswith("file:"):
            parts.append(code(name) if name != ROWS else "arquivo")
        else:
            parts.append((_table(table, dataset, pages), ": ", code(name)) if name != ROWS else (_table(table, dataset, pages), ": linhas"))
    more = f" e mais {len(column.sources) - SOURCES_SHOWN}" if len(column.sources) > SOURCES_SHOWN else ""
    return (*_joined(parts), f"{more} ({words.HOW[column.how]})")


def _quality(dataset: Dataset) -> Iterator[Block]:
    rules = dataset.promise.rules if dataset.promise else ()
    if not (rules or dataset.loads or dataset.expectations):
        return
    yield Heading(2, "Qualidade")
    if dataset.loads:
        last = dataset.loads[0]
        apart = count(last.rejected, "separada", "separadas")
        yield Paragraph(f"Última remessa: {count(last.rows, 'linha', 'linhas')}, {apart} por não cumprir o contrato.")
    if rules:
        header = ("Regra", "Limite", "Se violada", "Situação", "Observado")
        yield Table(header, tuple(_rule_row(rule) for rule in rules), right=frozenset({4}))
    if dataset.expectations:
        yield BulletList(tuple(_expectation(kind, arguments) for kind, arguments in dataset.expectations))


def _rule_row(rule: RuleFact) -> tuple[Inline, ...]:
    about: list[Inline] = [words.KINDS.get(rule.kind, rule.kind)]
    about += [" de ", *_codes(rule.columns)] if rule.columns else []
    about += [" em ", code(rule.target)] if rule.target else []
    limit = " e ".join(_rule(said, measured(float(value))) for said, value in rule.limits)
    return (
        tuple(part for each in about for part in (each if isinstance(each, tuple) else (each,))),
        f"{limit} {words.UNITS.get(rule.unit, rule.unit)}".strip(),
        "impede o uso" if rule.is_blocking else "avisa",
        words.STATES[rule.state],
        measured(rule.observed),
    )


def _expectation(kind: str, arguments: str) -> Inline:
    return (f"{words.EXPECTATIONS.get(kind, kind)}: ", code(arguments))


def _rule(said: str, value: str) -> str:
    return f"{words.RULES[said]} {value}".strip()


def _readers(dataset: Dataset, pages: frozenset[str]) -> Iterator[Block]:
    yield Heading(2, "Quem usa")
    if not dataset.readers:
        yield Paragraph("Ninguém, neste projeto.")
        return
    yield BulletList(tuple((f"{words.READERS[reader.kind]}: ", _reader(reader.name, pages)) for reader in dataset.readers))
    if dataset.further_readers:
        yield Paragraph(f"Por meio deles, mais {count(dataset.further_readers, 'uso', 'usos')}.")


def _reader(name: str, pages: frozenset[str]) -> Span:
    found = next((page for page in pages if page.split(".", 1)[1] == name), None)
    return link(name, _address(found)) if found else Span(name)


def _sample(dataset: Dataset) -> Iterator[Block]:
    if dataset.sample.rows:
        yield Heading(2, "Amostra")
        yield Paragraph("Dados pessoais e confidenciais ficam ocultos (•••), como tudo o que é feito deles.")
        yield Table(tuple(code(name) for name in dataset.sample.columns), dataset.sample.rows)


def _loads(dataset: Dataset) -> Iterator[Block]:
    if dataset.loads:
        header = ("Quando (UTC)", "Remessa", "Situação", "Linhas", "Separadas", "Bytes", "Atraso", "Mudanças de formato", "Problema")
        yield Heading(2, "Últimas remessas")
        yield Table(header, tuple(_load_row(load) for load in dataset.loads), right=frozenset({3, 4, 5, 6}))


def _load_row(load: Load) -> tuple[Inline, ...]:
    return (
        load.at,
        code(load.origin),
        words.STATUSES[load.status],
        number(load.rows),
        number(load.rejected),
        number(load.bytes),
        duration(load.lag_s * 1000) if load.lag_s is not None else MISSING,
        "; ".join(load.changes) or MISSING,
        shown_text(load.reason) or MISSING,
    )


def _table(name: str, dataset: Dataset, pages: frozenset[str]) -> Span:
    return link(name, _address(name)) if name in pages and name != dataset.name else code(name)


def _address(name: str) -> str:
    """A dataset's page as seen from another dataset's."""
    return f"../{page_path(name).removeprefix(f'{FOLDER}/')}"


def _codes(names: Iterable[str]) -> tuple[str | Span, ...]:
    return _joined([code(name) for name in names])


def _joined(parts: Sequence[Inline]) -> tuple[str | Span, ...]:
    found: list[str | Span] = []
    for position, part in enumerate(parts):
        found += [", "] if position else []
        found += part if isinstance(part, tuple) else [part]
    return tuple(found)
