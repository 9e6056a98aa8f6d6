"""An OPC UA server as a process of its own: `python opcua_server.py PORT [SECURITY_FOLDER]`, told what to do on standard input.

Every command is answered by `ok`: `add NAME history|nothing` makes the variable `ns=2;s=Fabrica/m1/NAME`; `write NAME FIRST LAST` (values
in that range, 2 ms apart); `overflow NAME N` (a value that says the queue ran over, after one that nobody hears); `lose NAME N` (a value
that is published and never sent, then another one); `quit`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import Server, ua

logging.getLogger("asyncua").setLevel(logging.CRITICAL)


class House:
    """The server and what it can be told."""

    def __init__(self, port: int, security: Path | None) -> None:
        self._port, self._security = port, security
        self._nodes: dict[str, Any] = {}

    async def run(self) -> None:
        self._server = server = Server(user_manager=Users() if self._security else None)
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{self._port}/eco")
        if self._security:
            server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
            await server.load_certificate(str(self._security / "server.der"))
            await server.load_private_key(str(self._security / "server.pem"))
        self._index = await server.register_namespace("urn:eco:test")
        root = await server.nodes.objects.add_object(f"ns={self._index};s=Fabrica", "Fabrica")
        self._machine = await root.add_object(f"ns={self._index};s=Fabrica/m1", "m1")
        async with server:
            answer("ready")
            reader = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            while line := (await reader.readline()).decode().split():
                if line[0] == "quit":
                    return
                await getattr(self, line[0])(*(int(word) if word.isdigit() else word for word in line[1:]))
                answer("ok")

    async def add(self, name: str, history: str) -> None:
        self._nodes[name] = await self._machine.add_variable(f"ns={self._index};s=Fabrica/m1/{name}", name, 0.0)
        if history == "history":
            await self._server.historize_node_data_change(self._nodes[name], timedelta(hours=1), 100_000)

    async def write(self, name: str, first: int, last: int) -> None:
        for number in range(first, last):
            await self._set(name, number)
            await asyncio.sleep(0.002)

    async def overflow(self, name: str, number: int) -> None:
        await self._set(name, number)
        for subscription in self._subscriptions():
            subscription._triggered_datachanges.clear()
        await self._set(name, number + 1, 0x480)

    async def lose(self, name: str, number: int) -> None:
        await self._set(name, number)
        for subscription in self._subscriptions():
            subscription._triggered_datachanges.clear()
            subscription._notification_seq += 1
        await self._set(name, number + 1)

    async def _set(self, name: str, number: float, status: int = 0) -> None:
        now = datetime.now(UTC)
        value = ua.DataValue(ua.Variant(float(number), ua.VariantType.Double), ua.StatusCode(status), now, now)
        await self._nodes[name].write_attribute(ua.AttributeIds.Value, value)

    def _subscriptions(self) -> list[Any]:
        service: Any = self._server.iserver.subscription_service
        return [subscription for subscription in service.subscriptions.values() if subscription.pub_request_callback]


class Users:
    """Lets `eco` in."""

    def get_user(self, _session: Any, username: str | None = None, password: str | None = None, certificate: object = None) -> Any:
        from asyncua.crypto.permission_rules import User, UserRole

        return User(role=UserRole.User) if (username, password) == ("eco", "s3nha") else None


def answer(word: str) -> None:
    """To whoever told us."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(House(int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None).run())
