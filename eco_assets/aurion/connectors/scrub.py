"""Secrets out of words: every line that a foreign runtime writes passes here before it reaches a log, an error or a page."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from eco_assets.aurion.connectors.protocol import Config, Spec

MASK = "***"
SHORTEST = 4  # characters; masking shorter ones would garble every line and hide nothing


class Scrubber:
    """Replaces the secrets of one configuration, also where they are quoted for a URL, JSON or basic authentication."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text


def scrubber(spec: Spec, config: Config) -> Scrubber:
    """A scrubber for the secrets that `config` holds according to `spec`."""
    return Scrubber(secrets_of(spec.secrets, config))


def secrets_of(names: Iterable[str], config: Any) -> Iterator[str]:
    """Every text below a property of one of these names, at any depth; a secret that is JSON (a service account) gives its parts too."""
    wanted = frozenset(names)
    parts = config.items() if isinstance(config, Mapping) else ((None, item) for item in config)
    for name, value in parts:
        if name in wanted:
            yield from _texts(value)
        elif isinstance(value, Mapping | list):
            yield from secrets_of(wanted, value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
        if str(value).lstrip().startswith(("{", "[")):
            try:
                yield from (text for text in _texts(json.loads(str(value))) if len(text) >= 8)
            except ValueError:
                logging.getLogger(__name__).debug("a secret that begins like JSON is none")


def _forms(secret: str) -> Iterator[str]:
    yield from (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield b64encode(secret.encode()).decode()
    if "\n" in secret:  # a key in PEM is printed line by line
        yield from (line for line in secret.splitlines() if len(line) >= 16)
