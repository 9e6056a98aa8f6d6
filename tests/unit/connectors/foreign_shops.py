"""Connectors of foreign runtimes on the suite's shop, importable by a reader that will be killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from conformance import SECRET, WRONG_SECRET, HttpSource, Row, Subject

from eco_assets.aurion.connectors.airbyte import AirbyteConnector
from eco_assets.aurion.connectors.environments import Environments
from eco_assets.aurion.connectors.protocol import Connector
from eco_assets.aurion.connectors.registry import Registry

MANIFEST = Path(__file__).parent / "shop_manifest.yaml"
NOBODY = "http://127.0.0.1:9"


def airbyte_shop(runtimes: str) -> Connector:
    """The manifest beside this file."""
    spec = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["spec"]["connection_specification"]
    return AirbyteConnector("airbyte-shop", Environments(Path(runtimes)), spec, manifest=MANIFEST, silence_s=60)


def registered(name: str, runtimes: str) -> Connector:
    """A connector of the registry."""
    return Registry.load().connector(name, Path(runtimes))


class Shop(Subject):
    """What the shops have in common."""

    is_inclusive = True

    def __init__(self, source: HttpSource, runtimes: Path) -> None:
        super().__init__()
        self.source, self.arguments = source, {"runtimes": str(runtimes)}

    def write(self, rows: list[Row]) -> None:  # type: ignore[override]
        self.source.write(rows)

    def storm(self, status: int, times: int, retry_after_s: float | None = None) -> None:
        self.source.storm(status, times, retry_after_s)


class AirbyteShop(Shop):
    """Slices of three days are batches."""

    factory = "foreign_shops:airbyte_shop"

    def config(self) -> dict[str, Any]:
        return {"url": self.source.url, "token": SECRET, "start": "2026-01-01T00:00:00Z", "end": "2026-04-15T00:00:00Z"}

    def wrong_config(self) -> dict[str, Any]:
        return {**self.config(), "token": WRONG_SECRET}

    def unreachable_config(self) -> dict[str, Any]:
        return {**self.config(), "url": NOBODY}


class SingerShop(Shop):
    """`tap-rest-api-msdk` sends its states when a stream is done: one batch a reading.

    Its schema is part of its configuration (without one it guesses, by requests that it does not retry), so a new column is declared there.
    """

    factory = "foreign_shops:registered"
    batches = 1

    def __init__(self, source: HttpSource, runtimes: Path) -> None:
        super().__init__(source, runtimes)
        self.arguments["name"] = "tap-rest-api-msdk"
        self.properties = {
            "id": {"type": "integer"},
            "name": {"type": ["string", "null"]},
            "amount": {"type": ["number", "null"]},
            "updated_at": {"type": "string", "format": "date-time"},
        }

    def widen(self) -> None:
        self.properties["channel"] = {"type": ["string", "null"]}

    def config(self) -> dict[str, Any]:
        stream = {
            "name": "items",
            "path": "/items",
            "records_path": "$.items[*]",
            "primary_keys": ["id"],
            "replication_key": "updated_at",
            "start_date": "2026-01-01T00:00:00Z",
            "source_search_field": "updated_since",
            "source_search_query": "$last_run_date",
            "schema": {"type": "object", "properties": self.properties},
        }
        return {
            "api_url": self.source.url,
            "auth_method": "bearer_token",
            "bearer_token": SECRET,
            "pagination_request_style": "jsonpath_paginator",
            "next_page_token_path": "$.next_page",
            "streams": [stream],
        }

    def wrong_config(self) -> dict[str, Any]:
        return {**self.config(), "bearer_token": WRONG_SECRET}

    def unreachable_config(self) -> dict[str, Any]:
        return {**self.config(), "api_url": NOBODY}
