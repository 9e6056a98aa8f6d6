"""Collects what is known of a model in service for its card: registry, outcomes, drift, slices, versions. The page is `notion_sync`'s."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from notion_sync.model_card import ModelFacts

if TYPE_CHECKING:
    from pandas import DataFrame

    from eco_assets.platform import Platform
    from ml.families import Family
    from ml.tracking import ModelVersion


def facts_of(platform: Platform, family: Family, as_of: date) -> ModelFacts:
    """What is known of the model that decides about a day, at its end.

    Raises:
        NotFound: no version decides about that day.
    """
    from ml.review import reviews

    registry = platform.registry
    version = registry.describe(family.name, as_of)
    known = [
        {"version": each.version, "status": each.status, "as_of": each.as_of.isoformat(), "by": each.by, "why": each.said}
        for each in reviews(registry.client, family.name)
    ]
    return ModelFacts(
        name=family.name,
        agent=family.agent,
        version=version.version,
        as_of=version.as_of,
        primary_metric=version.primary_metric,
        metrics=version.metrics,
        baseline=version.baseline,
        versions=known,
        slices=registry.slices(version),
        in_service=_in_service(platform, family, as_of),
        drift=_drift(platform, family, version, as_of),
    )


def _in_service(platform: Platform, family: Family, as_of: date) -> dict[str, float]:
    from ml.evaluation import figures
    from ml.families.family import frame

    if not family.outcome_query:
        return {}
    with platform.lake.connect() as db:
        return figures(frame(db, family.outcome_query, as_of), is_probability=family.is_probability)


def drift_of(platform: Platform, family: Family, version: ModelVersion, current: DataFrame) -> DataFrame:
    """How far the watched inputs of rows to be scored are from those that a version was judged on; the furthest first."""
    from ml.drift import drift_table

    found = drift_table(platform.registry.reference(version), current, family.inputs)
    return found.sort_values(["value", "what"], ascending=[False, True])


def _drift(platform: Platform, family: Family, version: ModelVersion, as_of: date) -> list[dict[str, Any]]:
    if not family.inputs:
        return []
    with platform.lake.connect() as db:
        current = family.scoring_frame(db, as_of)
    worst = drift_of(platform, family, version, current).head(10)
    return [{"what": row["what"], "value": float(row["value"]), "level": row["level"]} for row in worst.to_dict("records")]
