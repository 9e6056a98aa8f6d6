"""Complaint class of a Portuguese review: content with the order, a problem of delivery, or a problem of quality.

A multinomial logistic regression on the words (`fit`, `train`) where people have labelled reviews, and rules of folded word stems
(`by_rules`) where nobody has. Sentiment stays in `sentiment.py`; topics without labels in `topics.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml import figures
from ml.language.text import TextVectors, explanation, fold, folded, is_held_out, told_rows
from ml.model import Predictor, Trained
from ml.probability_scores import FLOOR
from ml.slices import slice_table
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

CONTENT, DELIVERY, QUALITY = "satisfeito_com_pedido", "problemas_de_entrega", "problemas_de_qualidade"
CLASSES = (DELIVERY, QUALITY, CONTENT)
TEST_SHARE = 0.2
MIN_ROWS, MIN_PER_CLASS = 60, 10
STRENGTH = 4.0  # inverse regularisation C; 4 and 10 with and without class weights differed by 0.001 macro-F1 where classes are balanced
SLICE_KEYS = ("category", "customer_state")
# Stems of what people write about a delivery or a product that went wrong; written down before any label was looked at.
DELIVERY_WORDS = re.compile(
    r"nao (me )?(recebi|chegou|veio|foi entregue|entreg)|ainda nao|ate (agora|hoje|o momento)|atras|demor|extravi|fora do prazo|correio"
    r"|prazo (venc|expir|estour)|transportadora|so (recebi|chegou|veio) (um|uma|1|metade|parte)|falt(a|ou|ando)|parcial|incomplet|rastre"
)
QUALITY_WORDS = re.compile(
    r"defeit|quebrad|qualidade|ruim|pessim|horrivel|estrag|danific|rasgad|amassad|nao funciona|parou de funcionar|nao liga|falsific|pirata"
    r"|diferente|errad|troca|devol|nao (e|era) (o|a) (que|mesm)|trincad|riscad|arranhad|veio com|frac[ao]|decepcion|nao gostei"
)
CONTENT_WORDS = re.compile(
    r"recomend|otim|excelent|adorei|amei|gostei|perfeit|parabens|antes do prazo|dentro do prazo|satisfeit|rapid|tudo certo|muito bo[ma]"
)


@dataclass(frozen=True)
class ComplaintModel:
    """Fitted vectors and one row of coefficients a class of `CLASSES`; `mean` is the mean training review."""

    vectors: TextVectors
    coefficients: np.ndarray
    intercepts: np.ndarray
    mean: np.ndarray

    def predict(self, frame: DataFrame) -> DataFrame:
        """`complaint_class` and its probability `p_class`, and `p_<class>` for each class; the index is that of `frame`."""
        from scipy.special import softmax

        return _called(softmax(self._scores(folded(frame)), axis=1), frame)

    def explain(self, frame: DataFrame) -> DataFrame:
        """What each word adds to the score of the class that is called (log-odds up to a constant of the row); see `Predictor.explain`."""
        texts = folded(frame)
        called = self._scores(texts).argmax(axis=1)
        rows = told_rows(self.vectors, texts, self.coefficients[called], self.mean)
        base = self.intercepts + self.coefficients @ self.mean
        return explanation(rows, texts, [float(base[at]) for at in called])

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss of each review, in the order of `held_out`."""
        return _losses(self, held_out)

    def _scores(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        if not texts:
            return np.zeros((0, len(CLASSES)))
        scores: np.ndarray = self.vectors.transform(texts) @ self.coefficients.T + self.intercepts
        return scores


@dataclass(frozen=True)
class Majority:
    """The naive baseline: the shares of the classes that were seen, in the order of `CLASSES`."""

    shares: tuple[float, ...]

    def predict(self, frame: DataFrame) -> DataFrame:
        """The most frequent class for every row."""
        import numpy as np

        return _called(np.tile(self.shares, (len(frame), 1)), frame)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Nothing but the base."""
        import numpy as np

        return explanation([{}] * len(frame), folded(frame), [float(np.log(max(self.shares)))] * len(frame))

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss of each review, in the order of `held_out`."""
        return _losses(self, held_out)


def by_rules(text: object) -> str:
    """The class by word stems alone; delivery goes before quality, and a text that says neither is content.

    On the 1,711 labelled reviews of the public file `quality_text` measures it beside the trained model.
    """
    said = fold(text)
    delivery, quality, content = (len(words.findall(said)) for words in (DELIVERY_WORDS, QUALITY_WORDS, CONTENT_WORDS))
    if content > delivery + quality or not delivery + quality:
        return CONTENT
    return DELIVERY if delivery >= quality else QUALITY


def fit(frame: DataFrame, *, seed: int = 0) -> ComplaintModel:
    """Fit on labelled reviews. Nothing is random; `seed` is there because every family takes one.

    Args:
        frame: `text`, `complaint_class` (one of `CLASSES`).
        seed: not used.

    Raises:
        DataRejected: fewer than 60 reviews, fewer than 10 of a class, or a class that is not known.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    labelled = _labelled(frame)
    with one_thread():
        vectors, matrix = TextVectors.fit(folded(labelled))
        found = LogisticRegression(C=STRENGTH, max_iter=500, class_weight="balanced").fit(matrix, labelled["complaint_class"])
    order = [list(found.classes_).index(name) for name in CLASSES]
    return ComplaintModel(vectors, found.coef_[order], found.intercept_[order], np.asarray(matrix.mean(axis=0)).ravel())


def evaluate(model: Predictor, held_out: DataFrame) -> dict[str, float]:
    """`accuracy`, `macro_f1` over the three classes, and `log_loss`."""
    called = model.predict(held_out)["complaint_class"]
    return {
        "accuracy": float((called == held_out["complaint_class"]).mean()),
        "macro_f1": _macro_f1(held_out.assign(called=called)),
        "log_loss": float(model.losses(held_out).mean()),
    }


def train(frame: DataFrame, *, seed: int = 0) -> Trained:
    """Fit on four fifths of the reviews, measure on the rest (by a hash of `review_id`), then fit on all.

    Args:
        frame: `review_id`, `text`, `complaint_class`; `category` and `customer_state`, where there, make slices.
        seed: see `fit`.

    Raises:
        DataRejected: see `fit`.
    """
    from sklearn.metrics import confusion_matrix

    labelled = _labelled(frame)
    is_last = is_held_out(labelled["review_id"], TEST_SHARE)
    first, held_out = labelled[~is_last].reset_index(drop=True), labelled[is_last].reset_index(drop=True)
    judged = fit(first, seed=seed)
    baseline = Majority(tuple(float((first["complaint_class"] == name).mean()) for name in CLASSES))
    called = held_out.assign(called=judged.predict(held_out)["complaint_class"])
    counts = confusion_matrix(called["complaint_class"], called["called"], labels=list(CLASSES))
    params: dict[str, Any] = {"rows": len(labelled), "test_rows": len(held_out), "C": STRENGTH, "class_weight": "balanced", "seed": seed}
    return Trained(
        model=fit(labelled, seed=seed),
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out),
        baseline=evaluate(baseline, held_out),
        params=params,
        primary_metric="macro_f1",
        higher_is_better=True,
        input_example=labelled[["text"]].head(3),
        slices=slice_table(called, [key for key in SLICE_KEYS if key in called], _macro_f1, metric="macro_f1"),
        figures={"confusion_matrix": figures.confusion(counts, [name.split("_")[-1] for name in CLASSES])},
    )


def _labelled(frame: DataFrame) -> DataFrame:
    labelled = frame[frame["complaint_class"].notna() & frame["text"].notna()]
    sizes = labelled["complaint_class"].value_counts().reindex(list(CLASSES), fill_value=0)
    if unknown := set(labelled["complaint_class"]) - set(CLASSES):
        raise DataRejected(f"complaint class {sorted(unknown)[0]!r} is not known: the classes are {', '.join(CLASSES)}")
    if len(labelled) < MIN_ROWS or sizes.min() < MIN_PER_CLASS:
        raise DataRejected(
            f"complaint classes need {MIN_ROWS} labelled reviews with at least {MIN_PER_CLASS} of each class, got {len(labelled)} with "
            f"{sizes.min()} of {sizes.idxmin()}: have more reviews labelled, or use by_rules"
        )
    return labelled.sort_values([name for name in ("review_id", "text", "complaint_class") if name in labelled], ignore_index=True)


def _called(probability: np.ndarray, frame: DataFrame) -> DataFrame:
    import numpy as np
    import pandas as pd

    best = probability.argmax(axis=1) if len(frame) else np.zeros(0, dtype=int)
    shares = {f"p_{name}": probability[:, at] for at, name in enumerate(CLASSES)}
    return pd.DataFrame(
        {"complaint_class": np.array(CLASSES, dtype=object)[best], "p_class": probability.max(axis=1, initial=0.0), **shares},
        index=frame.index,
    )


def _losses(model: Predictor, held_out: DataFrame) -> np.ndarray:
    import numpy as np

    shares = model.predict(held_out)[[f"p_{name}" for name in CLASSES]].to_numpy()
    at = [CLASSES.index(name) for name in held_out["complaint_class"]]
    return np.asarray(-np.log(np.clip(shares[np.arange(len(at)), at], FLOOR, 1)))


def _macro_f1(rows: DataFrame) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(rows["complaint_class"], rows["called"], labels=list(CLASSES), average="macro", zero_division=0))
