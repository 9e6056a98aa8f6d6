"""What each kind of door may be told in `doors.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Door(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_s: float = Field(default=10.0, gt=0, le=120, description="Longest wait for the far side, a call.")
    failures: int = Field(default=5, ge=1, description="Failures in a row that open the circuit breaker.")
    open_s: float = Field(default=30.0, gt=0, description="Seconds that it stays open at first.")


class Smtp(_Door):
    """E-mail."""

    kind: Literal["smtp"]
    host: str
    port: int = Field(default=587, gt=0, lt=65536)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr = SecretStr("")
    sender: str = Field(description="`Name <address>`.")
    reply_to: str = ""
    recipients: dict[str, str] = Field(default_factory=dict, description="Role → address; `{subject}` and other fields are filled in.")


class Webhook(_Door):
    """Signed JSON over HTTP."""

    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://")
    secret: SecretStr = Field(description="Key of the signature.")
    token: SecretStr = Field(default=SecretStr(""), description="Sent as a bearer token.")
    headers: dict[str, str] = Field(default_factory=dict)
    patience_s: float = Field(default=10.0, ge=0, le=60, description="Longest wait that a 429 may ask for before the attempt is given up.")


class Sql(_Door):
    """Rows of another system's database."""

    kind: Literal["sql"]
    url: SecretStr = Field(description="SQLAlchemy URL.")
    tables: tuple[str, ...] = Field(default=(), description="Tables that steps may write to; no other is touched.")
    messages: str = Field(default="eco_messages", description="Table that other messages go to, a row each; made if it is missing.")


class Mqtt(_Door):
    """Commands to machines."""

    kind: Literal["mqtt"]
    host: str
    port: int = Field(default=1883, gt=0, lt=65536)
    tls: bool = False
    user: str = ""
    password: SecretStr = SecretStr("")
    topic: str = Field(default="eco/{subject}/commands", description="Fields in braces are filled in.")
    ack_topic: str = Field(default="", description="Where the machine answers `{key, status, why}`; empty: the broker's word is enough.")
    needs_listener: bool = Field(default=True, description="Whether a command that nobody listens for has failed.")
    expires_s: int = Field(default=60, gt=0, description="A command that was not taken by then is dropped by the broker.")


class Notion(_Door):
    """Pages and tasks of the knowledge base: a Notion data source, or a folder of Markdown."""

    kind: Literal["notion"]
    token: SecretStr = SecretStr("")
    data_source: str = ""
    folder: Path | None = None
    base_url: str = "https://api.notion.com"
    patience_s: float = Field(default=10.0, ge=0, le=60)


class File(_Door):
    """Files in a folder that others read."""

    kind: Literal["file"]
    folder: Path


class Outbox(_Door):
    """The outbox on purpose."""

    kind: Literal["outbox"]


Options = Annotated[Smtp | Webhook | Sql | Mqtt | Notion | File | Outbox, Field(discriminator="kind")]
