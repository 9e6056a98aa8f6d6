"""Approvals through HTTP and the Model Context Protocol: for the very content, by a key that may, from a listed person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from service_house import DAY, make_home, served

from eco_assets.jorge.approvals import content_hash
from eco_assets.ledger import Entry
from eco_assets.mcp.service.state import Service, open_keys
from eco_assets.mcp.service.tools import tools_for
from eco_assets.platform import Platform

PEOPLE = "approvers: [{name: Ana Souza, email: ana@empresa.com.br, agents: [comercial]}, {name: Rui, agents: [varejo]}]"


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    platform = make_home(tmp_path)
    (platform.settings.home / "approvers.yaml").write_text(PEOPLE, encoding="utf-8")
    return platform


def proposed(platform: Platform, number: int) -> dict[str, Any]:
    """A decision of the served day that waits for a person."""
    decision = {
        "decision_id": f"{number:032x}",
        "agent": "comercial",
        "point": "lead_next_action",
        "subject": f"lead{number}",
        "as_of": DAY.isoformat(),
        "action": "nutrir",
        "workflow": "comercial.nutrir",
        "cost_brl": 30.0,
        "value_brl": 90.0,
        "requires_approval": True,
    }
    platform.ledger.append([Entry("decision", decision["decision_id"], "comercial", DAY.isoformat(), decision)])
    return decision


def test_a_person_answers_over_http_what_was_shown(platform: Platform) -> None:
    first, second = proposed(platform, 1), proposed(platform, 2)
    keys = open_keys(platform)
    writer, reader = keys.new("console", ["read", "approve"], 60_000)[1], keys.new("reader", ["read"], 60_000)[1]
    with served(platform) as server:
        listed = {one["decision_id"]: one for one in server.get("/v1/approvals?agent=comercial", reader).json()["items"]}
        place = f"/v1/approvals/{first['decision_id']}"
        answer = {"verdict": "approved", "by": "ana@empresa.com.br", "content_hash": listed[first["decision_id"]]["content_hash"]}
        refused = [
            server.post(place, answer, reader).status_code,
            server.post(place, {**answer, "by": "Rui"}, writer).status_code,
            server.post(place, {**answer, "by": ""}, writer).status_code,
            server.post(place, {**answer, "content_hash": content_hash(second)}, writer).status_code,
            server.post(place, {**answer, "content_hash": "x"}, writer).status_code,
        ]
        given = server.post(place, answer, writer)
        again = server.post(place, answer, writer)
        left = server.get("/v1/approvals?agent=comercial", reader).json()["items"]

    assert refused == [403, 409, 409, 409, 422]
    assert (given.status_code, given.json()["by"], again.status_code) == (200, "Ana Souza", 409)
    assert [one["decision_id"] for one in left] == [second["decision_id"]]
    recorded = platform.ledger.get("approval", first["decision_id"])
    assert (recorded["source"], recorded["via"], recorded["is_listed"]) == ("http", "console", True)


def test_an_assistant_answers_only_what_it_showed(platform: Platform) -> None:
    waiting = proposed(platform, 3)

    async def say(client: Client) -> None:
        listed: dict[str, Any] = (await client.call_tool("list_approvals", {"agent": "comercial"})).structured_content or {}
        (shown,) = listed["items"]
        answer = {"decision_id": waiting["decision_id"], "verdict": "rejected", "by": "Ana Souza", "why": "caro"}
        assert (await client.call_tool("answer_approval", answer)).is_error, "without what was seen"
        assert (await client.call_tool("answer_approval", {**answer, "content_hash": "0" * 64})).is_error
        assert (await client.call_tool("answer_approval", {**answer, "content_hash": shown["content_hash"], "by": "Rui"})).is_error
        assert platform.ledger.list("approval") == []
        done = await client.call_tool("answer_approval", {**answer, "content_hash": shown["content_hash"]})
        assert not done.is_error

    talk(platform, say)

    assert [(one["verdict"], one["source"], one["by"]) for one in platform.ledger.list("approval")] == [("rejected", "mcp", "Ana Souza")]


def talk(platform: Platform, say: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        service = Service(platform)
        await service.start()
        try:
            async with Client(tools_for(service)) as client:
                await say(client)
        finally:
            await service.stop()

    asyncio.run(run())
