"""Runs the service on Granian: workers are forked, share one socket, and on SIGTERM end what they began."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable

from eco_assets.errors import ConfigError
from eco_assets.mcp.service.app import Front
from eco_assets.mcp.service.metrics import clear
from eco_assets.mcp.service.state import open_keys
from eco_assets.platform import Platform

GRACE_S = 30  # a worker that has not ended by then is killed; what it answered is in the ledger
SWITCH_S = 0.001  # the journal's thread and the event loop take turns: the default of 5 ms would be seen in every answer


def serve(platform: Platform, make: Callable[[], Front], *, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        platform: for keys and folders; workers open their own engines.
        make: builds a worker's application, in the worker.
        host: address to listen on; without a key only a loopback one.
        port: TCP port.
        workers: processes.

    Raises:
        ConfigError: the address can be reached by others and no key is configured.
    """
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    if not open_keys(platform).is_configured and not is_loopback(host):
        raise ConfigError(f"{host} can be reached from outside and no API key exists: make one with `eco keys new`, or use 127.0.0.1")
    clear(platform.settings.home / "service" / "metrics")
    server = Granian(
        "eco_assets.mcp.service.server",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        workers_kill_timeout=GRACE_S,
        respawn_failed_workers=True,
        websockets=False,
        log_level=LogLevels.warning,
    )
    server.serve(target_loader=lambda *_: _loaded(make), wrap_loader=False)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _loaded(make: Callable[[], Front]) -> Front:
    sys.setswitchinterval(SWITCH_S)
    return make()
