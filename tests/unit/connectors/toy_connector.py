"""A connector to the suite's shop in fifty lines: what the conformance suite is tried on. `fault` makes it break one promise."""

from __future__ import annotations

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

COLUMNS = pa.schema([("id", pa.int64()), ("name", pa.string()), ("amount", pa.float64()), ("updated_at", pa.string())])


class Toy:
    """Pages of the shop, the newest moment as state."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def spec(self) -> Spec:
        token = {"type": "string"} if self.fault == "unmarked secret" else {"type": "string", "writeOnly": True}
        return Spec({"type": "object", "required": ["url", "token"], "properties": {"url": {"type": "string"}, "token": token}})

    def check(self, config: Config) -> None:
        for name in ("url", "token"):
            if name not in config:
                raise ConfigError(f"{name} is missing")
        self._get(config, "/health")

    def discover(self, config: Config) -> Sequence[Stream]:
        self.check(config)
        return [Stream("items", COLUMNS, ("id",), "updated_at")]

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        if self.fault == "logs the secret":
            logging.getLogger("toy").info("reading with %s", config["token"])
        at = "" if self.fault == "forgets the state" else state.get("items", {}).get("at", "")
        seen, page = set(state.get("items", {}).get("seen", [])), 1
        while page:
            body = self._get(config, f"/items?per_page=7&page={page}&updated_since={at}")
            rows = [row for row in body["items"] if self.fault == "forgets the state" or row["id"] not in seen or row["updated_at"] > at]
            newest = max((row["updated_at"] for row in body["items"]), default=at)
            kept = {row["id"] for row in body["items"] if row["updated_at"] == newest}
            delivered = {"at": newest, "seen": sorted(kept | seen if newest == at else kept)}
            told = {"at": "2027-01-01T00:00:00Z", "seen": []} if self.fault == "state runs ahead" else delivered
            if rows:
                sent = rows[1:] if self.fault == "loses a row" else rows
                names = list(rows[0]) if self.fault == "misses the new column" else dict.fromkeys(name for row in rows for name in row)
                yield Batch("items", pa.table({name: [row.get(name) for row in sent] for name in names}), {"items": told})
            page = body["next_page"]

    def _get(self, config: Config, path: str) -> Any:
        request = urllib.request.Request(config["url"] + path, headers={"Authorization": f"Bearer {config['token']}"})  # noqa: S310
        for attempt in range(4):
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code == 401:
                    shown = config["token"] if self.fault == "shows the secret" else "the token"
                    raise SourceRefused(f"the shop does not accept {shown}") from error
                if self.fault == "gives up at once" or attempt == 3:
                    raise SourceUnavailable(f"the shop answered {error.code}") from error
                time.sleep(float(error.headers.get("Retry-After") or 0.05))
            except urllib.error.URLError as error:
                raise SourceUnavailable("the shop does not answer") from error
        raise AssertionError
