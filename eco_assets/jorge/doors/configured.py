"""Reads `doors.yaml`: which door is of which kind, and how its far side is reached. Secrets stand there as `${NAME}` only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from eco_assets.errors import ConfigError
from eco_assets.jorge.doors.breaker import Breaker
from eco_assets.jorge.doors.door import Door
from eco_assets.jorge.doors.guarded import GuardedDoor
from eco_assets.jorge.doors.journal import Journal
from eco_assets.jorge.doors.options import File, Mqtt, Notion, Options, Outbox, Smtp, Sql, Webhook

_NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DOOR = re.compile(r"[a-z][a-z0-9_-]{0,40}")


class DoorsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doors: dict[str, Options] = {}


def read_doors(file: Path, environ: Mapping[str, str] | None = None) -> dict[str, Options]:
    """Doors by name; none where there is no file.

    Args:
        file: `doors.yaml`. Relative folders in it are relative to its own.
        environ: where `${NAME}` is looked up; the process's environment by default.

    Raises:
        ConfigError: malformed, an unknown kind or option, a variable that is not set, or a secret written out.
    """
    if not file.exists():
        return {}
    env = os.environ if environ is None else environ
    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name} cannot be read: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("doors", {}), dict):
        raise ConfigError(f"{file.name}: `doors:` must map each door's name to its options")
    for name, options in told.get("doors", {}).items():
        if not _DOOR.fullmatch(str(name)):
            raise ConfigError(f"{file.name}: {name!r} is no door's name: small letters, digits, _ and -")
        _refuse_secrets(file.name, str(name), options)
    try:
        found = DoorsFile.model_validate(_filled_in(told, env, file.name)).doors
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ConfigError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return {name: _placed(options, file.parent) for name, options in found.items()}


def open_doors(options: Mapping[str, Options], journal: Journal) -> dict[str, GuardedDoor]:
    """The doors that lead outside, each behind its breaker; nothing is connected yet."""
    return {
        name: GuardedDoor(name, _open(each), Breaker(name, each.failures, each.open_s), journal)
        for name, each in options.items()
        if not isinstance(each, Outbox)
    }


def _open(options: Options) -> Door:
    from eco_assets.jorge.doors.file import FileDoor
    from eco_assets.jorge.doors.mqtt import MqttDoor
    from eco_assets.jorge.doors.notion import open_notion
    from eco_assets.jorge.doors.smtp import SmtpDoor
    from eco_assets.jorge.doors.sql import SqlDoor
    from eco_assets.jorge.doors.webhook import WebhookDoor

    makers: dict[type, Any] = {
        Smtp: SmtpDoor,
        Webhook: WebhookDoor,
        Sql: SqlDoor,
        Mqtt: MqttDoor,
        Notion: open_notion,
        File: FileDoor,
    }
    door: Door = makers[type(options)](options)
    return door


def _placed(options: Options, home: Path) -> Options:
    if isinstance(options, Notion):
        if (options.folder is None) == (not options.data_source):
            raise ConfigError("a notion door has a `data_source` with a `token`, or a `folder`")
        if options.data_source and not options.token.get_secret_value():
            raise ConfigError("a notion door with a `data_source` needs a `token`")
    if isinstance(options, (File, Notion)) and options.folder is not None:
        return options.model_copy(update={"folder": home / options.folder})
    return options


def _refuse_secrets(file: str, door: str, options: Any) -> None:
    """A secret in a file is copied, backed up and committed; its variable's name is not."""
    secret = {name for model in (Smtp, Webhook, Sql, Mqtt, Notion) for name, f in model.model_fields.items() if f.annotation is SecretStr}
    for name, value in (options or {}).items() if isinstance(options, dict) else ():
        if name == "url" and options.get("kind") != "sql":
            continue
        is_open = name == "url" and isinstance(value, str) and not re.search(r"://[^/@]*:[^/@]*@", _NAMED.sub("", value))
        if name in secret and value and not (isinstance(value, str) and _NAMED.fullmatch(value)) and not is_open:
            raise ConfigError(f"{file}: doors.{door}.{name} is a secret: write `${{NAME}}` and set the variable NAME")
    for name, value in (options.get("headers") or {}).items() if isinstance(options, dict) else ():
        if re.search("auth|token|key|secret|cookie", str(name), re.IGNORECASE) and not _NAMED.search(str(value)):
            raise ConfigError(f"{file}: doors.{door}.headers.{name} is a secret: write `${{NAME}}` and set the variable NAME")


def _filled_in(value: Any, env: Mapping[str, str], file: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled_in(each, env, file) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled_in(each, env, file) for each in value]
    return _NAMED.sub(partial(_looked_up, env=env, file=file), value) if isinstance(value, str) else value


def _looked_up(found: re.Match[str], env: Mapping[str, str], file: str) -> str:
    value = env.get(found.group(1))
    if not value:
        raise ConfigError(f"{file} asks for the environment variable {found.group(1)}, which is not set")
    return value
