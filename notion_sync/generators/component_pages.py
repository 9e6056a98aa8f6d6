"""Component pages in the customer's model: description, owners, service levels, dependencies, contracts, observability, runbooks.

What nobody can derive is in `templates/components`; the rest (contracts, policies, workflows, models, objectives) comes from the code as
`ComponentFacts`. A page that names a component, an objective or a file that is not there is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from eco_assets.errors import ConfigError
from notion_sync.documents.inline import Inline, Span, bold, code, link
from notion_sync.documents.tree import Block, BulletList, Code, Document, Heading, Paragraph, Property, Table, Toggle
from notion_sync.formatting import count, joined, measure, measured
from notion_sync.generators.templates import of_folder
from notion_sync.labels import agent_name
from notion_sync.records import Record, Rendered

PAGES = "catalogo/componentes"
_OPENING = "Cada página diz o que o componente faz, quem responde por ele, o que promete, do que depende e como se observa."
_COMPARISONS = {"<": "menos de", ">=": "pelo menos"}


@dataclass(frozen=True)
class ComponentFacts:
    """What the code says of itself, for all components.

    Attributes:
        contracts: `{table, version, owner}` of every source.
        policies: `{name, version}`; workflows: `{name, label}`; models: `{name, metric}`.
        objectives: `{name, title, description, unit, comparison, target, warning, critical, window_days, owner, runbook}`.
        prices: words → amount as written.
        files: glob of a template → the files of the project that it stands for.
    """

    contracts: Sequence[Record] = ()
    policies: Sequence[Record] = ()
    workflows: Sequence[Record] = ()
    models: Sequence[Record] = ()
    objectives: Sequence[Record] = ()
    prices: Sequence[tuple[str, str]] = ()
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)


def declared_components() -> dict[str, dict[str, Any]]:
    """Return the declared components by name.

    Raises:
        ConfigError: a template breaks its schema, depends on an unknown component, or components depend on each other in a circle.
    """
    found = {body["name"]: body for body in of_folder("components", "component.schema.json")}
    for name, body in found.items():
        unknown = sorted(set(body["depends_on"]) - set(found))
        if unknown:
            raise ConfigError(
                f"component {name} depends on {unknown[0]!r}, which is not declared; the known ones are {', '.join(sorted(found))}"
            )
    _refuse_circles(found)
    return found


def _refuse_circles(found: Mapping[str, Mapping[str, Any]]) -> None:
    settled: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            raise ConfigError(f"components depend on each other in a circle: {' → '.join((*way[way.index(name) :], name))}")
        if name not in settled:
            for each in found[name]["depends_on"]:
                visit(each, (*way, name))
            settled.add(name)

    for name in found:
        visit(name, ())


def component_path(name: str) -> str:
    """Return the path of a component's page."""
    return f"{PAGES}/{name}.md"


def component_pages(facts: ComponentFacts) -> tuple[Rendered, ...]:
    """Return a page for each declared component, and then their index.

    Raises:
        ConfigError: as `declared_components`, or an objective or a file that a template names is not there.
    """
    declared = declared_components()
    return (*(_page(body, declared, facts) for body in declared.values()), _index(declared))


