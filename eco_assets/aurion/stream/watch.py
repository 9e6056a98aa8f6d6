"""A subscription that notices when it is not whole: a missing notification, a silence, the end of its life."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eco_assets.aurion.stream.config import OpcuaConfig

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.client.client import Client
    from asyncua.common.subscription import Subscription, SubscriptionItemData

KEEP_ALIVE_MS = 5_000  # a server with nothing to say says so this often
_WRAP = 2**32


class ConnectionLost(Exception):
    """The subscription is not alive any more; says why."""


class Watch:
    """The subscription of one session. `refused` holds the variables that the server does not let us follow, with its reason."""

    def __init__(self, take: Callable[[str, ua.DataValue], None], missed: Callable[[str], None]) -> None:
        """Hand readings to `take`, with the node id as text; call `missed` with a reason when notifications are lost."""
        self._take = take
        self._missed = missed
        self._subscription: Subscription | None = None
        self._silence_s = 0.0
        self._heard_at = time.monotonic()
        self._next = 1
        self._ended = ""
        self.refused: dict[str, str] = {}

    async def begin(self, client: Client, config: OpcuaConfig, nodes: Sequence[str]) -> None:
        """Subscribe."""
        from asyncua import ua
        from asyncua.common.subscription import Subscription

        watch = self

        class Whole(Subscription):
            """Hands notifications over in order, as they come; the library's own way makes a task of each value."""

            async def publish_callback(self, publish_result: ua.PublishResult) -> None:
                watch.hear(publish_result.NotificationMessage, self._monitored_items)

        keep_alive = max(2, round(KEEP_ALIVE_MS / config.publishing_interval_ms))
        life = max(3 * keep_alive, round(config.outage_s * 1_000 / config.publishing_interval_ms))
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=config.publishing_interval_ms,
            RequestedLifetimeCount=life,
            RequestedMaxKeepAliveCount=keep_alive,
            MaxNotificationsPerPublish=10_000,
            PublishingEnabled=True,
            Priority=0,
        )
        self._subscription = Whole(client.uaclient.session, parameters)
        created = await self._subscription.init()
        self._silence_s = max(2.0, 2.5 * created.RevisedMaxKeepAliveCount * created.RevisedPublishingInterval / 1_000)
        self._heard_at = time.monotonic()
        interval = ua.Double(config.sampling_interval_ms)
        followed = [client.get_node(node) for node in nodes]
        results = await self._subscription.subscribe_data_change(followed, queuesize=config.queue_size, sampling_interval=interval)
        for node, result in zip(nodes, results, strict=True):
            if isinstance(result, ua.StatusCode):
                self.refused[node] = result.name

    def hear(self, message: ua.NotificationMessage, items: dict[int, SubscriptionItemData]) -> None:
        """A notification, or a keep-alive, which carries the number that the next notification will have."""
        from asyncua import ua

        self._heard_at = time.monotonic()
        number, content = int(message.SequenceNumber), message.NotificationData or []
        if number != self._next and (content or number > self._next):
            self._missed("notification_missing")
        self._next = (number % (_WRAP - 1)) + 1 if content else number
        for part in content:
            if isinstance(part, ua.DataChangeNotification):
                for item in part.MonitoredItems:
                    found = items.get(item.ClientHandle)
                    if found is not None and found.node is not None and item.Value is not None:
                        self._take(found.node.nodeid.to_string(), item.Value)
            elif isinstance(part, ua.StatusChangeNotification):
                self._ended = f"the server ended the subscription: {part.Status.name}"

    def check_alive(self) -> None:
        """Raises `ConnectionLost` when the server has ended the subscription, or said nothing for 2.5 keep-alives."""
        if self._ended:
            raise ConnectionLost(self._ended)
        silence = time.monotonic() - self._heard_at
        if silence > self._silence_s:
            raise ConnectionLost(f"keep-alive lost: nothing was heard for {silence:.1f} s")

    async def end(self) -> None:
        """Leave in order: the server need not keep anything for us."""
        if self._subscription is not None:
            await self._subscription.delete()
