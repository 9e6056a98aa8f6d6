"""What judges models after training: predictions against outcomes, drift, and the card that reviewers read. Weekly, and on demand."""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.describe import common, day_of
from eco_assets.defs.jobs import EVALUATIONS
from eco_assets.defs.models import family_key
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.reports import publish
from eco_assets.defs.tables import prediction_key
from eco_assets.errors import NotFound
from eco_assets.model_facts import facts_of
from ml.families import FAMILIES, Family
from resources.platform import PlatformResource


def evaluation_key(family: Family) -> dg.AssetKey:
    """`evaluations/<agent>/<name>`."""
    return dg.AssetKey([EVALUATIONS, *family_key(family).path[1:]])


def _evaluation(family: Family) -> dg.AssetsDefinition:
    @dg.asset(
        key=evaluation_key(family),
        deps=[family_key(family), prediction_key(family.table)],
        partitions_def=DAILY,
        description=f"`{family.name}` judged by what came true by the end of the day, and its card in the knowledge base, in Portuguese.",
        **common(EVALUATIONS, family.agent, ["python", "notion"], ["ml/evaluation.py", "notion_sync/model_card.py"]),
    )
    def evaluate(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        from notion_sync.model_card import model_card

        engines = platform.get()
        try:
            facts = facts_of(engines, family, day_of(context))
        except NotFound as error:
            return dg.MaterializeResult(metadata={"model_version": "none", "why": str(error)})
        figures = {f"in_service_{name}": value for name, value in facts.in_service.items() if name != "rows"}
        judged = int(facts.in_service.get("rows", 0))
        return publish(engines, model_card(facts), model_version=facts.version, judged_predictions=judged, **figures)

    return evaluate


def evaluation_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset a family."""
    for family in FAMILIES.values():
        yield _evaluation(family)