def _page(body: Mapping[str, Any], declared: Mapping[str, Mapping[str, Any]], facts: ComponentFacts) -> Rendered:
    name = str(body["name"])
    used_by = sorted(each for each, other in declared.items() if name in other["depends_on"])
    properties: dict[str, Property] = {
        "tipo": "componente",
        "componente": name,
        "responsaveis": tuple(body["owners"]),
        "depende_de": tuple(sorted(body["depends_on"])),
        "usado_por": tuple(used_by),
    }
    blocks: list[Block] = [Paragraph(text) for text in map(_marked, body["description"])]
    blocks += [Heading(2, "Responsáveis"), BulletList(tuple(body["owners"]))]
    blocks += _levels(body, facts)
    blocks += _dependencies(body, used_by, declared)
    blocks += _contracts(body, facts)
    blocks += _observability(body)
    blocks += _runbooks(body, facts)
    rows = (
        ("Interface", _marked(body["interface"])),
        ("Armazenamento e dados", _marked(body["storage"])),
        ("Política de retenção", _marked(body["retention"])),
    )
    blocks += [Heading(2, "Referência"), Table(("Campo", "Valor"), rows)]
    places = [(bold("Código: "), *_codes(body["code"]))]
    if body.get("groups"):
        places.append((bold("Grupos no grafo de ativos: "), *_codes(body["groups"])))
    if documents := [file for glob in body.get("documents", ()) for file in _existing(name, glob, facts)]:
        places.append((bold("Documentação técnica: "), *_codes(documents)))
    return Rendered(component_path(name), Document(f"Componente – {body['title']}", properties, (*blocks, BulletList(tuple(places)))))


def _levels(body: Mapping[str, Any], facts: ComponentFacts) -> Iterator[Block]:
    """Objectives as declared, and what is promised without one."""
    known = {str(each["name"]): each for each in facts.objectives}
    rows: list[tuple[Inline, ...]] = []
    for name in body.get("objectives", ()):
        if name not in known:
            raise ConfigError(f"component {body['name']}: no objective {name!r}; the known ones are {', '.join(sorted(known))}")
        each = known[name]
        target = f"{_COMPARISONS[str(each['comparison'])]} {_level(each, 'target')}"
        alerts = f"{_level(each, 'warning')} / {_level(each, 'critical')}"
        rows.append((str(each["title"]), target, alerts, f"{each['window_days']} dias", str(each["owner"])))
    promises = tuple(_marked(text) for text in body.get("promises", ()))
    if rows or promises:
        yield Heading(2, "Níveis de serviço")
    if rows:
        yield Table(("Métrica", "Alvo", "Atenção / crítico", "Janela", "Dono"), tuple(rows), right=frozenset({1, 2}))
    if promises:
        yield BulletList(promises)


def _level(objective: Record, name: str) -> str:
    unit = str(objective["unit"])
    return f"{measured(objective[name])}%" if unit == "%" else measure(objective[name], unit)


def _dependencies(body: Mapping[str, Any], used_by: Sequence[str], declared: Mapping[str, Mapping[str, Any]]) -> Iterator[Block]:
    yield Heading(2, "Dependências")
    items: list[Inline] = []
    if body["depends_on"]:
        items.append((bold("Depende de: "), *_links(body["depends_on"], declared)))
    if used_by:
        items.append((bold("É usado por: "), *_links(used_by, declared)))
    if body.get("uses"):
        items.append((bold("Apoia-se em: "), f"{joined(body['uses'])}."))
    yield BulletList(tuple(items)) if items else Paragraph("Não depende de outro componente.")


def _links(names: Sequence[str], declared: Mapping[str, Mapping[str, Any]]) -> list[str | Span]:
    parts: list[str | Span] = []
    for name in sorted(names):
        parts += [", "] if parts else []
        parts.append(link(str(declared[name]["title"]), f"{name}.md"))
    return [*parts, "."]


_KINDS = {
    "contracts": ("contrato de fonte", "contratos de fontes", ("Fonte", "Versão", "Dono"), ("table", "version", "owner")),
    "policies": ("política", "políticas", ("Política", "Versão"), ("name", "version")),
    "workflows": ("fluxo de trabalho", "fluxos de trabalho", ("Fluxo", "O que faz"), ("name", "label")),
    "models": ("família de modelos", "famílias de modelos", ("Modelo", "Medida principal"), ("name", "metric")),
    "objectives": ("objetivo de nível de serviço", "objetivos de nível de serviço", ("Objetivo", "Título"), ("name", "title")),
}


