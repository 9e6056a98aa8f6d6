"""Keeps the language features of reviews up to date (`ml/language/nlp_features.py`): new reviews, or all when a model or a rule changed.

The table is `language.varejo_reviews` of the lake. `entities`, `order_number` and `tracking_code` quote what a customer wrote: they
are personal data, so the table is read by models and is on no page.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from eco_assets.errors import DataRejected, NotFound

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

    from eco_assets.platform import Platform
    from ml.language.topics import TopicModel

TABLE = "language.varejo_reviews"
SENTIMENT = "varejo_review_sentiment"
GROWN = 1.25  # topics are fitted again when there are this many times the texts that they were fitted on
_TEXTS = """
    SELECT review_id, min(text) AS text FROM staging.stg_varejo__review_texts
    WHERE created_at < CAST($as_of AS DATE) + 1 GROUP BY 1 ORDER BY 1"""


@dataclass(frozen=True)
class Updated:
    """What an update did: rows made now, rows in all, the topics' names, the version of models and rules."""

    made: int
    rows: int
    topics: tuple[str, ...]
    version: str


def update(platform: Platform, as_of: date) -> Updated:
    """Make the rows that are missing for the reviews known at the end of a day."""
    from ml.language.nlp_features import LanguageModels, features, missing

    texts = platform.lake.frame(_TEXTS, {"as_of": as_of})
    try:
        model, version = platform.registry.load(SENTIMENT, as_of=as_of)
    except NotFound:
        model, version = None, None
    topics = _topics(platform, texts)
    models = LanguageModels(topics, model, version.version if version else "")
    existing = _existing(platform)
    fresh = missing(texts, existing, models.version)
    made = features(fresh, models)

    def write(db: DuckDBPyConnection) -> int:
        db.register("made", made)
        db.execute("CREATE SCHEMA IF NOT EXISTS language")
        db.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} AS SELECT * FROM made LIMIT 0")
        db.execute(f"DELETE FROM {TABLE} WHERE review_id IN (SELECT review_id FROM made)")
        db.execute(f"INSERT INTO {TABLE} BY NAME SELECT * FROM made")
        row = db.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
        return int(row[0]) if row else 0

    rows = platform.lake.commit(write) if len(made) else len(existing)
    return Updated(len(made), rows, topics.names if topics else (), models.version)


def _existing(platform: Platform) -> pd.DataFrame:
    import duckdb
    import pandas as pd

    try:
        return platform.lake.frame(f"SELECT review_id, language_version FROM {TABLE}")
    except duckdb.CatalogException:  # the first time
        return pd.DataFrame({"review_id": [], "language_version": []}, dtype=str)


def _topics(platform: Platform, texts: pd.DataFrame) -> TopicModel | None:
    """The topics as they were fitted, or fitted again with their numbers kept; None while there are too few texts."""
    from ml.language.topics import fit_topics

    path = platform.settings.home / "language" / "topics.pickle"
    old, size = pickle.loads(path.read_bytes()) if path.exists() else (None, 0)  # noqa: S301 -- our own file
    if old is not None and len(texts) < size * GROWN:
        return old  # type: ignore[no-any-return]
    try:
        made = fit_topics(list(texts["text"]), previous=old)
    except DataRejected:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".making")
    draft.write_bytes(pickle.dumps((made, len(texts))))
    draft.replace(path)
    return made
