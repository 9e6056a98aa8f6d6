"""Which versions of models made the predictions that a decision point reads of a day: what its decisions record."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eco_assets.lake import Lake
    from eco_assets.mcp.policies import Policy
    from eco_assets.platform import Platform


def model_versions(platform: Platform, policy: Policy, as_of: date) -> list[tuple[str, str]]:
    """(name, version) of each model behind a day's contexts: the champions of those needed, what predicted of the optional ones.

    An optional model that predicted nothing in the days that the policy reads is left out.

    Raises:
        NotFound: a model that is needed has no version that may decide about that day.
    """
    needed = [(name, platform.registry.describe(name, as_of).version) for name in policy.models]
    found = ((name, _predicted(platform.lake, name, as_of, days)) for name, days in policy.inputs.optional_models.items())
    return needed + [(name, version) for name, version in found if version is not None]


def _predicted(lake: Lake, name: str, as_of: date, days: int) -> str | None:
    """The version that made a model's newest predictions of the last `days` days; None where there are none."""
    import duckdb

    from ml.families import family

    query = f"""SELECT model_version FROM predictions.{family(name).table}
                WHERE model_name = $name AND as_of <= $as_of AND as_of > CAST($as_of AS DATE) - CAST($days AS INTEGER)
                ORDER BY as_of DESC LIMIT 1"""
    try:
        with lake.connect() as db:
            row = db.execute(query, {"name": name, "as_of": as_of, "days": days}).fetchone()
    except duckdb.CatalogException:  # it never predicted, and nothing made its table
        return None
    return None if row is None else str(row[0])
