"""API keys: who may call, for what, how often. The file holds hashes; a key itself is shown once, when it is made.

A key is 256 random bits, so that one round of SHA-256 protects it as well as a slow hash would.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from eco_assets.errors import ConfigError, NotFound

SCOPES = ("decide", "outcomes", "read", "approve", "materialize", "metrics")
_LOOK_EVERY_S = 1.0  # a new or revoked key is known to every worker within this time


@dataclass(frozen=True)
class ApiKey:
    """One key. `per_minute` is the rate it may be used at, by all workers together."""

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    per_minute: int
    created_at: str
    revoked_at: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether it may still be used."""
        return not self.revoked_at


ANYBODY = ApiKey("", "loopback", "", SCOPES, 0, "")


class Keys:
    """The keys of an installation: those of its file and those of the environment.

    Args:
        path: JSON file, readable by its owner only.
        from_environment: `name:scope+scope:sha256`, comma separated; for containers.
        per_minute: rate of a key of the environment.
    """

    def __init__(self, path: Path, from_environment: str = "", per_minute: int = 60_000) -> None:
        self.path = path
        self._fixed = tuple(_parsed(text, per_minute) for text in from_environment.split(",") if text.strip())
        self._lock = threading.Lock()
        self._looked, self._stamp = 0.0, -1
        self._known: dict[str, ApiKey] = {}
        self._any = bool(self._fixed)

    @property
    def is_configured(self) -> bool:
        """Whether there is any key, valid or not: the service is then open to nobody without one."""
        self._refresh()
        return self._any

    def find(self, token: str) -> ApiKey | None:
        """The valid key that a caller shows, or None."""
        self._refresh()
        return self._known.get(_digest(token))

    def all(self) -> list[ApiKey]:
        """Every key, also those that were revoked."""
        return [*self._fixed, *_read(self.path)]

    def new(self, name: str, scopes: Sequence[str], per_minute: int) -> tuple[ApiKey, str]:
        """Make a key; returns it and the secret, which is kept nowhere."""
        _check(scopes)
        secret = f"eco_{secrets.token_urlsafe(32)}"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        key = ApiKey(secrets.token_hex(4), name, _digest(secret), tuple(scopes), per_minute, now)
        _write(self.path, [*_read(self.path), key])
        return key, secret

    def revoke(self, key_id: str) -> ApiKey:
        """Make a key useless at once and for ever. Raises `NotFound`."""
        held = _read(self.path)
        found = next((key for key in held if key.id == key_id and key.is_valid), None)
        if found is None:
            raise NotFound(f"no valid key {key_id!r} in {self.path}; `eco keys list` shows them")
        gone = replace(found, revoked_at=datetime.now(UTC).isoformat(timespec="seconds"))
        _write(self.path, [gone if key.id == key_id else key for key in held])
        return gone

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S and self._stamp >= 0:
            return
        with self._lock:
            self._looked = now
            stamp = self.path.stat().st_mtime_ns if self.path.exists() else 0
            if stamp != self._stamp:
                held = [*self._fixed, *_read(self.path)]
                self._known, self._any, self._stamp = {key.sha256: key for key in held if key.is_valid}, bool(held), stamp


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _check(scopes: Sequence[str]) -> None:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ConfigError(f"no scope {unknown[0] if unknown else ''!r}; the known ones are {', '.join(SCOPES)}")


def _parsed(text: str, per_minute: int) -> ApiKey:
    name, _, rest = text.strip().partition(":")
    scopes, _, digest = rest.partition(":")
    if len(digest) != 64:
        raise ConfigError("ECO_API_KEYS must be name:scope+scope:sha256 entries, comma separated; `eco keys new --print-hash` makes one")
    _check(scopes.split("+"))
    return ApiKey(f"env-{digest[:8]}", name, digest, tuple(scopes.split("+")), per_minute, "")


def _read(path: Path) -> list[ApiKey]:
    if not path.exists():
        return []
    try:
        return [ApiKey(**{**entry, "scopes": tuple(entry["scopes"])}) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"{path} cannot be read as a list of API keys ({error}); restore it, or move it away and make new keys"
        ) from error


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump([asdict(key) for key in keys], file, indent=1)
    temporary.replace(path)
