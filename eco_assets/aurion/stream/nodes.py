"""What is asked of an OPC UA server: a protected session, the variables to follow, and their history. Keeps nothing."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from eco_assets.aurion.stream.config import OpcuaConfig
from eco_assets.aurion.stream.events import AHEAD_US, Event, identity, micros

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.client.client import Client
    from asyncua.common.node import Node


class NoHistory(Exception):
    """The server gives no history of a variable; says why."""


class Variable(NamedTuple):
    """A variable that is followed: its node id as text, and what it is for people."""

    node: str
    machine: str
    tag: str
    unit: str | None


@asynccontextmanager
async def open_client(config: OpcuaConfig) -> AsyncIterator[Client]:
    """A session with the server, closed at the end; so are its subscriptions."""
    from asyncua.client.client import Client

    client = Client(config.url, timeout=config.timeout_s, watchdog_intervall=max(1.0, config.timeout_s / 2))
    client.name = client.description = "Eco aurion-ingester"
    if config.username:
        client.set_user(config.username)
        client.set_password(config.password.get_secret_value())
    if config.security is not None:
        given = config.security
        client.application_uri = given.application_uri
        await client.set_security_string(
            ",".join((given.policy, given.mode, given.certificate_file, given.key_file, given.server_certificate_file))
        )
    async with client:
        yield client


async def variables(client: Client, config: OpcuaConfig) -> list[Variable]:
    """The configured variables, then those below the `browse` node that are not configured by name."""
    named = {node.node: Variable(node.node, node.machine, node.tag, node.unit or None) for node in config.nodes}
    if config.browse:
        async for variable in _below(client.get_node(config.browse)):
            named.setdefault(variable.node, variable)
    return list(named.values())


async def _below(root: Node) -> AsyncIterator[Variable]:
    from asyncua import ua

    waiting, seen = [root], set()
    while waiting:
        parent = waiting.pop()
        name = (await parent.read_browse_name()).Name
        for child in await parent.get_children():
            if child.nodeid in seen:
                continue
            seen.add(child.nodeid)
            kind = await child.read_node_class()
            if kind == ua.NodeClass.Variable:
                yield Variable(child.nodeid.to_string(), name, (await child.read_browse_name()).Name, None)
            elif kind == ua.NodeClass.Object:
                waiting.append(child)


async def history(client: Client, variable: Variable, since: datetime, until: datetime, page: int) -> AsyncIterator[list[ua.DataValue]]:
    """Readings from `since` to `until`, both included, oldest first, page by page.

    A page that is full is followed by the next one from its last moment on, because not every server gives a continuation point.

    Raises:
        NoHistory: the server refuses.
    """
    node, asked = client.get_node(variable.node), page
    while True:
        values = await _read(node, since, until, asked)
        yield values
        if len(values) < asked:
            return
        last = values[-1].SourceTimestamp
        if last is None or last <= since:  # more readings of one moment than a page holds
            if asked >= 64 * page:
                raise NoHistory(f"more than {asked} readings at {since.isoformat()}")
            asked *= 2
        else:
            since, asked = last, page


async def _read(node: Node, since: datetime, until: datetime, count: int) -> list[ua.DataValue]:
    from asyncua import ua
    from asyncua.ua.uaerrors import UaStatusCodeError

    details = ua.ReadRawModifiedDetails(IsReadModified=False, StartTime=since, EndTime=until, NumValuesPerNode=count, ReturnBounds=False)
    values: list[ua.DataValue] = []
    point = None
    while True:
        try:
            result = await node.history_read(details, point)
            result.StatusCode.check()
        except UaStatusCodeError as error:
            raise NoHistory(f"the server gives no history: {type(error).__name__}") from error
        found = getattr(result.HistoryData, "DataValues", None) or []
        values.extend(value for value in found if value.SourceTimestamp is not None)
        if not result.ContinuationPoint or result.ContinuationPoint == point:
            return values
        point = result.ContinuationPoint


def event_of(
    connection: str, config: OpcuaConfig, variable: Variable, value: ua.DataValue, received_at: int, *, is_backfilled: bool = False
) -> Event:
    """A reading; its id says variable, source time and value, so history and subscription agree."""
    raw = None if value.Value is None else value.Value.Value
    at = value.SourceTimestamp or value.ServerTimestamp
    measured_at = received_at if at is None else micros(at)
    status = value.StatusCode
    quality = "good" if status is None or status.is_good() else "uncertain" if status.is_uncertain() else "bad"
    number, text = _reading(raw)
    if number is None and text in (None, "nan", "inf", "-inf"):
        quality = "bad"
    return Event(
        identity(config.namespace or connection, variable.node, measured_at, number, text), variable.machine, variable.tag, measured_at,
        number, text, variable.unit, quality, "opcua", connection, variable.node, is_backfilled, False,
        measured_at > received_at + AHEAD_US, received_at,
    )  # fmt: skip


def _reading(raw: Any) -> tuple[float | None, str | None]:
    if raw is None:
        return None, None
    if isinstance(raw, bool | int | float):
        number = float(raw)
        return (number, None) if math.isfinite(number) else (None, str(number))
    if isinstance(raw, datetime):
        return None, raw.isoformat()
    if isinstance(raw, str):
        return None, raw.encode(errors="replace").decode()
    return None, json.dumps(raw, default=str)
