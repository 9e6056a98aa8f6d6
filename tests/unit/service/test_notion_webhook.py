"""Notion delivers to `eco serve`: over HTTP, the body as bytes, with the signature of the subscription."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from service_house import Served, make_home, served

from eco_assets.mcp.service.keys import ANYBODY
from eco_assets.mcp.service.notion import webhook
from eco_assets.mcp.service.operation import Call, Reply
from eco_assets.mcp.service.problems import Problem
from eco_assets.mcp.service.state import Service, open_keys
from eco_assets.platform import Platform
from notion_sync.webhooks import Handshake, Inbox, signature

TOKEN = "secret_of_this_subscription"  # noqa: S105
EVENT = {"id": "d1", "type": "page.created", "timestamp": "2026-11-22T12:00:00.000Z", "entity": {"id": "p1", "type": "page"}}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    platform = make_home(tmp_path_factory.mktemp("webhooks"), 1)
    open_keys(platform).new("somebody", ["read"], 60)  # Notion has no key of ours, so a key must not be asked of it
    return platform


@pytest.fixture(scope="module")
def server(platform: Platform) -> Iterator[Served]:
    with served(platform, notion_webhook_token=TOKEN) as running:
        yield running


def deliver(server: Served, body: bytes, sign: str | None = None) -> requests.Response:
    headers = {"Content-Type": "application/json", **({} if sign is None else {"X-Notion-Signature": sign})}
    return requests.post(f"{server.url}/v1/notion/webhook", data=body, headers=headers, timeout=60)


def test_a_signed_delivery_is_queued_once(server: Served, platform: Platform) -> None:
    body = json.dumps(EVENT, indent=2).encode()
    answers = [deliver(server, body, signature(TOKEN, body)) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"outcome": "queued"}, {"outcome": "duplicate"}]
    assert [each.page for each in Inbox(platform.settings.webhooks_db).after()] == ["p1"]


def test_nothing_else_comes_in(server: Served) -> None:
    body = json.dumps({**EVENT, "id": "d2"}).encode()
    assert deliver(server, body).status_code == 401
    assert deliver(server, body, signature("another", body)).status_code == 401
    assert deliver(server, body + b" ", signature(TOKEN, body)).status_code == 401
    told = deliver(server, b"[1]", signature(TOKEN, b"[1]"))
    assert (told.status_code, told.headers["content-type"]) == (422, "application/problem+json")
    assert deliver(server, b"x" * 300_000, signature(TOKEN, b"x" * 300_000)).status_code == 413


def test_another_subscription_s_handshake_is_refused_and_ours_is_known(server: Served, platform: Platform) -> None:
    assert deliver(server, b'{"verification_token": "secret_other"}').status_code == 409
    assert deliver(server, json.dumps({"verification_token": TOKEN}).encode()).json() == {"outcome": "known"}
    assert Handshake(platform.settings.webhook_handshake).take() is None


def test_the_first_handshake_is_kept_for_a_person(tmp_path: Path) -> None:
    service, body = Service(make_home(tmp_path, 1)), json.dumps(EVENT).encode()

    def came(body: bytes, **headers: str) -> Reply:
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        return asyncio.run(webhook(service, Call(ANYBODY, named, {}, {}, body, "", "")))

    assert came(b'{"verification_token": "secret_first"}').body == b'{"outcome":"kept"}'
    with pytest.raises(Problem, match="ECO_NOTION_WEBHOOK_TOKEN"):  # a token counts when a person has set it
        came(body, x_notion_signature=signature("secret_first", body))
    assert Handshake(service.settings.webhook_handshake).take() == "secret_first"
