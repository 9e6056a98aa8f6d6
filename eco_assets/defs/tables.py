"""Which assets a query reads, found in its SQL, so that lineage is never written twice."""

from __future__ import annotations

import re

import dagster as dg

from eco_assets.defs.phd import model_key

_READ = re.compile(r"\b(?:staging|features|marts)\.((?:stg|feat|mart)_\w+)|\bpredictions\.(\w+)", re.IGNORECASE)


def prediction_key(table: str) -> dg.AssetKey:
    """`predictions/<agent>/<name>` for the table `<agent>_<name>`."""
    agent, name = table.split("_", 1)
    return dg.AssetKey(["predictions", agent, name])


def assets_read_by(query: str) -> list[dg.AssetKey]:
    """The dbt models and predictions that a query reads, in the order in which it names them."""
    found = {model_key(model) if model else prediction_key(table): None for model, table in _READ.findall(query)}
    return list(found)
