"""What every text model shares: folding, TF-IDF vectors, the stable held-out share, and contributions told in words.

Add here what two text modules need. Estimators stay in their family; vectors of language models are in `embeddings.py`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame
    from scipy.sparse import csr_matrix

WORD = r"(?u)\b\w+\b|[!?]+|\.\.+"  # runs of punctuation are words: "!!!" and "..." raised the dev macro-F1 by 0.004
LETTERS = (2, 5)
NOT_SAID = "(words not said)"
EXPLAINED_WORDS = 12


def fold(text: object) -> str:
    """Lower case without accents; a missing text is empty."""
    if text is None or text != text:
        return ""
    return "".join(mark for mark in unicodedata.normalize("NFKD", str(text).lower()) if not unicodedata.combining(mark))


def folded(frame: DataFrame, column: str = "text") -> list[str]:
    """The folded texts of a frame."""
    return [fold(text) for text in frame[column]]


def is_held_out(keys: Iterable[object], share: float) -> np.ndarray:
    """True for about `share` of the keys, by their hash: a key that is held out today is held out on every later day."""
    import numpy as np

    limit = int(share * 2**32)
    return np.array([int.from_bytes(hashlib.sha256(str(key).encode()).digest()[:4], "big") < limit for key in keys], dtype=bool)


@dataclass(frozen=True)
class TextVectors:
    """Fitted TF-IDF on words and word pairs, beside n-grams of letters inside words (they survive typing errors)."""

    words: Any
    letters: Any

    @classmethod
    def fit(cls, texts: Sequence[str]) -> tuple[TextVectors, csr_matrix]:
        """The vectors fitted on folded `texts`, and the matrix of those texts, shape (texts, terms)."""
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(lowercase=False, token_pattern=WORD, ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        letters = TfidfVectorizer(lowercase=False, analyzer="char_wb", ngram_range=LETTERS, min_df=3, sublinear_tf=True)
        matrix = hstack([words.fit_transform(texts), letters.fit_transform(texts)]).tocsr()
        for made in (words, letters):
            made._stop_words_id = None  # the id of an object of this process: pickles of equal models would differ
        return cls(words, letters), matrix

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """The matrix of folded `texts`, shape (texts, terms)."""
        from scipy.sparse import hstack

        return hstack([self.words.transform(texts), self.letters.transform(texts)]).tocsr()

    def told(self, text: str, parts: np.ndarray) -> dict[str, float]:
        """Term contributions told in words: letters count for the words that they stand in, pairs for themselves.

        Args:
            text: one folded text.
            parts: contribution of each term, shape (terms,), zero for a term that the text does not hold.

        Returns:
            Contribution by word or word pair; their sum is the sum of `parts`.
        """
        split = len(self.words.vocabulary_)
        said: dict[str, float] = defaultdict(float)
        for term in set(self.words.build_analyzer()(text)) & self.words.vocabulary_.keys():
            said[term] += float(parts[self.words.vocabulary_[term]])
        places = _letters_by_word(self.letters, text)
        for gram, counts in places.items():
            at = self.letters.vocabulary_.get(gram)
            if at is not None:
                for word, count in counts.items():
                    said[word] += float(parts[split + at]) * count / counts.total()
        return {word: value for word, value in said.items() if value}


def _letters_by_word(letters: Any, text: str) -> dict[str, Counter[str]]:
    """How often each n-gram of letters stands in which word."""
    cut = letters.build_analyzer()
    places: dict[str, Counter[str]] = defaultdict(Counter)
    for word in text.split():  # char_wb cuts at white space, so words apart give the n-grams of the whole
        for gram in cut(word):
            places[gram][word.strip(".,;:!?()\"'") or word] += 1
    return places


def told_rows(vectors: TextVectors, texts: Sequence[str], weights: np.ndarray, mean: np.ndarray) -> list[dict[str, float]]:
    """Exact contributions of a linear score in words, one dictionary a text.

    A term contributes weight x (value - mean value), so the parts and the score of the mean text add up to the score.

    Args:
        vectors: fitted vectors.
        texts: folded texts.
        weights: shape (terms,), or (texts, terms) where each text has weights of its own.
        mean: mean value of each term over the training texts, shape (terms,).

    Returns:
        The words with the largest contributions; the terms that the text does not hold, with the smaller ones, are `(words not said)`.
    """
    import numpy as np

    matrix = vectors.transform(texts)
    rows = []
    for at, text in enumerate(texts):
        weight = weights if weights.ndim == 1 else weights[at]
        value = matrix[at].toarray().ravel()
        parts = np.where(value > 0, weight * (value - mean), 0.0)
        said = vectors.told(text, parts)
        largest = dict(sorted(said.items(), key=lambda item: (-abs(item[1]), item[0]))[:EXPLAINED_WORDS])
        rows.append({**largest, NOT_SAID: float((weight * (value - mean)).sum()) - sum(largest.values())})
    return rows


def explanation(rows: Sequence[dict[str, float]], texts: Sequence[str], base: Sequence[float]) -> DataFrame:
    """The table of `Predictor.explain` from contributions told in words; `value` is how often the folded text says the word.

    Unlike `contributions.long_table` every row has features of its own: the words of its text.
    """
    import pandas as pd

    from ml.contributions import BASE, COLUMNS

    found = [
        (at, feature, "" if feature.startswith("(") else str(text.count(feature)), value)
        for at, (row, text) in enumerate(zip(rows, texts, strict=True))
        for feature, value in sorted({**row, BASE: base[at]}.items(), key=lambda item: (-abs(item[1]), item[0]))
    ]
    return pd.DataFrame(found, columns=COLUMNS)
