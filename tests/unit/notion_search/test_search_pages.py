"""Search over real files: questions, filters, snippets, what changes, two processes, damage."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import labelled_pages as labelled
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from eco_assets.cli import app
from eco_assets.errors import RequestRefused, TransientError
from eco_assets.settings import Settings
from notion_sync import search_index, search_look
from notion_sync.page_text import read_page, without_marks
from notion_sync.portuguese import WORD, term, terms
from notion_sync.search import Filters, search, snippet
from notion_sync.search_index import SearchIndex

EVERYTHING = Filters()
SYNTAX = ("NEAR", "AND", "OR", "NOT", '"', "*", "(", ")", "^", ":", "-", "+", "custo", "{title}", "'", ";", "--", "\0", '"a*', "body:x")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("library"))
    labelled.write_pages(settings.knowledge)
    labelled.write_others(settings.knowledge, 500)
    SearchIndex.of(settings.home).refresh([settings.knowledge])
    return settings


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def put(settings: Settings, path: str, text: str) -> Path:
    file = settings.knowledge / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def paths(settings: Settings, text: str, filters: Filters = EVERYTHING, **more: object) -> list[str]:
    return [hit.path for hit in search(settings, text, filters, is_fresh=True, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "forms",
    [
        "decisão decisões decidir decidido decidiu DECISAO",
        "devolução devoluções devolver devolvido",
        "conversão conversões converter convertido",
        "entrega entregas entregar entregue entregou",
        "avaliação avaliações avaliar avalia avaliado",
        "disponibilidade disponível disponíveis",
        "fornecedor fornecedores fornecimento fornecer",
        "comercial comerciais comércio",
        "pagamento pagamentos pagar paguei pagou",
        "semana semanas semanal semanalmente",
        "perfil perfis",
        "item itens",
        "mês meses",
    ],
)
def test_forms_of_a_word_are_one_term(forms: str) -> None:
    assert len({term(word) for word in forms.split()}) == 1


def test_different_words_stay_apart_and_small_words_go() -> None:
    words = WORD.findall("decisão demanda cliente agente agência produto produção carta cartão conta dia mês pedido preço")
    assert len({term(word) for word in words}) == len(words)
    assert terms("o plano de ação para as lojas") == ["plan", term("ação"), "loj"]
    assert terms("a1b2c3d4 2018-05-31") == ["a1b2c3d4", "2018", "05", "31"]


@given(st.text())
@example("ﷺ ½ ﬁm x\u0303 \ud800")
def test_terms_are_plain_words(text: str) -> None:
    assert all(found == "".join(found.split()) and '"' not in found and not found.isspace() for found in terms(text))


def test_a_page_is_read_without_its_marks() -> None:
    page = read_page(
        "relatorios/2026-10-31/varejo.md",
        "---\nagente: varejo\ndata: 2026-10-31\ntipo: relatorio_diario\n---\n\n# Dia **bom** \\#1\n\n"
        "| A | B |\n| --- | ---: |\n| [Pedido](../x.md#d-1) | R\\$ 10 |\n\n<!-- k:1 -->\n- [ ] `mql_id` e *ênfase*\n",
    )
    assert (page.title, page.kind, page.agent, page.day) == ("Dia bom #1", "relatorio_diario", "varejo", "2026-10-31")
    assert page.body == "A · B\nPedido · R$ 10\nmql_id e ênfase"
    bare = read_page("notas/mega-agente.md", "---\n: [\n---\nsó texto")
    assert (bare.title, bare.kind, bare.agent, bare.day) == ("mega-agente", "notas", "mega-agente", "")
    assert "só texto" in bare.body
    assert without_marks("não_mexe em nomes_com_traço") == "não_mexe em nomes_com_traço"


def test_labelled_questions_find_their_pages(library: Settings) -> None:
    assert len(labelled.QUERIES) >= 40
    recalls = [
        labelled.recall_at([hit.path for hit in search(library, question)], relevant) for question, relevant in labelled.QUERIES.items()
    ]
    assert statistics.fmean(recalls) >= 0.95


def test_the_best_page_is_first_and_the_order_is_the_same_each_time(library: Settings, tmp_path: Path) -> None:
    assert paths(library, "modelo de conversão")[0] == "modelos/lead_conversion.md"
    again = SearchIndex.of(library.home)
    before = [search(library, question, limit=20) for question in ("custo", "decisões do comercial", "risco fornecedor")]
    again.rebuild([library.knowledge])
    assert [search(library, question, limit=20) for question in ("custo", "decisões do comercial", "risco fornecedor")] == before


def test_filters(library: Settings) -> None:
    assert paths(library, "decisões", Filters(agent="varejo", kind="registro")) == ["decisoes/2026-09-02/varejo.md"]
    assert paths(library, "relatório", Filters(kind="relatorio_semanal", agent="industrial")) == ["relatorios/semana-35/industrial.md"]
    days = Filters(since=date(2026, 8, 12), until=date(2026, 8, 25), kind="pos_incidente")
    assert set(paths(library, "causa análise", days)) == {path for path in labelled.PAGES if path.startswith("incidentes/")}
    assert "catalogo/index.md" not in paths(library, "dados", Filters(until=date(2027, 1, 1)), limit=100)
    assert paths(library, "decisões", Filters(kind="%")) == []
    with pytest.raises(RequestRefused, match="other way round"):
        paths(library, "custo", Filters(since=date(2026, 2, 1), until=date(2026, 1, 1)))


def test_phrases_beginnings_and_words_to_leave_out(house: Settings) -> None:
    put(house, "a.md", "# A\n\nvalor esperado da campanha")
    put(house, "b.md", "# B\n\nesperado valor das campanhas de telefone")
    assert paths(house, '"valor esperado"') == ["a.md"]
    assert set(paths(house, "valor esperado")) == {"a.md", "b.md"}
    assert set(paths(house, "campan*")) == {"a.md", "b.md"}
    assert paths(house, "telefô*") == ["b.md"]
    assert paths(house, "campanha -telefone") == ["a.md"]
    assert paths(house, "xyz*") == []
    found = search(house, "telefone valor inexistente")
    assert [(hit.path, hit.has_all) for hit in found] == [("b.md", False), ("a.md", False)]


@pytest.mark.parametrize("question", ["", "   ", "de a o", '""', "-custo", "***", "x" * 501, "( ) ^ :"])
def test_a_question_without_words_is_refused(library: Settings, question: str) -> None:
    with pytest.raises(RequestRefused):
        search(library, question)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(SYNTAX)).map(" ".join),
    )
)
@example('custo" OR words MATCH "x')
@example("title : custo AND NEAR(a b, 2) *")
def test_no_question_breaks_the_query(library: Settings, question: str) -> None:
    try:
        hits = search(library, question)
    except RequestRefused:
        return
    assert len(hits) <= 10


def test_snippets_mark_the_hits() -> None:
    text = "palavra " * 100 + "A decisão de hoje: em São Paulo, decidiram ligar. " + "outra " * 100
    found = snippet(text, terms("decisões SAO paulo"))
    assert found.startswith("… ")
    assert "**decisão** de hoje: em **São Paulo**, **decidiram** ligar" in found
    assert len(found) < 300
    assert snippet("sem nada", ["x"]) == "sem nada"
    assert snippet("", ["x"]) == ""


def test_changed_new_and_deleted_pages(house: Settings) -> None:
    index = SearchIndex.of(house.home)
    first, second = put(house, "a.md", "# Um\n\nbanana"), put(house, "x/b.md", "# Dois\n\nbanana")
    put(house, ".rascunho.md", "banana")
    put(house, "x/c.txt", "banana")
    (house.knowledge / "fora.md").symlink_to("/etc/hostname")
    assert index.refresh([house.knowledge]).added == 2
    assert index.refresh([house.knowledge]).changed == 0
    first.write_text("# Um\n\nmanga", encoding="utf-8")  # as long as before or not, as old or not: content counts
    os.utime(second)
    second_change = index.refresh([house.knowledge])
    assert (second_change.added, second_change.changed, second_change.removed) == (0, 1, 0)
    assert paths(house, "banana") == ["x/b.md"]
    second.unlink()
    assert paths(house, "banana") == []
    assert paths(house, "mangas") == ["a.md"]


def test_an_old_page_that_did_not_change_is_not_read_again(house: Settings) -> None:
    page = put(house, "a.md", "# Um\n\nbanana")
    os.utime(page, (1_700_000_000, 1_700_000_000))
    SearchIndex.of(house.home).refresh([house.knowledge])
    page.write_text("# Um\n\nmelão!", encoding="utf-8")  # as long as it was, in bytes less one
    page.write_text("# Um\n\nabobra", encoding="utf-8")
    os.utime(page, (1_700_000_000, 1_700_000_000))
    assert paths(house, "banana") == ["a.md"]
    os.utime(page)
    assert paths(house, "banana") == []


def test_other_folders_are_searched_only_when_named(house: Settings, tmp_path: Path) -> None:
    put(house, "a.md", "# Um\n\nbanana")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "adr.md").write_text("# ADR\n\nbanana", encoding="utf-8")
    assert set(paths(house, "banana", folders=[docs])) == {"a.md", "adr.md"}
    assert paths(house, "banana") == ["a.md"]


@pytest.mark.parametrize("content", [b"this is no database, only words" * 200, b""])
def test_a_damaged_index_is_made_again(house: Settings, content: bytes) -> None:
    put(house, "a.md", "# Um\n\nbanana")
    assert paths(house, "banana") == ["a.md"]
    index = SearchIndex.of(house.home)
    for file in index.path.parent.glob("pages.db*"):
        file.unlink()
    index.path.write_bytes(content)
    assert [hit.path for hit in search(house, "banana")] == ["a.md"]


def test_a_slow_folder_is_looked_through_in_the_background(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    put(house, "a.md", "# Um\n\nbanana")
    assert paths(house, "banana") == ["a.md"]
    monkeypatch.setattr(search_index, "_SLOW_S", -1.0)  # any folder is slow
    monkeypatch.setattr(search_index, "_REST_S", 0.0)
    monkeypatch.setattr(search_index, "_SHARE", 0.0)
    put(house, "b.md", "# Dois\n\nbanana")
    deadline = time.monotonic() + 60
    while len(search(house, "banana")) < 2:
        assert time.monotonic() < deadline, "the new page was never found"
        time.sleep(0.02)


def test_threads_search_while_the_index_is_made_again(house: Settings) -> None:
    for number in range(30):
        put(house, f"{number}.md", f"# Um {number}\n\nbanana")
    index = SearchIndex.of(house.home)
    index.refresh([house.knowledge])

    def ask(_: int) -> int:
        try:
            return len(search(house, "banana", limit=100))
        except TransientError:  # there is a moment without an index, and whoever asks then is told to ask again
            return 0

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(40)]
        for _ in range(3):
            index.rebuild([house.knowledge])
        found = [each.result(timeout=120) for each in asked]
    assert set(found) <= set(range(31))
    assert len(search(house, "banana", limit=100, is_fresh=True)) == 30


def test_of_a_word_that_very_many_pages_have_titles_come_first_then_the_newest(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_look, "SCORED", 5)
    monkeypatch.setattr(search_look, "COMMON", 20)
    for number in range(1, 29):
        put(house, f"n/{number:02}.md", f"---\ndata: 2026-02-{number:02}\n---\n\n# Nota\n\nbanana {'melão' if number == 3 else 'uva'}")
    put(house, "velha.md", "---\ndata: 2020-01-01\n---\n\n# Banana\n\nuva")
    found = paths(house, "banana", limit=4)
    assert found[0] == "velha.md"
    assert found[1:] == ["n/28.md", "n/27.md", "n/26.md"]
    assert paths(house, "banana melões", limit=3)[0] == "n/03.md"  # all words, and the rare one decides
    assert paths(house, "melão figo", limit=3) == ["n/03.md"]
    assert set(paths(house, "melão -uva banana", limit=9)) == {"n/03.md"}


def test_two_processes_index_at_once(house: Settings) -> None:
    labelled.write_others(house.knowledge, 200)
    code = (
        "import sys; from pathlib import Path; from eco_assets.settings import Settings; from notion_sync.search import search\n"
        "home = Settings(home=Path(sys.argv[1]))\n"
        "for _ in range(5): found = search(home, 'custo valor', limit=100, is_fresh=True)\n"
        "print(len(found))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(house.home)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert told[0] == told[1]
    assert SearchIndex.of(house.home).refresh([house.knowledge]).added == 0


def test_the_command(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled.write_pages(house.knowledge)
    monkeypatch.setenv("ECO_HOME", str(house.home))
    shown = CliRunner().invoke(app, ["search", "entregas", "atrasadas", "--agent", "varejo", "--from", "2026-09-01"])
    assert (shown.exit_code, "**entregues** com **atraso**" in shown.output) == (0, True)
    as_json = CliRunner().invoke(app, ["search", "disco cheio", "--kind", "pos", "--limit", "1", "--json"])
    assert '"path": "incidentes/2026-08-12-fila-parada.md"' in as_json.output
    assert CliRunner().invoke(app, ["search", "de"]).exit_code == 1
