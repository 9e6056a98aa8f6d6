"""The graph's assets as the tools' server sees them: a list with freshness, and a request to materialize.

With `ECO_DAGSTER_URL` both go to Dagster's web server (`GraphAssets`). Without one the list is read from Dagster's storage
(`resources/assets.py`, which may import Dagster) and a request is written down for a person: nothing is run behind the daemon's back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from eco_assets.errors import NotFound, SourceRefused, SourceUnavailable

_ASSETS = """{ assetNodes { assetKey { path } groupName isMaterializable assetMaterializations(limit: 1) { timestamp partition } } }"""
_LAUNCH = """mutation Launch($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
LOCATION, REPOSITORY, ASSET_JOB = "eco", "__repository__", "__ASSET_JOB"


@dataclass(frozen=True)
class AssetState:
    """One asset: when it was materialized last (ISO, UTC), for which partition, how many hours ago."""

    key: str
    group: str
    materialized_at: str | None
    partition: str | None
    age_hours: float | None


class Assets(Protocol):
    """Where assets are listed and materializations are asked for."""

    def list(self, prefix: str = "") -> list[AssetState]:
        """Assets whose key begins so."""
        ...

    def materialize(self, keys: Sequence[str], day: str, by: str) -> dict[str, Any]:
        """Ask for a run; says what was started, or what to run."""
        ...


def state(key: str, group: str, timestamp_s: float | None, partition: str | None) -> AssetState:
    """An asset with its age now."""
    if timestamp_s is None:
        return AssetState(key, group, None, None, None)
    now = datetime.now(UTC)
    at = datetime.fromtimestamp(timestamp_s, UTC)
    return AssetState(key, group, at.isoformat(timespec="seconds"), partition, round((now - at).total_seconds() / 3600, 2))


class GraphAssets:
    """Through Dagster's web server."""

    def __init__(self, url: str, *, timeout_s: float = 20.0) -> None:
        self._url, self._timeout_s = f"{url.rstrip('/')}/graphql", timeout_s

    def list(self, prefix: str = "") -> list[AssetState]:
        """See `Assets`."""
        found = []
        for node in self._ask(_ASSETS, {})["assetNodes"]:
            key = "/".join(node["assetKey"]["path"])
            newest = (node["assetMaterializations"] or [None])[0]
            moment = float(newest["timestamp"]) / 1000 if newest else None
            if key.startswith(prefix):
                found.append(state(key, node["groupName"] or "", moment, newest["partition"] if newest else None))
        return sorted(found, key=lambda asset: asset.key)

    def materialize(self, keys: Sequence[str], day: str, by: str) -> dict[str, Any]:
        """See `Assets`."""
        known = {asset.key for asset in self.list()}
        refuse_unknown(keys, known)
        selector = {
            "repositoryLocationName": LOCATION,
            "repositoryName": REPOSITORY,
            "jobName": ASSET_JOB,
            "assetSelection": [{"path": key.split("/")} for key in keys],
        }
        tags = [{"key": "dagster/partition", "value": day}, {"key": "asked_by", "value": by}]
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}, "runConfigData": {}}
        done = self._ask(_LAUNCH, {"params": params})["launchPipelineExecution"]
        if done["__typename"] != "LaunchRunSuccess":
            raise SourceRefused(f"Dagster did not start the run: {done['__typename']} {done.get('message', '')}".strip())
        return {"is_started": True, "run_id": done["run"]["runId"], "assets": list(keys), "day": day}

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        import requests

        try:
            answer = requests.post(self._url, json={"query": query, "variables": variables}, timeout=self._timeout_s)
            answer.raise_for_status()
            told = answer.json()
        except requests.HTTPError as error:
            raise SourceRefused(f"{self._url} refused: {error}") from error
        except (requests.RequestException, ValueError) as error:
            raise SourceUnavailable(f"{self._url} does not answer ({type(error).__name__}); is Dagster's web server up?") from error
        if told.get("errors"):
            raise SourceRefused(f"{self._url}: {told['errors'][0].get('message', 'no message')}")
        data: dict[str, Any] = told["data"]
        return data


def refuse_unknown(keys: Sequence[str], known: set[str]) -> None:
    """Raise `NotFound` for a key that no asset has."""
    unknown = sorted(set(keys) - known)
    if unknown:
        near = sorted(key for key in known if key.split("/")[0] == unknown[0].split("/")[0])[:10] or sorted(known)[:10]
        raise NotFound(f"no asset {unknown[0]!r}; near it are {', '.join(near) or 'none: nothing was materialized yet'}")


def write_request(folder: Path, keys: Sequence[str], day: str, by: str) -> dict[str, Any]:
    """Leave a request for a person, with the command that carries it out."""
    now = datetime.now(UTC)
    command = f"dg launch --assets {','.join(key.strip() for key in keys)} --partition {day}"
    request = {"asked_at": now.isoformat(timespec="seconds"), "by": by, "assets": list(keys), "day": day, "command": command}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y%m%dT%H%M%S%f}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(request, indent=1), encoding="utf-8")
    temporary.replace(path)
    return {"is_started": False, "run_id": None, **request, "written_to": str(path)}


def as_dicts(assets: Sequence[AssetState]) -> list[dict[str, Any]]:
    """For an answer."""
    return [asdict(asset) for asset in assets]
