"""The catalogue over a real lake: what a page says, what a sample hides, what a search finds, and that nothing is written twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eco_assets.catalog.build import build_catalog
from eco_assets.catalog.datasets import Dataset, collect
from eco_assets.catalog.pages import dataset_page, index_page, page_path
from eco_assets.catalog.samples import MASK, Protections
from eco_assets.catalog.search import Index
from eco_assets.commands.catalog import app
from eco_assets.contracts.contract import load_contracts
from eco_assets.contracts.versions import RELEASED
from eco_assets.errors import NotFound
from eco_assets.lineage.columns import Output, Ref
from eco_assets.lineage.compiled import compile_project
from eco_assets.lineage.graph import Lineage, Node
from eco_assets.lineage.project import PROJECT
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.documents.markdown_writer import to_markdown

LOADED = ("varejo.order_reviews", "varejo.orders", "varejo.order_items", "varejo.products", "varejo.customers", "varejo.sample_manifest")
REVIEWS = next(contract for contract in load_contracts() if contract.table == "varejo.order_reviews")
BUILT = ("stg_varejo__reviews", "stg_varejo__orders", "stg_varejo__order_items", "stg_varejo__customers", "feat_varejo__review_context")


@pytest.fixture(scope="module")
def home(twin_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake in which the reviews' way is loaded and built as dbt would, and a column came along that no contract names."""
    settings = Settings(home=tmp_path_factory.mktemp("catalog") / "home", data=twin_files)
    platform = Platform(settings)
    platform.ingest("varejo", [contract for contract in load_contracts() if contract.table in LOADED])
    models = [model for model in compile_project(PROJECT) if model.name in BUILT]

    def build(db: object) -> None:
        for model in models:
            schema, kind = model.relation.split(".")[0], "VIEW" if model.relation.startswith("staging.") else "TABLE"
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")  # type: ignore[attr-defined]
            db.execute(f"CREATE {kind} {model.relation} AS {model.sql}")  # type: ignore[attr-defined]

    platform.lake.commit(build)
    platform.lake.commit(lambda db: db.execute("ALTER TABLE varejo.customers ADD COLUMN nickname VARCHAR DEFAULT 'Zé'"), catalogue="raw")
    return settings


@pytest.fixture(scope="module")
def datasets(home: Settings) -> dict[str, Dataset]:
    return {dataset.name: dataset for dataset in collect(Platform(home))}


@pytest.fixture(scope="module")
def index(home: Settings) -> Index:
    build_catalog(Platform(home))
    return Index.of(home.home)


def page(datasets: dict[str, Dataset], name: str) -> str:
    return to_markdown(dataset_page(datasets[name], datasets))


def test_everything_that_is_promised_or_built_is_in_the_catalogue(datasets: dict[str, Dataset]) -> None:
    models = [model for model in compile_project(PROJECT) if model.kind == "dbt"]

    assert {f"raw.{contract.table}" for contract in load_contracts()} | {model.relation for model in models} < set(datasets)
    assert {name.split(".")[0] for name in datasets} == {"raw", "staging", "features", "marts", "predictions"}
    assert [name for name, dataset in datasets.items() if not dataset.description] == []


def test_a_raw_page_says_what_the_contract_promises_and_what_was_loaded(datasets: dict[str, Dataset]) -> None:
    dataset, text = datasets["raw.varejo.order_reviews"], page(datasets, "raw.varejo.order_reviews")

    assert dataset.rows == sum(load.rows for load in dataset.loads) > 0
    assert dataset.loads[0].bytes > 0
    for words in (
        "**Responsável:** team:varejo",
        f"**Contrato:** {REVIEWS.version}, em vigor",
        "restrita, com dados pessoais",
        "obrigatória; no mínimo 1; no máximo 5",
        "## Últimas remessas",
        "[stg\\_varejo\\_\\_reviews](../staging/stg_varejo__reviews.md)",
        "| número de linhas | mais de 0 linhas | impede o uso |",
    ):
        assert words in text, words


