"""Topics of Portuguese texts without labels: NMF on word TF-IDF, named by their top words, with numbers that stay the same over time.

Method: non-negative matrix factorisation (Lee and Seung 1999) from a deterministic start (NNDSVD, Boutsidis and Gallopoulos 2008).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml.language.text import fold
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np

TOPICS = 8
NAME_WORDS = 3
MIN_TEXTS = 50
MAX_SHARE = 0.5  # a word in more than half of the texts names nothing
NO_TOPIC = -1
_STOP_WORDS = (  # folded, three letters or more; shorter words are no words of a topic
    "aos ate com como das dela dele deles dos ela elas ele eles entre era essa essas esse esses esta estao estas este estes estou foi "
    "foram fui isso isto lhe mais mas mesmo meu meus minha minhas muita muito muitos nas nem nos nossa nosso num numa para pela pelas pelo "
    "pelos pois por porem porque pra qual quando que quem sem ser sera seu seus sua suas tambem tem tenho ter teve tinha toda todas todo "
    "todos tudo uma umas uns vai voce voces vou"
)


@dataclass(frozen=True)
class TopicModel:
    """Fitted topics. `names[i]` are the top words of topic i; `parts` has shape (topics, words of the vocabulary)."""

    words: Any
    parts: np.ndarray
    names: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Equal for equal topics: vocabulary, and parts to six decimals."""
        import numpy as np

        words = "\0".join(sorted(self.words.vocabulary_))
        return hashlib.sha256(words.encode() + (np.round(self.parts, 6) + 0.0).tobytes()).hexdigest()

    def assign(self, texts: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
        """The topic of each text and its share of the text (0 to 1); -1 and 0 where no word of any topic is said."""
        import numpy as np

        if not len(texts):
            return np.zeros(0, dtype=int), np.zeros(0)
        weights = np.asarray(self.words.transform([fold(text) for text in texts]) @ self._unit().T)
        total = weights.sum(axis=1)
        best = weights.argmax(axis=1)
        share = np.divide(weights.max(axis=1), total, out=np.zeros(len(total)), where=total > 0)
        return np.where(total > 0, best, NO_TOPIC), share

    def _unit(self) -> np.ndarray:
        return _unit_rows(self.parts)


def fit_topics(texts: Sequence[object], *, topics: int = TOPICS, previous: TopicModel | None = None) -> TopicModel:
    """Topics of `texts`; the order of the texts does not matter.

    Args:
        texts: at least 50; a missing one is left out.
        topics: how many.
        previous: an older model: a topic that is still there keeps its number (the pairing with the highest sum of cosines).

    Raises:
        DataRejected: fewer than 50 texts, or hardly any word is said twice.
    """
    import numpy as np
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    said = sorted(folded for folded in map(fold, texts) if folded)
    if len(said) < MIN_TEXTS:
        raise DataRejected(f"topics need {MIN_TEXTS} texts, got {len(said)}: load more reviews")
    pattern = r"(?u)\b[^\W\d_]{3,}\b"
    words = TfidfVectorizer(
        lowercase=False, token_pattern=pattern, stop_words=_STOP_WORDS.split(), min_df=3, max_df=MAX_SHARE, sublinear_tf=True
    )
    try:
        matrix = words.fit_transform(said)
    except ValueError as error:  # what scikit-learn raises when no word is left
        raise DataRejected(f"topics: no word is said in three of the {len(said)} texts: load more reviews") from error
    if min(matrix.shape) <= topics:
        raise DataRejected(f"topics: {matrix.shape[1]} words in three texts or more are too few for {topics} topics: load more reviews")
    words._stop_words_id = None  # the id of an object of this process: pickles of equal models would differ
    with one_thread():
        found = NMF(topics, init="nndsvda", random_state=0, max_iter=300, tol=1e-3)
        sizes = found.fit_transform(matrix).sum(axis=0)
    parts = found.components_[np.argsort(-sizes, kind="stable")]
    names = words.get_feature_names_out()
    if previous is not None:
        parts = parts[_like(previous, parts, names)]
    return TopicModel(words, parts, tuple(", ".join(names[np.argsort(-part, kind="stable")[:NAME_WORDS]]) for part in parts))


def _like(previous: TopicModel, parts: np.ndarray, names: np.ndarray) -> np.ndarray:
    """The order of `parts` in which the topics resemble the earlier ones most."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    place = {name: at for at, name in enumerate(names)}
    before = np.zeros((len(previous.parts), len(names)))
    for name, at in previous.words.vocabulary_.items():
        if name in place:
            before[:, place[name]] = previous.parts[:, at]
    earlier, now = linear_sum_assignment(-_unit_rows(before) @ _unit_rows(parts).T)
    kept = list(now[np.argsort(earlier)])
    return np.array(kept + [at for at in range(len(parts)) if at not in set(kept)])


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    import numpy as np

    unit: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
