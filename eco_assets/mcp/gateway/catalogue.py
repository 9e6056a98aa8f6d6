"""The declared table of providers, models and routes (`providers.yaml`), checked once, and what of it is configured here."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.errors import ConfigError
from eco_assets.mcp.gateway.pricing import Rates, known_rates
from eco_assets.settings import Settings

TABLE = Path(__file__).with_name("providers.yaml")
ANY, HEAD, COMPATIBLE = "*", "head", "compatible"
EndpointKind = Literal["decisions", "chat"]


class Strict(BaseModel):
    """A part of the table: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tariff(Strict):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    cached: float = Field(ge=0)
    output: float = Field(ge=0)


class ModelSpec(Strict):
    """One model as declared; see the head of `providers.yaml`."""

    endpoints: tuple[EndpointKind, ...] = Field(min_length=1)
    context: int = Field(gt=0)
    confidence: Literal["logprobs", "reported"]
    least_ms: float = Field(default=5, ge=0, description="no answer was ever faster: a hop with less time left is not tried")
    options: dict[str, Any] = {}
    usd_per_million: Tariff | None = None


class ProviderSpec(Strict):
    """One provider as declared. `key` names the setting that holds its key, `prices` its name in genai-prices."""

    base_url: str | None = None
    key: str
    prices: str | None = None
    models: dict[str, ModelSpec] = Field(min_length=1)


class BreakerLimits(Strict):
    """When a breaker opens and for how long; see `providers.yaml`."""

    failures: int = Field(default=3, gt=0)
    window: int = Field(default=20, gt=0)
    least_calls: int = Field(default=10, gt=0)
    error_rate: float = Field(default=0.5, gt=0, le=1)
    slow_ms: float = Field(default=5000, gt=0)
    slow_rate: float = Field(default=0.8, gt=0, le=1)
    open_s: float = Field(default=5, gt=0)
    exhausted_s: float = Field(default=300, gt=0)
    probe_s: float = Field(default=10, gt=0)


class CacheLimits(Strict):
    """How long an answer is kept, and how many stay in a process's memory."""

    ttl_s: float = Field(default=86400, gt=0)
    entries: int = Field(default=10000, gt=0)


class Catalogue(Strict):
    """The whole table."""

    api: Literal["eco/providers/v1"]
    providers: dict[str, ProviderSpec]
    routes: dict[str, tuple[str, ...]]
    breaker: BreakerLimits = BreakerLimits()
    cache: CacheLimits = CacheLimits()


@dataclass(frozen=True)
class Model:
    """One model that can be asked here and now."""

    provider: str
    name: str
    base_url: str
    key: str = field(repr=False)
    spec: ModelSpec
    rates: Rates
    is_openai: bool

    @property
    def id(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.name}"


@dataclass(frozen=True)
class Configured:
    """What of a table can be asked with these settings; `routes` hold models and, for the heads, None."""

    routes: dict[str, tuple[Model | None, ...]]
    breaker: BreakerLimits
    cache: CacheLimits

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model that can be asked, once."""
        found = {model.id: model for route in self.routes.values() for model in route if model is not None}
        return tuple(found.values())


@cache
def read_catalogue(path: Path = TABLE) -> Catalogue:
    """The table.

    Raises:
        ConfigError: it is malformed, or a route names a model that it does not declare.
    """
    try:
        table = Catalogue.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: {_first(error)}") from error
    declared = {f"{name}/{model}" for name, spec in table.providers.items() for model in spec.models} | {HEAD}
    for route, rungs in table.routes.items():
        if unknown := [rung for rung in rungs if rung not in declared]:
            raise ConfigError(f"{path.name}: route {route} names {unknown[0]!r}; declared are {', '.join(sorted(declared))}")
    if "default" not in table.routes:
        raise ConfigError(f"{path.name}: routes needs `default`")
    return table


def configured(settings: Settings, table: Catalogue | None = None) -> Configured:
    """What of the table has a key (or an address) in the settings.

    Raises:
        ConfigError: a configured model has no price, in the table or in genai-prices.
    """
    table = table or read_catalogue()
    models = {f"{name}/{each}": _model(settings, name, spec, each) for name, spec in table.providers.items() for each in spec.models}
    routes = {}
    for route, rungs in table.routes.items():
        found = [(rung, None if rung == HEAD else models[rung]) for rung in rungs]
        routes[route] = tuple(model for rung, model in found if rung == HEAD or model is not None)
    return Configured(routes, table.breaker, table.cache)


def _first(error: ValidationError | yaml.YAMLError) -> str:
    if isinstance(error, yaml.YAMLError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _model(settings: Settings, provider: str, spec: ProviderSpec, name: str) -> Model | None:
    key, base_url = getattr(settings, spec.key), spec.base_url
    if provider == COMPATIBLE:
        key, base_url = key or "none", settings.llm_base_url
    if not key or not base_url:
        return None
    shown = settings.llm_model if name == ANY else name
    declared = spec.models[name]
    tariff = declared.usd_per_million
    rates = Rates(tariff.input, tariff.cached, tariff.output) if tariff else known_rates(spec.prices or provider, name)
    return Model(provider, shown, base_url, key, declared, rates, spec.prices == "openai")