def test_personal_data_is_masked_in_the_sample_and_so_is_everything_that_is_made_of_it(datasets: dict[str, Dataset]) -> None:
    for name, hidden, shown in (
        ("raw.varejo.order_reviews", "review_comment_message", "review_score"),
        ("staging.stg_varejo__reviews", "text", "score"),
        ("features.feat_varejo__review_context", "has_comment", "days_late"),
    ):
        sample = datasets[name].sample
        assert len(sample.rows) == 5, name
        assert {row[sample.columns.index(hidden)] for row in sample.rows} == {MASK}, name
        assert MASK not in {row[sample.columns.index(shown)] for row in sample.rows}, name


def test_no_comment_of_a_customer_is_on_any_page_or_in_the_search(home: Settings, index: Index) -> None:
    platform = Platform(home)
    with platform.lake.raw() as db:
        query = "SELECT review_comment_message FROM varejo.order_reviews WHERE length(review_comment_message) > 12"
        comments = [row[0] for row in db.execute(query).fetchall()]
    written = "".join(path.read_text(encoding="utf-8") for path in (home.knowledge / "catalogo").rglob("*.md"))
    written += json.dumps(index.everything(), ensure_ascii=False)

    assert len(comments) > 50
    assert [comment for comment in comments if comment in written] == []


def test_a_column_that_no_contract_announces_is_named_and_masked(datasets: dict[str, Dataset]) -> None:
    dataset, text = datasets["raw.varejo.customers"], page(datasets, "raw.varejo.customers")

    assert {row[dataset.sample.columns.index("nickname")] for row in dataset.sample.rows} == {MASK}
    assert "Zé" not in text
    assert "Colunas que nenhum contrato anuncia, ocultas na amostra: `nickname`" in text


def test_protection_is_carried_along_lineage_and_what_is_unknown_is_not_shown() -> None:
    contracts = [contract for contract in load_contracts() if contract.table == "comercial.leads"]
    raw = Node("raw.comercial.leads", "raw", {name: Output() for name in ("mql_id", "origin", "surprise")})
    columns = {
        "both": Output(frozenset({Ref(raw.name, "mql_id"), Ref(raw.name, "origin")}), "expression"),
        "origin": Output(frozenset({Ref(raw.name, "origin")}), "same"),
        "rows": Output(frozenset({Ref(raw.name, "*")}), "rows"),
        "strange": Output(frozenset({Ref(raw.name, "surprise")}), "same"),
        "lost": Output(frozenset({Ref("staging.nowhere", "x")}), "same"),
    }
    protections = Protections(contracts, Lineage([raw, Node("marts.x", "dbt", columns)]))
    found = {name: protections.of("marts.x", name) for name in [*columns, "never"]}

    assert {name for name, protection in found.items() if protection.is_shown} == {"origin", "rows"}
    assert (found["both"].classification, found["both"].is_personal) == ("confidential", True)
    assert not found["strange"].is_announced
    assert not found["never"].is_announced


def test_a_derived_page_leads_to_what_it_is_made_of(datasets: dict[str, Dataset]) -> None:
    text = page(datasets, "features.feat_varejo__review_context")

    assert "[staging.stg\\_varejo\\_\\_reviews](../staging/stg_varejo__reviews.md): `score` (cópia)" in text
    assert "tabela: [mart\\_varejo\\_\\_review\\_recovery](../marts/mart_varejo__review_recovery.md)" in text
    assert "modelo: [varejo\\_review\\_sentiment](../predictions/varejo_review_sentiment.md)" in text.split("## Quem usa")[1]


def test_what_is_not_built_yet_has_a_page_that_says_so(datasets: dict[str, Dataset]) -> None:
    assert "Ainda não há dados neste conjunto." in page(datasets, "marts.mart_varejo__replenishment")
    assert datasets["marts.mart_varejo__replenishment"].rows is None


