"""Declared prices: loaded from `prices.yaml`, validated, never guessed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.errors import ConfigError

PRICES_FILE = Path(__file__).with_name("prices.yaml")

_Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Prices(BaseModel):
    """What a unit costs, in reais, and since when that is assumed.

    Attributes:
        stated_on: the day on which the prices were set.
        note: where they come from.
        cpu_hour_brl: one virtual CPU for one hour.
        usd_brl: reais for one US dollar.
        tokens_brl_per_million: provider → reais per million tokens, where the provider reports no cost.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stated_on: date
    note: str
    cpu_hour_brl: _Price
    usd_brl: _Price
    tokens_brl_per_million: dict[str, _Price]


def load_prices(path: Path = PRICES_FILE) -> Prices:
    """Return the prices declared in `path`.

    Raises:
        ConfigError: the file is missing or not YAML, or a key is unknown, missing or malformed; the message names it.
    """
    try:
        return Prices.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the document"
        known = ", ".join(Prices.model_fields)
        raise ConfigError(f"{path}: {key}: {first['msg']}; the keys are {known}") from error


@cache
def declared_prices() -> Prices:
    """Return the prices that ship with this installation, read once."""
    return load_prices()
