"""What one worker of the service holds: engines, limits, numbers. Opened when the worker starts and closed when it ends."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.features.store import open_online
from eco_assets.mcp.decider import Decider
from eco_assets.mcp.journal import Journal
from eco_assets.mcp.online import Online
from eco_assets.mcp.policies import load_policies
from eco_assets.mcp.service.keys import Keys
from eco_assets.mcp.service.limits import RateLimits
from eco_assets.mcp.service.metrics import Metrics

if TYPE_CHECKING:
    from eco_assets.mcp.service.assets import Assets
    from eco_assets.platform import Platform


class Service:
    """One worker's parts.

    Args:
        platform: the installation's engines.
        assets: lists the graph's assets and asks for materializations; without it those tools say so.
    """

    def __init__(self, platform: Platform, assets: Assets | None = None) -> None:
        settings = platform.settings
        self.platform, self.settings, self.assets = platform, settings, assets
        self.folder = settings.home / "service"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.policies = load_policies()
        self.online = Online(open_online(settings), settings.serve_clock)
        self.journal = Journal(platform.ledger, self.folder / "journal.queue", limit=settings.serve_pending)
        self.decider = Decider(self.policies, self.online, self.journal, _gateway(platform), platform.registry)
        self.keys = open_keys(platform)
        self.limits = RateLimits(self.folder / "limits.bin")
        self.metrics = Metrics(self.folder / "metrics")
        self.is_ending = False
        # Reads of the lake, of MLflow and of long ledgers: they must not keep decisions waiting.
        self._slow = ThreadPoolExecutor(2, thread_name_prefix="slow")
        self._ticker: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to leave numbers, and load what requests may need."""
        self._ticker = asyncio.create_task(self._tick())
        self._warming = asyncio.create_task(self.decider.warm_up())

    async def stop(self) -> None:
        """Take no more decisions, write what waits, leave the last numbers."""
        self.is_ending = True
        for task in (self._ticker, self._warming):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await asyncio.to_thread(self.journal.close)
        if self.decider.gateway is not None:
            await asyncio.to_thread(self.decider.gateway.close)
        self._slow.shutdown(wait=False, cancel_futures=True)
        self.count()
        self.metrics.leave(is_last=True)

    async def slowly(self, call: Any, *arguments: Any) -> Any:
        """Run what may take seconds beside the decisions; two at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._slow, call, *arguments)

    def count(self) -> None:
        """Bring the numbers that others count up to date."""
        journal, metrics = self.journal, self.metrics
        metrics.set("eco_journal_groups_total", journal.groups)
        metrics.set("eco_journal_written_total", journal.written)
        metrics.set("eco_journal_commit_seconds_total", journal.commit_s)
        metrics.set("eco_journal_refused_total", journal.refused)
        metrics.set("eco_journal_pending", journal.pending)

    async def _tick(self) -> None:
        while True:
            self.count()
            await asyncio.to_thread(self.metrics.leave)
            await asyncio.sleep(1.0)


def open_keys(platform: Platform) -> Keys:
    """The API keys of an installation."""
    settings = platform.settings
    return Keys(settings.home / "service" / "keys.json", settings.api_keys or "")


def _gateway(platform: Platform) -> Any:
    """The gateway that answers ask rules; None where it is not installed."""
    return getattr(platform, "gateway", None)
