"""Feature views: one YAML file a view under `views/<agent>/<name>.yaml`. What a view says and how it is read; no data is touched here.

A view names a table of the lake, the columns that say whose features these are (keys), when each row became true (event time) and, where
the table has it, when it became known (created time). Whether table and columns exist is asked in `lint.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from eco_assets.errors import ConfigError, NotFound

VIEWS = Path(__file__).parent / "views"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NAME = r"^[a-z][a-z0-9_]*$"


def _span(value: object) -> timedelta:
    """`30s`, `15m`, `6h` or `3d`."""
    found = re.fullmatch(r"(\d+)([smhd])", str(value))
    if found is None or found[1].strip("0") == "":
        raise ValueError(f"{value!r} is not a length of time such as 30s, 15m, 6h or 3d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Span = Annotated[timedelta, BeforeValidator(_span)]


class Strict(BaseModel):
    """A part of a view: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Strict):
    """A column of the table, in the type that the table declares."""

    name: str = Field(pattern=_NAME)
    type: str
    description: str = Field(min_length=5)
    is_personal: bool = False


class Key(Column):
    """Says whose features a row holds."""

    type: Literal["integer", "bigint", "varchar", "date"]


class Feature(Column):
    """Is served."""

    type: Literal["boolean", "integer", "bigint", "double", "varchar", "date", "timestamp"]


class Clock(Strict):
    """A column of moments. A date stands for the first moment after that day: what holds for a day is known at its end.

    `complete_after` is added to it: a window that is named by its start is known when it is over.
    """

    column: str = Field(pattern=_NAME)
    type: Literal["date", "timestamp", "timestamptz"]
    timezone: str | None = Field(default=None, description="Zone of a date, or of a timestamp without one.")
    complete_after: Span = timedelta(0)

    @model_validator(mode="after")
    def _has_one_zone(self) -> Self:
        if (self.type == "timestamptz") != (self.timezone is None):
            raise ValueError("a date or a timestamp needs a timezone, such as America/Sao_Paulo; a timestamptz has one already")
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"no time zone {self.timezone!r}") from error
        return self


class Source(Strict):
    """The table of the lake, and a value that a column must have for a row to belong to the view."""

    table: str = Field(pattern=r"^(raw\.)?[a-z_]+\.[a-z0-9_]+$")
    only: dict[str, str] = {}


class View(Strict):
    """One feature view."""

    name: str = Field(pattern=_NAME)
    agent: Literal["comercial", "varejo", "industrial", "agencia", "financeiro"]
    description: str = Field(min_length=15)
    owner: str = Field(min_length=1)
    tags: tuple[str, ...] = ()
    entity: str = Field(pattern=_NAME)
    keys: tuple[Key, ...] = Field(min_length=1)
    source: Source
    event_time: Clock
    created_time: Clock | None = None
    ttl: Span | None = Field(default=None, description="A row that is older is not served; without it a row is good for ever.")
    late_by: Span | None = Field(default=None, description="How late a row may come; a materialization reads back so far, else everything.")
    features: tuple[Feature, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_no_name_twice(self) -> Self:
        names = [part.name for part in self.parts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is declared more than once among keys and features")
        return self

    @field_validator("description")
    @classmethod
    def _is_a_sentence(cls, text: str) -> str:
        if not text.strip().endswith("."):
            raise ValueError("a description is a sentence and ends with a full stop")
        return text.strip()

    @cached_property
    def untold(self) -> tuple[tuple[str, str], ...]:
        """Features, with their type, that JSON has no type for."""
        return tuple((feature.name, feature.type) for feature in self.features if feature.type in ("date", "timestamp"))

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features in their order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        """Names of the key columns in their order."""
        return tuple(key.name for key in self.keys)

    @property
    def parts(self) -> tuple[Column, ...]:
        """Keys and features."""
        return (*self.keys, *self.features)

    @property
    def columns(self) -> Iterable[tuple[str, str, str]]:
        """(field of the declaration, column, type) of every column that the view reads."""
        yield from (("keys", key.name, key.type) for key in self.keys)
        yield from (("features", feature.name, feature.type) for feature in self.features)
        yield from (("source.only", column, "varchar") for column in self.source.only)
        yield "event_time", self.event_time.column, self.event_time.type
        if self.created_time is not None:
            yield "created_time", self.created_time.column, self.created_time.type

    @cached_property
    def space(self) -> str:
        """Where its rows are kept online: the name and a hash of all that gives them meaning. Another declaration never reads them."""
        meaning = self.model_dump(mode="json", include={"keys", "source", "event_time", "created_time", "ttl", "features"})
        for part in (*meaning["keys"], *meaning["features"]):
            part.pop("description")
            part.pop("is_personal")
        return f"{self.name}@{hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:8]}"

    def end_of(self, day: date) -> datetime:
        """The first moment after a business day, in the zone of the event time."""
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(self.event_time.timezone or "UTC"))


@cache
def load_views(root: Path = VIEWS) -> Mapping[str, View]:
    """All views by name.

    Raises:
        ConfigError: a file is malformed, not where its agent and name say, or a name is taken twice; names file and field.
    """
    found: dict[str, View] = {}
    for path in sorted(root.glob("*/*.yaml")):
        view = read_view(path)
        if view.name in found:
            raise ConfigError(
                f"{path.parent.name}/{path.name}: name: {found[view.name].agent} has a view {view.name!r} already; choose another"
            )
        found[view.name] = view
    return found


def read_view(path: Path) -> View:
    """One view. Raises `ConfigError` as `load_views` does."""
    import yaml

    where = f"{path.parent.name}/{path.name}"
    try:
        view = View.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{where}: cannot be read as YAML ({error})") from error
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first(error)}; see docs/feature-store.md") from error
    if (view.agent, view.name) != (path.parent.name, path.stem):
        raise ConfigError(f"{where}: agent and name say {view.agent}/{view.name}.yaml: move the file or correct them")
    return view


def chosen(views: Mapping[str, View], wanted: Iterable[str]) -> list[tuple[View, tuple[str, ...]]]:
    """Views and their wanted features, for references such as `lead` (all of them) or `lead:origin_rate`.

    Raises:
        NotFound: no such view or feature; names the known ones.
    """
    picked: dict[str, dict[str, None]] = {}
    for reference in wanted:
        name, _, feature = reference.partition(":")
        if name not in views:
            raise NotFound(f"no feature view {name!r}; the known ones are {', '.join(sorted(views))}")
        known = views[name].feature_names
        if feature and feature not in known:
            raise NotFound(f"view {name} has no feature {feature!r}; it has {', '.join(known)}")
        picked.setdefault(name, {}).update(dict.fromkeys([feature] if feature else known))
    return [(views[name], tuple(features)) for name, features in picked.items()]


def _first(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else str(first["msg"])
