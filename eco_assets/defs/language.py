"""Language features of reviews as an asset of every week: sentiment, complaint class, topic, entities."""

import dagster as dg

from eco_assets.defs.describe import common, day_of
from eco_assets.defs.jobs import WEEKLY_MODELS
from eco_assets.defs.models import family_key
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.phd import model_key
from eco_assets.language import SENTIMENT, TABLE, update
from ml.families import family
from resources.platform import PlatformResource


@dg.asset(
    key=["language", "varejo", "reviews"],
    deps=[model_key("stg_varejo__review_texts"), family_key(family(SENTIMENT))],
    partitions_def=DAILY,
    description=f"Sentiment, complaint class, topic and entities of each review's text, in `{TABLE}`; only new rows are made.",
    pool="lake",
    **common(WEEKLY_MODELS, "varejo", ["python", "duckdb"], ["eco_assets/language.py", "ml/language/nlp_features.py"]),
)
def review_language(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
    """Bring the table up to date for the business day."""
    done = update(platform.get(), day_of(context))
    shown: dict[str, int | str] = {
        "dagster/row_count": done.rows,
        "made_now": done.made,
        "topics": "; ".join(done.topics) or "none",
        "version": done.version,
    }
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(f"{done.version}-{done.rows}"))
