"""A published Airbyte manifest keeps the promises of the protocol: `airbyte-source-auth0` on a server that speaks as Auth0's API does.

Its name keeps it out of `make test`, which has a manifest of our own. `eco connectors sweep --only airbyte-auth0 --level 4` runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conformance import SECRET, WRONG_SECRET, Credentials, HttpSource, Incremental, Row, Storms, Subject
from conformance.subject import moment
from foreign_shops import registered  # noqa: F401 -- named in the subject's factory

ASKED = re.compile(r"updated_at:\{(\S+)\s+TO\s+(\S+)\]")
OTHERS = {  # the connector's check wants an organisation with a member who has a role
    "/api/v2/organizations": [{"id": "org_1"}],
    "/api/v2/organizations/org_1/members": [{"user_id": "auth0|1"}],
    "/api/v2/organizations/org_1/members/auth0|1/roles": [{"id": "rol_1"}],
    "/api/v2/organizations/org_1/members/auth0%7C1/roles": [{"id": "rol_1"}],
}


class Auth0(HttpSource):
    """Users by time of change: after the first bound, up to the second. Pages begin at 0."""

    def at(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if path != "/api/v2/users":
            return 200, {}, OTHERS.get(path, []) if query.get("page", "0") == "0" else []
        asked = ASKED.fullmatch(query["q"])
        assert asked, query
        after, until = (None if bound == "*" else moment(bound) for bound in asked.groups())
        tick = timedelta(microseconds=1)
        rows = self.changed(after + tick if after else None, until + tick if until else None)
        size, page = int(query["per_page"]), int(query.get("page", 0))
        stamped = [{**row, "user_id": f"auth0|{row['id']}", "updated_at": row["updated_at"].replace("Z", ".000Z")} for row in rows]
        return 200, {}, stamped[page * size : (page + 1) * size]


class Auth0Users(Subject):
    """The stream of users; a year is a slice and so a batch.

    The lower bound that the connector asks with is exclusive, so a user who changed in the first millisecond of a slice is not read.
    The start is chosen so that no slice begins at a row of the suite; the loss is the connector's, and is said in `docs/connectors.md`.
    """

    factory = "foreign_shops:registered"
    stream, key, batches, is_inclusive = "users", ("user_id",), 1, True

    def __init__(self, source: Auth0, runtimes: Path) -> None:
        super().__init__()
        self.source, self.arguments = source, {"name": "airbyte-auth0", "runtimes": str(runtimes)}

    def config(self) -> dict[str, Any]:
        credentials = {"auth_type": "oauth2_access_token", "access_token": SECRET}
        return {"base_url": self.source.url, "start_date": "2023-12-31T12:00:00.000Z", "credentials": credentials}

    def wrong_config(self) -> dict[str, Any]:
        return {**self.config(), "credentials": {"auth_type": "oauth2_access_token", "access_token": WRONG_SECRET}}

    def write(self, rows: Sequence[Row]) -> None:
        self.source.write(rows)

    def storm(self, status: int, times: int, retry_after_s: float | None = None) -> None:
        self.source.storm(status, times, retry_after_s)


class TestAuth0(Incremental, Credentials, Storms):
    @pytest.fixture
    def subject(self, runtimes: Path) -> Iterator[Subject]:
        with Auth0() as source:
            yield Auth0Users(source, runtimes)
