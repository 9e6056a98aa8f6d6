"""Pages about the platform itself: components, risks, ADRs and runbooks, post-mortems; and the schemas that their templates keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from eco_assets.errors import ConfigError
from eco_assets.knowledge_pages import component_facts
from eco_assets.settings import PROJECT_ROOT
from notion_sync.documents.canonical import canonical
from notion_sync.documents.inline import plain
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.documents.tree import Code
from notion_sync.generators import component_pages as components
from notion_sync.generators.framed_pages import adr_of, pages_of
from notion_sync.generators.post_mortems import post_mortems
from notion_sync.generators.risk_register import declared_risks, risk_register, severity
from notion_sync.generators.templates import FOLDER, load

TODAY = date(2026, 11, 23)


def texts(pages: Any) -> dict[str, str]:
    found = {page.path: to_markdown(page.document) for page in pages}
    for page in pages:
        assert canonical(read_markdown(found[page.path])) == canonical(page.document), page.path
    return found


@pytest.fixture(scope="module")
def component_texts() -> dict[str, str]:
    """The pages of this installation."""
    return texts(components.component_pages(component_facts()))


def test_every_component_has_every_part_of_the_customers_model(component_texts: dict[str, str]) -> None:
    assert len(component_texts) == len(components.declared_components()) + 1
    for path, text in component_texts.items():
        if path.endswith("/index.md"):
            continue
        for heading in ("Responsáveis", "Dependências", "Observabilidade", "Runbooks", "Referência"):
            assert f"\n## {heading}\n" in text, path
        for field in ("Interface", "Armazenamento e dados", "Política de retenção", "Métricas", "Registros", "Rastreamento"):
            assert f"\n| {field} |" in text, path


def test_facts_come_from_the_code(component_texts: dict[str, str]) -> None:
    facts = component_facts()
    assert f"{len(facts.policies)} políticas" in component_texts["catalogo/componentes/mcp.md"]
    assert all(f"`{each['table']}`" in component_texts["catalogo/componentes/aurion.md"] for each in facts.contracts)
    assert all(f"`{each['name']}`" in component_texts["catalogo/componentes/jorge.md"] for each in facts.workflows)
    assert "| Latência de decisão (p95) | menos de 500\N{NO-BREAK SPACE}ms |" in component_texts["catalogo/componentes/mcp.md"]


def test_links_between_components_lead_to_pages_and_code_to_files(component_texts: dict[str, str]) -> None:
    for name, body in components.declared_components().items():
        assert all((PROJECT_ROOT / place).exists() for place in body["code"]), name
        assert all(f"({each}.md)" in component_texts[f"catalogo/componentes/{name}.md"] for each in body["depends_on"])
    index = next(page for page in components.component_pages(component_facts()) if page.path.endswith("index.md"))
    picture = next(block for block in index.document.blocks if isinstance(block, Code))
    assert picture.language == "mermaid"
    assert "  jorge --> mcp" in picture.text


def test_a_component_that_names_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = components.declared_components()
    facts = component_facts()
    broken = {**declared, "mcp": {**declared["mcp"], "objectives": ["nothing"]}}
    monkeypatch.setattr(components, "declared_components", lambda: broken)
    with pytest.raises(ConfigError, match="component mcp: no objective 'nothing'"):
        components.component_pages(facts)
    broken["mcp"] = {**declared["mcp"], "runbooks": ["docs/runbooks/nothing.md"]}
    with pytest.raises(ConfigError, match=r"docs/runbooks/nothing\.md"):
        components.component_pages(facts)


def test_components_that_depend_on_each_other_in_a_circle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = tuple({"name": name, "depends_on": [other]} for name, other in (("a", "b"), ("b", "c"), ("c", "a")))
    monkeypatch.setattr(components, "of_folder", lambda *_: bodies)
    with pytest.raises(ConfigError, match="a → b → c → a"):
        components.declared_components()
    monkeypatch.setattr(components, "of_folder", lambda *_: ({"name": "a", "depends_on": ["z"]},))
    with pytest.raises(ConfigError, match="'z', which is not declared"):
        components.declared_components()


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("folder", "file", "schema", "change", "where"),
    [
        ("components", "jorge.json", "component.schema.json", lambda body: body.pop("owners"), "'owners' is a required property"),
        ("components", "jorge.json", "component.schema.json", lambda body: body.update(extra=1), "'extra' was unexpected"),
        (
            "risks",
            "register.json",
            "register.schema.json",
            lambda body: body["risks"][0].update(impact="enorme"),
            r"\$\.risks\[0\]\.impact",
        ),
        ("post_mortems", "post_mortem.json", "post_mortem.schema.json", lambda body: body.update(sections=[]), r"\$\.sections"),
    ],
)
def test_a_template_that_breaks_its_schema_is_named(
    tmp_path: Path, folder: str, file: str, schema: str, change: Change, where: str
) -> None:
    body = json.loads((FOLDER / folder / file).read_text("utf-8"))
    change(body)
    broken = tmp_path / file
    broken.write_text(json.dumps(body), "utf-8")
    with pytest.raises(ConfigError, match=where):
        load(broken, FOLDER / folder / schema)


def test_every_folder_of_templates_has_one_schema_that_its_files_name() -> None:
    for folder in (each for each in FOLDER.iterdir() if each.is_dir()):
        (schema,) = folder.glob("*.schema.json")
        for file in set(folder.glob("*.json")) - {schema}:
            assert json.loads(file.read_text("utf-8"))["$schema"] == f"./{schema.name}", file


def test_risks_are_ranked_with_their_figures_and_an_overdue_review_is_told() -> None:
    page = risk_register(TODAY, {"quarantined": "2", "waiting_approval": "6"})
    (text,) = texts([page]).values()
    order = [severity(risk) for risk in sorted(declared_risks()["risks"], key=lambda risk: text.index(f'## <a id="{risk["id"].lower()}'))]
    assert order == sorted(order, reverse=True)
    assert "| Remessas em quarentena que aguardam alguém | 2 |" in text
    assert "Incidentes nos últimos" not in text  # not measured, so not told
    assert "| **Probabilidade alta** |  | R03, R04 |  |" in text
    assert "próxima é até 20 de fevereiro de 2027" in text
    assert "A revisão venceu em 20 de fevereiro de 2027." in to_markdown(risk_register(date(2027, 3, 1), {}).document)


def test_adrs_and_runbooks_of_the_project_become_pages_with_their_own_words() -> None:
    files = {path.relative_to(PROJECT_ROOT).as_posix(): path.read_text("utf-8") for path in (PROJECT_ROOT / "docs").glob("*/*.md")}
    found = texts(pages_of(files))
    adrs = {name for name in files if name.startswith("docs/adr/0") and "0000" not in name}
    assert {f"adr/{Path(name).name}" for name in adrs} | {"adr/index.md"} == {path for path in found if path.startswith("adr/")}
    assert {f"runbooks/{name.name}" for name in (PROJECT_ROOT / "docs/runbooks").glob("*.md")} <= set(found)
    lake = found["adr/0007-ducklake.md"]
    assert "situacao: Aceito" in lake
    assert "](0002-lake.md)" in lake
    assert "Readers wait for nobody in either case." in lake
    assert "| [ADR-0002](0002-lake.md) |" in found["adr/index.md"]
    assert found["adr/index.md"].count("| Aceito |") == len(adrs)


def test_links_that_lead_out_of_the_knowledge_base_keep_their_words_only() -> None:
    told = "- **Status:** Superseded by ADR-0043\n- **Date:** 2026-01-02"
    text = f"# ADR-0042: Um título\n\n{told}\n\nSee [the page](../policies.md), [it](https://a.example/x) and [next](0043-next.md#why).\n"
    other = "# ADR-0043: Outro\n\n- **Status:** Proposed\n"
    found = texts(pages_of({"docs/adr/0042-one.md": text, "docs/adr/0043-next.md": other, "docs/other.md": "# x\n"}))
    assert "See the page, [it](https://a.example/x) and [next](0043-next.md#why)." in found["adr/0042-one.md"]
    assert set(found) == {"adr/0042-one.md", "adr/0043-next.md", "adr/index.md", "runbooks/index.md"}
    facts = adr_of("docs/adr/0042-one.md", text)
    assert (facts.status, facts.day, facts.title) == ("Substituído por ADR-0043", date(2026, 1, 2), "Um título")


def incident(run: str, at: str, **more: Any) -> dict[str, Any]:
    step = {"name": "aurion_varejo", "assets": ["raw/varejo/orders"], "error": "SourceRefused", "message": "a linha 3 de ana@exemplo.com"}
    return {"run_id": run, "job": "eco_varejo", "agent": "varejo", "as_of": "2026-11-20", "at": at, "steps": [step], **more}


def test_incidents_become_pages_that_people_go_on_with_and_repeats_join_the_first() -> None:
    first = incident("a" * 32, "2026-11-21T03:00:00+00:00")
    again = incident("b" * 32, "2026-11-21T04:00:00+00:00")
    other = incident("c" * 32, "2026-11-22T03:00:00+00:00", steps=[])
    found = texts(post_mortems([again, other, first]))
    assert set(found) == {"incidentes/2026-11-21-aaaaaaaa.md", "incidentes/2026-11-22-cccccccc.md", "incidentes/index.md"}
    text = found["incidentes/2026-11-21-aaaaaaaa.md"]
    assert "ocorrencias: 2" in text
    assert "do agente Varejo, sobre o dia 20 de novembro de 2026, terminou em falha em 21/11/2026 às 00:00" in text
    assert "ana@exemplo.com" not in text
    assert "- [ ] Corrigir a causa." in text
    assert "Por que foi possível?" in text
    assert "Nenhuma etapa foi registrada" in found["incidentes/2026-11-22-cccccccc.md"]
    assert found["incidentes/index.md"].index("cccccccc") < found["incidentes/index.md"].index("aaaaaaaa")
    assert texts(post_mortems([first, again, other])) == found
    (empty,) = post_mortems([])
    assert plain(empty.document.blocks[0].text) == "Nenhum incidente foi registrado."  # type: ignore[union-attr]
