"""The graph, built once a session: it takes four to seven seconds."""

from __future__ import annotations

import json
import warnings
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """Everything that Dagster loads."""
    from eco_assets.definitions import build_defs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)  # links from assets to their code
        return build_defs()


@pytest.fixture(scope="session")
def graph(definitions: dg.Definitions) -> AssetGraph:
    """All assets and checks with what they depend on."""
    return definitions.resolve_asset_graph()


@pytest.fixture(scope="session")
def repository(definitions: dg.Definitions) -> dg.RepositoryDefinition:
    """Jobs, schedules and sensors, resolved against the graph."""
    return definitions.get_repository_def()


@pytest.fixture(scope="session")
def dbt_models(definitions: dg.Definitions) -> dict[str, dict[str, Any]]:
    """The models of dbt's manifest by name. The definitions come first, because they parse the project."""
    from resources.dbt import MANIFEST

    nodes = json.loads(MANIFEST.read_text(encoding="utf-8"))["nodes"].values()
    return {node["name"]: node for node in nodes if node["resource_type"] == "model"}
