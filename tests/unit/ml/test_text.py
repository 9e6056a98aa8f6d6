"""What text models share: folding, who is held out, and contributions that add up."""

from __future__ import annotations

import numpy as np
import pytest

from ml.language.text import NOT_SAID, TextVectors, fold, is_held_out, told_rows

TEXTS = ["nao recebi o produto", "adorei o produto!!!", "nao gostei, nao recomendo", "adorei, recomendo!!!", "o produto nao veio"] * 3


def test_folding_removes_accents_and_capitals_and_a_missing_text_is_empty() -> None:
    assert [fold(text) for text in ("NÃO É BOM", None, float("nan"), "Ação…")] == ["nao e bom", "", "", "acao..."]


def test_who_is_held_out_depends_on_the_key_alone() -> None:
    keys = [f"r{number}" for number in range(2000)]
    chosen = is_held_out(keys, 0.2)
    assert chosen.mean() == pytest.approx(0.2, abs=0.03)
    assert (is_held_out(keys[::-1], 0.2)[::-1] == chosen).all()


def test_words_told_add_up_to_the_score_however_it_is_written() -> None:
    vectors, matrix = TextVectors.fit(TEXTS)
    weights = np.random.default_rng(0).normal(size=matrix.shape[1])
    mean = np.asarray(matrix.mean(axis=0)).ravel()
    asked = ["nao recebi nada, nao mesmo...", "", "produtoo adorei!!!", "palavras nunca vistas"]
    rows = told_rows(vectors, asked, weights, mean)
    scores = vectors.transform(asked) @ weights - float(mean @ weights)
    assert [sum(row.values()) for row in rows] == pytest.approx(list(scores))
    assert set(rows[1]) == {NOT_SAID}


def test_punctuation_is_a_word() -> None:
    vectors, _ = TextVectors.fit(TEXTS)
    assert "!!!" in vectors.words.vocabulary_
