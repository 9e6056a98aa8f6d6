"""Language features of reviews: a stable set of columns, rows that depend on themselves alone, topics that keep their number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml.language import nlp_features, sentiment
from ml.language.entities import KINDS, entities
from ml.language.nlp_features import COLUMNS, LanguageModels
from ml.language.topics import fit_topics

THEMES = {
    "entrega": ["entrega", "atrasada", "prazo", "correios", "chegou", "esperando"],
    "qualidade": ["produto", "defeito", "quebrado", "qualidade", "troca", "fraco"],
    "elogio": ["adorei", "excelente", "recomendo", "loja", "parabens", "otimo"],
}


def written(count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    themes = [str(rng.choice(list(THEMES))) for _ in range(count)]
    texts = [" ".join(rng.choice(THEMES[theme], 4, replace=False)) for theme in themes]
    return pd.DataFrame({"review_id": [f"r{seed}-{number}" for number in range(count)], "text": texts, "theme": themes})


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return written(300, seed=1)


@pytest.fixture(scope="module")
def models(rows: pd.DataFrame, reviews: pd.DataFrame) -> LanguageModels:
    return LanguageModels(fit_topics(list(rows["text"]), topics=3), sentiment.fit(reviews, seed=7), "1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paguei R$ 1.299,90 à vista", [("money", "1299.90")]),
        ("custou 39,90 reais", [("money", "39.90")]),
        ("entrega em 12/03/2018, e não 31/02", [("date", "2018-03-12")]),
        ("chegou dia 5 de maio", [("date", "--05-05")]),
        ("pedido nº 123456 não chegou", [("order_number", "123456")]),
        ("rastreio AA123456789BR dos Correios", [("tracking_code", "AA123456789BR"), ("carrier", "Correios")]),
        ("moro em Belém, a capinha foi para Juazeiro - BA", [("place", "PA"), ("product", "capinha"), ("place", "BA")]),
        ("o fone de ouvido", [("product", "fone de ouvido")]),
        ("a mesa, para se usar no natal", [("product", "mesa")]),
        ("liguei 11 vezes, nota 10", []),
        (None, []),
    ],
)
def test_entities_are_found_with_their_normal_form(text: str | None, expected: list[tuple[str, str]]) -> None:
    found = entities(text)
    assert [(each.kind, each.value) for each in found] == expected
    assert {each.kind for each in found} <= set(KINDS)


def test_an_entity_says_where_it_stands() -> None:
    (one,) = entities("veio pela JADLOG ontem")
    assert (one.start, one.end, one.text) == (10, 16, "jadlog")


def test_the_columns_are_the_same_with_and_without_models_and_rows(rows: pd.DataFrame, models: LanguageModels) -> None:
    made = [nlp_features.features(rows.head(2), models), nlp_features.features(rows.head(2)), nlp_features.features(rows.head(0), models)]
    for table in made:
        assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS


def test_a_part_of_the_rows_gives_the_part_of_the_features(rows: pd.DataFrame, models: LanguageModels) -> None:
    whole = nlp_features.features(rows, models)
    part = nlp_features.features(rows.iloc[100:120], models)
    pd.testing.assert_frame_equal(whole.iloc[100:120].reset_index(drop=True), part)


def test_a_review_says_its_mood_its_complaint_and_what_it_names(models: LanguageModels) -> None:
    frame = pd.DataFrame({"review_id": ["a", "b"], "text": ["PÉSSIMO, não recebi! pedido 123456, R$ 10 e R$ 20,50", None]})
    first, second = nlp_features.features(frame, models).to_dict("records")
    assert first["sentiment"] == "negativo"
    assert first["complaint_class"] == "problemas_de_entrega"
    assert (first["order_number"], first["amount_brl"], first["exclamation_marks"]) == ("123456", 20.5, 1)
    assert first["complaint_by"] == "regras"
    assert (second["words"], second["entities"], second["topic_id"]) == (0, "[]", -1)


def test_topics_follow_what_people_write_about(rows: pd.DataFrame, models: LanguageModels) -> None:
    made = nlp_features.features(rows, models).assign(theme=rows["theme"])
    purest = made.groupby("theme")["topic_id"].agg(lambda numbers: numbers.value_counts(normalize=True).iloc[0])
    assert (purest > 0.95).all()
    assert made.groupby("theme")["topic_id"].agg(lambda numbers: numbers.mode()[0]).nunique() == 3
    for theme, topic in made.groupby("theme")["topic"].agg(lambda names: names.mode()[0]).items():
        assert set(topic.split(", ")) <= set(THEMES[str(theme)])


def test_a_topic_keeps_its_number_when_texts_come_in(rows: pd.DataFrame, models: LanguageModels) -> None:
    later = pd.concat([rows, written(500, seed=2).query("theme != 'entrega'")])  # other sizes, so another order by size
    assert models.topics is not None
    again = fit_topics(list(later["text"]), topics=3, previous=models.topics)
    before, after = models.topics.assign(list(rows["text"]))[0], again.assign(list(rows["text"]))[0]
    assert (before == after).mean() > 0.95


def test_the_order_of_the_texts_does_not_matter(rows: pd.DataFrame, models: LanguageModels) -> None:
    assert models.topics is not None
    again = fit_topics(list(rows["text"].sample(frac=1, random_state=3)), topics=3)
    assert again.names == models.topics.names
    assert LanguageModels(again, models.sentiment, "1").version == models.version


def test_too_few_texts_have_no_topics() -> None:
    with pytest.raises(DataRejected, match="load more reviews"):
        fit_topics(["bom"] * 10)
    with pytest.raises(DataRejected, match="load more reviews"):
        fit_topics([f"palavra{number}" for number in range(60)])


def test_only_missing_rows_and_rows_of_other_models_are_made_anew(rows: pd.DataFrame, models: LanguageModels) -> None:
    existing = nlp_features.features(rows.head(10), models)
    assert len(nlp_features.missing(rows.head(12), existing, models.version)) == 2
    retrained = LanguageModels(models.topics, models.sentiment, "2")
    assert len(nlp_features.missing(rows.head(12), existing, retrained.version)) == 12
