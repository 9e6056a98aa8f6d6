"""How we speak to an MQTT 5 broker: session, credentials, TLS, subscriptions. What is done with the messages is `mqtt.py`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eco_assets.aurion.stream.config import MqttConfig
from eco_assets.errors import ConfigError

if TYPE_CHECKING:
    import paho.mqtt.client as paho

REFUSALS = frozenset({133, 134, 135, 138, 140})  # reason codes: client id, user or password, not authorized, banned, bad authentication


def connect_client(config: MqttConfig, client_id: str, receive_maximum: int | None = None) -> paho.Client:
    """A client that is ready for `reconnect()`: MQTT 5, durable session, acknowledgements by hand, credentials, TLS.

    Raises:
        ConfigError: a file of the TLS configuration cannot be read.
    """
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, manual_ack=True, reconnect_on_failure=False
    )
    if config.username:
        client.username_pw_set(config.username, config.password.get_secret_value())
    if config.tls:
        try:
            client.tls_set(config.ca_file or None, config.certificate_file or None, config.key_file or None)
        except (OSError, ValueError) as error:
            raise ConfigError(f"ca_file, certificate_file or key_file cannot be read: {error}") from error
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = config.session_expiry_s
    properties.ReceiveMaximum = receive_maximum or config.receive_maximum
    client.connect_async(config.host, config.port, keepalive=config.keepalive_s, clean_start=False, properties=properties)
    return client


def subscriptions(config: MqttConfig) -> list[tuple[str, Any]]:
    """Topic filters with QoS 1. A retained message comes with a new subscription only, and says that it is one."""
    from paho.mqtt.subscribeoptions import SubscribeOptions

    options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
    prefix = f"$share/{config.share_group}/" if config.share_group else ""
    return [(prefix + topic.filter, options) for topic in config.topics]
