"""The complaint class in SQL is the one of the rules in Python, pattern by pattern and text by text."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from jinja2 import Environment

from eco_assets.settings import PROJECT_ROOT
from eco_assets.twin.generate import generate
from ml.language.complaints import CONTENT, DELIVERY, QUALITY, by_rules

SAID = {
    "Não recebi o produto até agora!": DELIVERY,
    "Veio com defeito, qualidade PÉSSIMA": QUALITY,
    "Entregue antes do prazo, recomendo": CONTENT,
    "NÃO CHEGOU e o produto anterior veio quebrado, atrasado": DELIVERY,
    "ok": CONTENT,
    "é diferente da foto, mas o atendimento foi ótimo, gostei, perfeito": CONTENT,
}


def by_sql(texts: list[str]) -> list[str]:
    source = (PROJECT_ROOT / "dbt_project" / "macros" / "complaint_class.sql").read_text(encoding="utf-8")
    macro = Environment(extensions=["jinja2.ext.do"], autoescape=False).from_string(source)  # noqa: S701 -- makes SQL, not HTML
    query = f"SELECT {macro.module.complaint_class('text')} FROM said ORDER BY place"  # type: ignore[attr-defined]
    with duckdb.connect() as db:
        db.register("said", pd.DataFrame({"place": range(len(texts)), "text": texts}))
        return [row[0] for row in db.execute(query).fetchall()]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Comments of the public file where it is there, else of the twin."""
    public = Path(PROJECT_ROOT).parent / "shared" / "data" / "varejo"
    name = "olist_order_reviews_dataset.csv"
    found = next(public.rglob(name), None) if public.is_dir() else None
    if found is None:
        root = tmp_path_factory.mktemp("twin")
        generate(root, scale=0.1)
        found = next(root.rglob(name))
    return pd.read_csv(found, usecols=["review_comment_message"])["review_comment_message"].dropna().tolist()


def test_both_call_texts_alike(written: list[str]) -> None:
    texts = [*SAID, *written]
    assert len(texts) > 100
    found = by_sql(texts)
    assert found[: len(SAID)] == list(SAID.values())
    assert [(text, sql) for text, sql in zip(texts, found, strict=True) if sql != by_rules(text)] == []