def _contracts(body: Mapping[str, Any], facts: ComponentFacts) -> Iterator[Block]:
    schemas = [(glob, _existing(str(body["name"]), glob, facts)) for glob in body.get("schemas", ())]
    kinds = [kind for kind in body.get("facts", ()) if kind in _KINDS and getattr(facts, kind)]
    has_prices = "prices" in body.get("facts", ()) and facts.prices
    if not (schemas or kinds or has_prices):
        return
    yield Heading(2, "Contratos e esquemas")
    if schemas:
        yield BulletList(tuple((code(glob), f": {count(len(files), 'arquivo', 'arquivos')}.") for glob, files in schemas))
    for kind in kinds:
        one, many, header, names = _KINDS[kind]
        listed = getattr(facts, kind)
        rows: tuple[tuple[Inline, ...], ...] = tuple(
            (code(str(each[names[0]])), *(_shown(name, each) for name in names[1:])) for each in listed
        )
        yield Toggle(count(len(listed), one, many), (Table(header, rows),))
    if has_prices:
        yield Toggle("Preços supostos", (Table(("O quê", "Preço"), tuple(facts.prices), right=frozenset({1})),))


def _shown(name: str, record: Record) -> str:
    value = str(record[name])
    return agent_name(value.removeprefix("team:")) if name == "owner" else value


def _observability(body: Mapping[str, Any]) -> Iterator[Block]:
    told = body["observability"]
    rows = tuple(
        (words, _marked(told[name])) for name, words in (("metrics", "Métricas"), ("logs", "Registros"), ("traces", "Rastreamento"))
    )
    yield Heading(2, "Observabilidade")
    yield Table(("O quê", "Onde"), rows)


def _runbooks(body: Mapping[str, Any], facts: ComponentFacts) -> Iterator[Block]:
    yield Heading(2, "Runbooks")
    files = [file for glob in body.get("runbooks", ()) for file in _existing(str(body["name"]), glob, facts)]
    if not files:
        yield Paragraph("Ainda não há um runbook deste componente.")
        return
    yield BulletList(tuple(link(PurePosixPath(file).stem, f"../../runbooks/{PurePosixPath(file).name}") for file in files))


def _existing(component: str, glob: str, facts: ComponentFacts) -> Sequence[str]:
    found = facts.files.get(glob, ())
    if not found:
        raise ConfigError(f"component {component} names {glob}, and the project has no such file")
    return found


def _codes(names: Sequence[str]) -> list[str | Span]:
    parts: list[str | Span] = []
    for name in names:
        parts += [", "] if parts else []
        parts.append(code(name))
    return [*parts, "."]


def _marked(text: str) -> Inline:
    """Text whose words between backticks are technical names."""
    return tuple(code(part) if number % 2 else part for number, part in enumerate(text.split("`")) if part)


def _index(declared: Mapping[str, Mapping[str, Any]]) -> Rendered:
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (link(str(body["title"]), f"{name}.md"), str(body["summary"]), joined(body["owners"]), str(len(body["depends_on"])))
        for name, body in sorted(declared.items(), key=lambda each: str(each[1]["title"]))
    )
    arrows = [f"  {name} --> {each}" for name, body in sorted(declared.items()) for each in sorted(body["depends_on"])]
    boxes = [f'  {name}["{body["title"]}"]' for name, body in sorted(declared.items())]
    blocks: tuple[Block, ...] = (
        Paragraph(f"{count(len(declared), 'componente forma', 'componentes formam')} a plataforma. {_OPENING}"),
        Table(("Componente", "O que faz", "Responsáveis", "Depende de"), rows, right=frozenset({3})),
        Heading(2, "Quem depende de quem"),
        Code("\n".join(["flowchart LR", *boxes, *arrows]), "mermaid"),
    )
    properties: dict[str, Property] = {"tipo": "catalogo_de_componentes", "componentes": len(declared)}
    return Rendered(f"{PAGES}/index.md", Document("Catálogo de componentes", properties, blocks))
