"""The Model Context Protocol server, by the official client: in memory, over HTTP with a key, over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from service_house import DAY, POINT, make_home, served

from eco_assets.mcp.service.state import Service, open_keys
from eco_assets.mcp.service.tools import tools_for
from eco_assets.platform import Platform
from resources.assets import open_assets

NAMES = {"decide", "explain", "search_knowledge", "list_assets", "ask_to_materialize", "list_approvals", "answer_approval"}


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    platform = make_home(tmp_path)
    page = platform.settings.knowledge / "relatorios" / DAY.isoformat() / "comercial.md"
    page.parent.mkdir(parents=True)
    page.write_text("# Relatório comercial\n\nA decisão de hoje: 12 ligações. São Paulo lidera.\n", encoding="utf-8")
    return platform


def talk(platform: Platform, say: Callable[[Client], Awaitable[None]]) -> None:
    """A client in the server's own process."""

    async def run() -> None:
        service = Service(platform, open_assets(platform.settings))
        await service.start()
        try:
            async with Client(tools_for(service)) as client:
                await say(client)
        finally:
            await service.stop()

    asyncio.run(run())


def test_every_tool_is_described_and_decide_records(platform: Platform) -> None:
    async def say(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == NAMES
        assert all(tool.output_schema and tool.description and tool.annotations for tool in tools.values())
        done = await client.call_tool("decide", {"point": POINT, "subject": "lead1"})
        assert not done.is_error
        told: dict[str, Any] = done.structured_content or {}
        assert platform.ledger.get("decision", told["decision_id"])["source"] == "mcp"
        again = await client.call_tool("decide", {"point": POINT, "subject": "lead1"})
        assert (again.structured_content or {})["is_new"] is False
        listed = await client.call_tool("list_approvals", {"agent": "comercial"})
        assert (listed.structured_content or {})["items"] == []

    talk(platform, say)


def test_errors_say_what_to_do(platform: Platform) -> None:
    async def say(client: Client) -> None:
        nobody = await client.call_tool("decide", {"point": POINT, "subject": "nobody"})
        assert nobody.is_error
        assert "bring its features" in str(nobody.content)
        wrong = await client.call_tool("decide", {"point": POINT})
        assert wrong.is_error
        unknown = await client.call_tool("ask_to_materialize", {"assets": ["decisions/x/y"], "day": DAY.isoformat()})
        assert "no asset 'decisions/x/y'" in str(unknown.content)
        for name, arguments in (("nothing", {}), ("explicar_decisao", {})):
            with pytest.raises(MCPError) as raised:
                await client.get_prompt(name, arguments)
            assert raised.value.code == -32602
        with pytest.raises(MCPError):
            await client.read_resource("eco://policies/comercial/nothing")

    talk(platform, say)


def test_pages_are_found_and_resources_read(platform: Platform) -> None:
    async def say(client: Client) -> None:
        found = await client.call_tool("search_knowledge", {"text": "decisao SAO paulo"})
        (page,) = (found.structured_content or {})["items"]
        assert page["path"] == f"relatorios/{DAY.isoformat()}/comercial.md"
        assert "São Paulo" in page["snippet"]
        report = await client.read_resource(f"eco://reports/comercial/{DAY.isoformat()}")
        assert "12 ligações" in str(report.contents[0])
        policy = await client.read_resource(f"eco://policies/{POINT}")
        assert "max_actions_per_day" in str(policy.contents[0])
        contract = await client.read_resource("eco://contracts/comercial/leads")
        assert "mql_id" in str(contract.contents[0])
        everything = await client.read_resource("eco://policies")
        assert POINT in str(everything.contents[0])
        prompt = await client.get_prompt("situacao_do_dia", {"agente": "comercial", "dia": DAY.isoformat()})
        assert "eco://reports/comercial" in str(prompt.messages[0].content)

    talk(platform, say)


def test_assets_of_the_instance_are_listed_and_a_request_says_what_to_run(platform: Platform) -> None:
    import dagster as dg

    from eco_assets.defs.inprocess import prepare_instance

    home = platform.settings.dagster_home
    prepare_instance(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(["decisions", "comercial", "lead_next_action"], partition="2018-05-31"))

    async def say(client: Client) -> None:
        listed = await client.call_tool("list_assets", {"prefix": "decisions/"})
        (asset,) = (listed.structured_content or {})["items"]
        assert (asset["key"], asset["partition"]) == ("decisions/comercial/lead_next_action", "2018-05-31")
        assert 0 <= asset["age_hours"] < 1
        asked = await client.call_tool("ask_to_materialize", {"assets": [asset["key"]], "day": "2018-05-31"})
        told: dict[str, Any] = asked.structured_content or {}
        assert (told["is_started"], "dg launch --assets decisions/comercial" in told["command"]) == (False, True)
        assert json.loads(Path(told["written_to"]).read_text())["by"] == "loopback"

    talk(platform, say)


def test_over_http_a_key_is_needed_and_its_scopes_hold(platform: Platform) -> None:
    keys = open_keys(platform)
    reader, decider = keys.new("reader", ["read"], 60_000)[1], keys.new("decider", ["decide", "read"], 60_000)[1]

    async def call(url: str, secret: str) -> Any:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
        ):
            return await client.call_tool("decide", {"point": POINT, "subject": "lead2"})

    with served(platform) as server:
        refused = server.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert refused.status_code == 401
        assert "resource_metadata" in refused.headers["www-authenticate"]
        assert server.get("/.well-known/oauth-protected-resource/mcp").json()["resource"] == f"{server.url}/mcp"
        done = asyncio.run(call(server.url, decider))
        assert not done.is_error, done.content
        assert platform.ledger.get("decision", done.structured_content["decision_id"])["caller"]
        lacking = asyncio.run(call(server.url, reader))
        assert lacking.is_error
        assert "lacks the scope decide" in str(lacking.content)


def test_over_standard_input_and_output(platform: Platform) -> None:
    environment = {"PATH": os.environ["PATH"], "ECO_HOME": str(platform.settings.home)}
    command = StdioServerParameters(command=sys.executable, args=["-m", "eco_assets.cli", "mcp"], env=environment)

    async def run() -> Any:
        async with Client(stdio_client(command)) as client:
            return await client.call_tool("decide", {"point": POINT, "subject": "lead5"})

    done = asyncio.run(run())
    assert not done.is_error, done.content
    assert platform.ledger.get("decision", done.structured_content["decision_id"])["subject"] == "lead5"
