"""The configuration of the two kinds of stream connections, and the JSON Schema that the registry shows for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from eco_assets.errors import ConfigError

_LEVEL = re.compile(r"\{(machine|tag)\}")
TimeFormat = Literal["iso", "s", "ms", "us", "ns"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Topic(_Strict):
    """How messages of a topic become readings. Paths into a JSON payload are names joined by dots, as in `data.temperature`."""

    topic: str = Field(min_length=1, description="Levels joined by /; {machine} and {tag} name a level, + is any level, # the rest.")
    payload: Literal["json", "number", "text"] = Field("json", description="A JSON object, or one bare number or text a message.")
    machine: str = Field("", description="Path of the machine's id in the payload, when the topic has no {machine}.")
    tag: str = Field("", description="Path of the sensor's name, when the topic has no {tag} and `values` is empty.")
    value: str = Field("value", description="Path of the reading, when `values` is empty.")
    values: dict[str, str] | Literal["*"] | None = Field(
        None, description="Several readings a message: sensor's name and its path; * takes every number below `value`."
    )
    timestamp: str = Field("", description="Path of the moment of the reading; `received` takes that of arrival.")
    timestamp_format: TimeFormat = Field("iso", description="ISO 8601, or a number since 1970 in this unit. Without a zone it is UTC.")
    id: str = Field("", description="Path of a sequence number or id that the machine gives each message.")
    quality: str = Field("", description="Path of the reading's quality: good, uncertain or bad. Good when empty.")
    units: dict[str, str] = Field(default_factory=dict, description="Unit of each sensor.")

    @model_validator(mode="after")
    def _is_complete(self) -> Topic:
        levels = set(_LEVEL.findall(self.topic))
        if "{" in _LEVEL.sub("", self.topic):
            raise ValueError("a topic may name the levels {machine} and {tag} only")
        if not self.machine and "machine" not in levels:
            raise ValueError("`machine` is needed, because the topic has no {machine}")
        if not self.tag and self.values is None and "tag" not in levels:
            raise ValueError("`tag` or `values` is needed, because the topic has no {tag}")
        if not self.timestamp:
            raise ValueError(
                "`timestamp` is needed: it tells a redelivered message from a reading that repeats itself;"
                " `timestamp: received` takes the moment of arrival, which cannot"
            )
        if self.payload != "json" and (self.machine or self.tag or self.values is not None or self.id or self.timestamp != "received"):
            raise ValueError("a bare payload has no paths: name {machine} and {tag} in the topic, and `timestamp: received`")
        return self

    @property
    def filter(self) -> str:
        """The MQTT topic filter."""
        return _LEVEL.sub("+", self.topic)


class MqttConfig(_Strict):
    """An MQTT 5 broker and what to subscribe to."""

    host: str = Field(min_length=1, description="Name or address of the broker.")
    port: int = Field(1883, ge=1, le=65535, description="1883, or 8883 with TLS.")
    username: str = ""
    password: SecretStr = Field(SecretStr(""), description="Name an environment variable: ${MQTT_PASSWORD}.")
    tls: bool = Field(False, description="Encrypt, and hold the broker's certificate against `ca_file` or the system's authorities.")
    ca_file: str = ""
    certificate_file: str = Field("", description="Our certificate, where the broker asks for one.")
    key_file: str = ""
    client_id: str = Field("", description="Names our session at the broker; `eco-<connection>` when empty. One client at a time.")
    namespace: str = Field("", description="Part of every event id; the connection's name when empty. Equal for connections that share.")
    share_group: str = Field("", description="Subscribe as a member of this group: the broker gives each message to one of its members.")
    topics: list[Topic] = Field(min_length=1)
    session_expiry_s: int = Field(604_800, ge=60, le=4_294_967_294, description="How long the broker keeps messages while we are away.")
    receive_maximum: int = Field(10_000, ge=1, le=65_535, description="Messages in flight without our acknowledgement.")
    max_payload_bytes: int = Field(32_768, ge=64, description="A larger payload is a dead letter, of which the beginning is kept.")
    keepalive_s: int = Field(30, ge=5, le=3600)
    idle_s: float = Field(5.0, gt=0, description="A bounded read ends after this silence.")


class Node(_Strict):
    """One sensor of a server."""

    node: str = Field(min_length=1, description="Node id, as ns=2;s=Bomba1.Pressao.")
    machine: str = Field(min_length=1)
    tag: str = Field(min_length=1)
    unit: str = ""


class Security(_Strict):
    """How the channel is protected."""

    policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "Basic256Sha256"
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    certificate_file: str = Field(min_length=1)
    key_file: str = Field(min_length=1)
    server_certificate_file: str = Field(min_length=1, description="The server must present this very certificate.")
    application_uri: str = Field("urn:eco:aurion-ingester", description="Must be the URI in our certificate.")


class OpcuaConfig(_Strict):
    """An OPC UA server and which variables to follow."""

    url: str = Field(pattern=r"^opc\.tcp://", description="opc.tcp://host:4840/path, without user and password.")
    username: str = ""
    password: SecretStr = Field(SecretStr(""), description="Name an environment variable: ${OPCUA_PASSWORD}.")
    security: Security | None = None
    nodes: list[Node] = Field(default_factory=list)
    browse: str = Field("", description="Follow every variable below this node: its parent's name is the machine, its own the tag.")
    namespace: str = Field("", description="Part of every event id; the connection's name when empty.")
    sampling_interval_ms: float = Field(1000, gt=0)
    publishing_interval_ms: float = Field(500, ge=50)
    outage_s: float = Field(60, gt=0, description="How long the server's queue of a variable should last while we do not answer.")
    expected_interval_ms: float = Field(
        0, ge=0, description="A variable that changes at least so often; three times that is a gap. 0: none."
    )
    history_page: int = Field(5000, ge=2, le=100_000, description="Values asked for in one read of the history.")
    timeout_s: float = Field(10, gt=0)

    @field_validator("url")
    @classmethod
    def _has_no_user(cls, url: str) -> str:
        if "@" in url:
            raise ValueError("user and password do not belong in the URL: use username and password")
        return url

    @model_validator(mode="after")
    def _follows_something(self) -> OpcuaConfig:
        if not self.nodes and not self.browse:
            raise ValueError("`nodes` or `browse` is needed")
        return self

    @property
    def queue_size(self) -> int:
        """Values of one variable that the server should hold for us."""
        return min(10_000, max(10, round(self.outage_s * 1000 / self.sampling_interval_ms) + 1))


M = TypeVar("M", MqttConfig, OpcuaConfig)


def parse(kind: type[M], config: Mapping[str, Any]) -> M:
    """The configuration as a value.

    Raises:
        ConfigError: it is incomplete or malformed; names the property, never a value, because that may be a secret.
    """
    try:
        return kind.model_validate(dict(config))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "config"
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
