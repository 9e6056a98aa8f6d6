"""Where Notion delivers its webhooks. The body is judged as the bytes that came: signed with the subscription's token, or refused."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import msgspec

from eco_assets.mcp.service.operation import Call, Reply
from eco_assets.mcp.service.problems import Problem

if TYPE_CHECKING:
    from eco_assets.mcp.service.state import Service


async def webhook(service: Service, call: Call) -> Reply:
    """`POST /v1/notion/webhook`: the first request's token is kept for a person to see; every other must be signed with it."""
    from notion_sync.webhooks import SIGNATURE, Inbox, handshake, is_signed, read_delivery

    settings, raw = service.settings, bytes(call.body)
    offered = handshake(raw)
    if offered is not None:
        return await service.slowly(_shaken, service, offered)  # type: ignore[no-any-return]
    if settings.notion_webhook_token is None:
        raise _unsigned("no ECO_NOTION_WEBHOOK_TOKEN is set, so no delivery can be told from a forgery; `eco knowledge webhook` helps")
    given = call.headers.get(SIGNATURE.encode(), b"").decode("latin-1")
    if not is_signed(settings.notion_webhook_token, raw, given):
        raise _unsigned("X-Notion-Signature is not that of this body under ECO_NOTION_WEBHOOK_TOKEN")
    outcome = await service.slowly(Inbox(settings.webhooks_db).receive, read_delivery(raw))
    service.metrics.add(f'eco_notion_deliveries_total{{outcome="{outcome}"}}')
    return Reply(msgspec.json.encode({"outcome": outcome}))


def _shaken(service: Service, offered: str) -> Reply:
    from notion_sync.webhooks import Handshake

    known = service.settings.notion_webhook_token
    if known is None:
        Handshake(service.settings.webhook_handshake).keep(offered)
        return Reply(b'{"outcome":"kept"}')
    if hmac.compare_digest(known.encode(), offered.encode()):
        return Reply(b'{"outcome":"known"}')
    raise Problem(409, "conflict", "Another subscription", "unset ECO_NOTION_WEBHOOK_TOKEN first, to take another subscription's token")


def _unsigned(detail: str) -> Problem:
    return Problem(401, "unsigned", "The delivery is not signed", detail)