def test_a_stream_of_a_connection_has_its_page_before_anything_was_read(tmp_path: Path, twin_files: Path) -> None:
    settings = Settings(home=tmp_path / "home", data=twin_files)
    folder = settings.connections_root / "loja"
    folder.mkdir(parents=True)
    contract = (RELEASED / "comercial.leads@1.0.0.yaml").read_text(encoding="utf-8")
    contract = contract.replace("domain: comercial", "domain: loja").replace("server: files", "server: connection")
    (folder / "leads.odcs.yaml").write_text(contract, encoding="utf-8")
    (folder / "connection.yaml").write_text("{name: loja, connector: rest, domain: loja, config: {}, streams: {leads: {entity: leads}}}")
    found = {dataset.name: dataset for dataset in collect(Platform(settings))}

    assert found["raw.loja.leads"].promise is not None
    assert found["raw.loja.leads"].classification == "confidential"
    assert "Ainda não há dados neste conjunto." in page(found, "raw.loja.leads")


def test_a_refused_load_is_the_first_thing_that_its_page_says(datasets: dict[str, Dataset]) -> None:
    dataset = datasets["raw.varejo.orders"]
    refused = replace(dataset.loads[0], status="quarantined", reason="orders.csv: row 3, column order_id: a value is required (•••)")
    text = to_markdown(dataset_page(replace(dataset, loads=(refused,)), datasets))

    assert "**Falha:** A última remessa foi recusada: orders.csv: row 3" in text


def test_the_same_data_gives_the_same_bytes_and_new_data_changes_only_its_pages(home: Settings, index: Index) -> None:
    platform = Platform(home)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (home.knowledge / "catalogo").rglob("*.md")}

    assert build_catalog(Platform(home)).changed == ()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    platform.lake.commit(lambda db: db.execute("DELETE FROM varejo.sample_manifest WHERE _eco_row = 1"), catalogue="raw")
    assert set(build_catalog(Platform(home)).changed) == {"catalogo/raw/varejo.sample_manifest.md", "catalogo/index.md"}


def test_the_first_page_leads_to_every_other(home: Settings, datasets: dict[str, Dataset]) -> None:
    text = to_markdown(index_page(list(datasets.values())))

    assert all(f"({page_path(name).removeprefix('catalogo/')})" in text for name in datasets)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("order_reviews", "raw.varejo.order_reviews"),
        ("AVALIAÇÕES", "marts.mart_varejo__review_recovery"),
        ("avaliacoes", "marts.mart_varejo__review_recovery"),
        ("review sentiment", "predictions.varejo_review_sentiment"),
        ("thermocouple", "raw.industrial.pump_telemetry"),
        ("team:financeiro payments", "raw.financeiro.payments"),
    ],
)
def test_a_search_finds_by_name_column_owner_and_reader_without_accents(index: Index, words: str, expected: str) -> None:
    assert expected in [found["name"] for found in index.search(words)[:4]]


@pytest.mark.parametrize("words", ['"', "qqqq OR zzzz AND", "NEAR(", "", "*", "zzzzz"])
def test_a_search_for_anything_odd_finds_nothing_and_does_not_break(index: Index, words: str) -> None:
    assert index.search(words) == []


def test_a_name_is_understood_by_its_last_part_and_near_names_are_offered(index: Index) -> None:
    assert index.get("mart_varejo__replenishment")["name"] == "marts.mart_varejo__replenishment"
    with pytest.raises(NotFound, match=r"did you mean .*raw\.varejo\.order_reviews"):
        index.get("reviews")
    with pytest.raises(NotFound, match="eco catalog list"):
        index.get("zzzzz")


def test_the_command_speaks_json_and_says_when_there_is_no_catalogue(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECO_HOME", str(home.home))
    monkeypatch.setenv("ECO_DATA", str(home.data))

    def told(*arguments: str) -> Any:
        outcome = CliRunner().invoke(app, [*arguments, "--json"])
        assert outcome.exit_code == 0
        return json.loads(outcome.stdout)

    assert told("build")["datasets"] == len(told("list"))
    assert told("show", "raw.varejo.order_reviews")["promise"]["version"] == REVIEWS.version
    assert {each["name"] for each in told("search", "thermocouple")} >= {"raw.industrial.pump_telemetry"}
    assert {each["layer"] for each in told("list", "--layer", "marts")} == {"marts"}
    monkeypatch.setenv("ECO_HOME", str(tmp_path / "new"))
    assert CliRunner().invoke(app, ["list"]).exit_code == 1
