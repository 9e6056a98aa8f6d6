"""Reports of a user's own: a YAML file becomes a page; what is malformed is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from eco_assets.errors import ConfigError, PermanentError
from eco_assets.own_reports import page, read_reports
from notion_sync.documents.markdown_writer import to_markdown

DAY = date(2026, 10, 31)
GOOD = """
title: Cupons do dia
description: Coupons of the day.
sections:
  - heading: Por canal
    text: Quanto cada canal usou.
    query: SELECT channel AS "Canal", amount AS "Valor", mail AS "email", used AS "Usado" FROM coupons WHERE day = $as_of ORDER BY 1
    chart: bars
"""


def written(folder: Path, agent: str, text: str) -> Path:
    (folder / agent).mkdir(parents=True)
    (folder / agent / "coupons.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def db() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("""CREATE TABLE coupons AS SELECT * FROM (VALUES
        ('app', 12.5, 'ana@exemplo.com.br', true, DATE '2026-10-31'), ('site', 3.0, NULL, false, DATE '2026-10-31'),
        ('loja', 9.0, NULL, true, DATE '2026-10-30')) t(channel, amount, mail, used, day)""")
    return connection


def test_a_report_shows_its_querys_rows_of_the_day_with_a_chart_and_no_personal_data(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    (report,) = read_reports(written(tmp_path, "varejo", GOOD))
    rendered = page(report, db, DAY)
    text = to_markdown(rendered.document)
    assert rendered.path == "relatorios/2026-10-31/varejo-coupons.md"
    assert "| app | 12,5 | (texto omitido) | sim |" in text
    assert "loja" not in text
    assert "ana@" not in text
    assert [content[:4] for content in rendered.images.values()] == [b"\x89PNG"]


def test_a_day_without_rows_says_so(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    (report,) = read_reports(written(tmp_path, "varejo", GOOD))
    rendered = page(report, db, date(2026, 1, 1))
    assert "Sem dados neste dia." in to_markdown(rendered.document)
    assert not rendered.images


@pytest.mark.parametrize(
    ("agent", "text", "words"),
    [
        ("varejo", GOOD.replace("chart: bars", "chart: pie"), "chart"),
        ("varejo", "title: [", "coupons.yaml"),
        ("vendas", GOOD, "no agent 'vendas'"),
    ],
)
def test_a_malformed_report_is_named(tmp_path: Path, agent: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        list(read_reports(written(tmp_path, agent, text)))


def test_a_query_that_fails_names_its_section(tmp_path: Path, db: duckdb.DuckDBPyConnection) -> None:
    (report,) = read_reports(written(tmp_path, "varejo", GOOD.replace("FROM coupons", "FROM nowhere")))
    with pytest.raises(PermanentError, match="Por canal"):
        page(report, db, DAY)
