"""The graph's assets for the decision layer's tools: through Dagster's web server where one is configured, else from its storage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eco_assets.mcp.service.assets import Assets, AssetState, GraphAssets, refuse_unknown, state, write_request
from eco_assets.settings import Settings


def open_assets(settings: Settings) -> Assets:
    """Where assets are listed and materializations are asked for."""
    if settings.dagster_url is not None:
        return GraphAssets(settings.dagster_url)
    return StoredAssets(settings.dagster_home, settings.home / "service" / "requests")


class StoredAssets:
    """Assets that were materialized at least once, from the instance's storage; a request is a file that says what to run."""

    def __init__(self, home: Path, requests: Path) -> None:
        self._home, self._requests = home, requests

    def list(self, prefix: str = "") -> list[AssetState]:
        """See `Assets`."""
        import dagster as dg

        if not (self._home / "dagster.yaml").exists():
            return []
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            keys = [key for key in instance.all_asset_keys() if "/".join(key.path).startswith(prefix)]
            found = []
            for record in instance.get_asset_records(keys):
                newest = record.asset_entry.last_materialization_record
                if newest is not None:
                    key = "/".join(record.asset_entry.asset_key.path)
                    found.append(state(key, key.split("/")[0], newest.timestamp, newest.partition_key))
        return sorted(found, key=lambda asset: asset.key)

    def materialize(self, keys: Sequence[str], day: str, by: str) -> dict[str, Any]:
        """See `Assets`."""
        refuse_unknown(keys, {asset.key for asset in self.list()})
        return write_request(self._requests, keys, day, by)
