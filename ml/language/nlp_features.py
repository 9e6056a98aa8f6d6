"""Language features of reviews: sentiment, complaint class, topic and entities, one row a review, with a column set that never changes.

`features` is a pure function of its rows and the fitted models; it makes the rows of `language.varejo_reviews`, which
`eco_assets/language.py` keeps. The models are fitted elsewhere (`sentiment`, `complaints`, `topics`).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ml.language import complaints
from ml.language.entities import Entity, entities
from ml.language.topics import NO_TOPIC, TopicModel
from ml.model import Predictor

if TYPE_CHECKING:
    from pandas import DataFrame

RULES_VERSION = "1"  # raise it when a rule of `complaints` or `entities` changes, so that old rows are made anew
NEGATIVE_FROM, POSITIVE_TO = 0.6, 0.4
COLUMNS = {
    "review_id": "str",
    "language_version": "str",  # which models and rules made the row
    "characters": "int64",
    "words": "int64",
    "exclamation_marks": "int64",
    "capitals_share": "float64",  # of the letters, 0 to 1
    "p_negative": "float64",  # 0 to 1; missing without a sentiment model
    "sentiment": "str",  # negativo, neutro, positivo; missing without a sentiment model
    "complaint_class": "str",  # one of complaints.CLASSES
    "complaint_by": "str",  # modelo or regras
    "topic_id": "int64",  # -1: no topic
    "topic": "str",  # the top words of the topic; missing for -1
    "topic_share": "float64",  # 0 to 1
    "amount_brl": "float64",  # the largest amount of money that is named
    "mentioned_date": "str",  # the first one, YYYY-MM-DD or --MM-DD
    "order_number": "str",
    "tracking_code": "str",
    "carrier": "str",
    "place_state": "str",  # two letters
    "product": "str",
    "entities": "str",  # JSON list of every mention: kind, text, value, start, end
}


@dataclass(frozen=True)
class LanguageModels:
    """What `features` looks through: fitted topics, and the two classifiers where they are there, each with its version's name."""

    topics: TopicModel | None = None
    sentiment: Predictor | None = None
    sentiment_version: str = ""
    complaint: Predictor | None = None
    complaint_version: str = ""

    @property
    def version(self) -> str:
        """12 hex digits that change with a model or a rule. A row with another version is made anew."""
        topics = "" if self.topics is None else self.topics.digest
        parts = "\0".join([RULES_VERSION, topics, self.sentiment_version, self.complaint_version])
        return hashlib.sha256(parts.encode()).hexdigest()[:12]


def features(frame: DataFrame, models: LanguageModels | None = None) -> DataFrame:
    """The language features of each review.

    Args:
        frame: `review_id`, `text`; a missing text counts as empty.
        models: without them sentiment and topic are missing and the complaint class comes from the rules.

    Returns:
        The columns `COLUMNS` with their types, one row a row of `frame`, in its order. A row depends on its own text alone, so the rows of
        a part are the part of the rows: the table may be made incrementally by `review_id` and `language_version`.
    """
    import pandas as pd

    used = models or LanguageModels()
    texts = [None if text is None or text != text else str(text) for text in frame["text"]]
    asked = pd.DataFrame({"text": texts}, dtype=object)
    rows = pd.DataFrame([{**_shape(text), **_mentions(text)} for text in texts], index=asked.index)
    rows = rows.assign(
        review_id=[str(key) for key in frame["review_id"]], language_version=used.version, p_negative=float("nan"), sentiment=None
    )
    if used.sentiment is not None:
        rows["p_negative"] = used.sentiment.predict(asked)["p_negative"]
        rows["sentiment"] = [_mood(value) for value in rows["p_negative"]]
    if used.complaint is None:
        rows = rows.assign(complaint_class=[complaints.by_rules(text) for text in texts], complaint_by="regras")
    else:
        rows = rows.assign(complaint_class=list(used.complaint.predict(asked)["complaint_class"]), complaint_by="modelo")
    return _typed(_with_topics(rows, texts, used.topics))


def missing(frame: DataFrame, existing: DataFrame, version: str) -> DataFrame:
    """The rows of `frame` that a table with `review_id` and `language_version` lacks, or has of another version."""
    done = set(existing.loc[existing["language_version"] == version, "review_id"])
    return frame[~frame["review_id"].isin(done)]


def _shape(text: str | None) -> dict[str, object]:
    said = text or ""
    letters = [mark for mark in said if mark.isalpha()]
    return {
        "characters": len(said),
        "words": len(re.findall(r"\w+", said)),
        "exclamation_marks": said.count("!"),
        "capitals_share": sum(mark.isupper() for mark in letters) / len(letters) if letters else 0.0,
    }


def _mentions(text: str | None) -> dict[str, object]:
    found = entities(text)

    def first(kind: str) -> str | None:
        return next((each.value for each in found if each.kind == kind), None)

    amounts = [float(each.value) for each in found if each.kind == "money"]
    return {
        "amount_brl": max(amounts, default=float("nan")),
        "mentioned_date": first("date"),
        **{kind: first(kind) for kind in ("order_number", "tracking_code", "carrier", "product")},
        "place_state": first("place"),
        "entities": json.dumps([_listed(each) for each in found], ensure_ascii=False),
    }


def _listed(each: Entity) -> dict[str, object]:
    fields = asdict(each)
    return {name: fields[name] for name in ("kind", "text", "value", "start", "end")}


def _mood(p_negative: float) -> str:
    return "negativo" if p_negative >= NEGATIVE_FROM else "positivo" if p_negative <= POSITIVE_TO else "neutro"


def _with_topics(rows: DataFrame, texts: list[str | None], topics: TopicModel | None) -> DataFrame:
    if topics is None:
        return rows.assign(topic_id=NO_TOPIC, topic=None, topic_share=0.0)
    import pandas as pd

    number, share = topics.assign(texts)
    return rows.assign(
        topic_id=number,
        topic=pd.Series([topics.names[at] if at >= 0 else None for at in number], index=rows.index, dtype=object),
        topic_share=share,
    )


def _typed(rows: DataFrame) -> DataFrame:
    return rows.reindex(columns=list(COLUMNS)).astype(COLUMNS)
