"""`eco features`: the views of the feature store, what they serve, and whether that is what the lake says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Day, Json, guarded
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from eco_assets.aurion.features.store import FeatureStore
    from eco_assets.aurion.features.views import Key, View
    from eco_assets.platform import Platform

app = typer.Typer(no_args_is_help=True, help="The feature store: views declared once, joined to a past moment, served by key.")
Name = Annotated[str, typer.Argument(help="A view, as category_demand.")]
AnyName = Annotated[str | None, typer.Argument(help="A view; all by default.")]


@app.command("list")
@guarded
def list_views(as_json: Json = False) -> None:
    """Every view, what it is about and up to when it is served."""
    _, store = _open()
    rows = [_summary(store, view) for view in store.views.values()]
    if as_json:
        console.as_json(rows)
        return
    shown = ("view", "agent", "keys", "features", "ttl", "rows", "through")
    table = [(*(row[name] for name in shown[:2]), ", ".join(row["keys"]), *(_plain(row[name]) for name in shown[3:])) for row in rows]
    console.table(f"{len(rows)} views, served by {store.online.kind}", shown, table)


@app.command()
@guarded
def show(name: Name, as_json: Json = False) -> None:
    """One view: where it comes from, when a row is known, what it serves."""
    _, store = _open()
    view = store.view(name)
    declared = view.model_dump(mode="json")
    if as_json:
        console.as_json(
            {**_summary(store, view), "declaration": declared, "online": {"kind": store.online.kind, "place": store.online.place}}
        )
        return
    clock = view.event_time
    console.say(f"{view.name}, owned by {view.owner}: {view.description}")
    console.say(f"From {view.source.table}{''.join(f', {column} = {value}' for column, value in view.source.only.items())}.")
    later = f", {clock.complete_after} later" if clock.complete_after else ""
    console.say(f"Known from {clock.column} ({clock.type}, {clock.timezone}){', at its end' if clock.type == 'date' else later}.")
    console.say(f"Good for {view.ttl or 'ever'}. Served by {store.online.kind} at {store.online.place}.")
    console.say(f"{store.online.count(view.space)} rows, complete through {store.through(name) or 'nothing yet'}.")
    console.say()
    rows = [("key" if part in view.keys else "feature", part.name, part.type, part.description) for part in view.parts]
    console.table(f"{len(rows)} columns", ("", "column", "type", "description"), rows)


@app.command()
@guarded
def get(
    name: Name,
    keys: Annotated[list[str], typer.Argument(help="Keys; of several columns as `column=value,column=value`.")],
    at: Annotated[
        str | None, typer.Option("--at", help="Moment with a time zone, or `now`; by default the one the view is complete for.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What is served for keys. Ends with 1 when one has no row that may be served."""
    _, store = _open()
    view = store.view(name)
    moment = _moment(store, name, at)
    answers = [one[name] for one in store.get([name], [_entity(view, key) for key in keys], at=moment)]
    if as_json:
        rows = [{"key": key, **asdict(one), "statuses": one.statuses} for key, one in zip(keys, answers, strict=True)]
        console.as_json({"view": name, "at": moment.isoformat(), "rows": rows})
    else:
        table = [
            (key, one.status, _age(one.age_s), *(_plain(one.values[feature]) for feature in view.feature_names))
            for key, one in zip(keys, answers, strict=True)
        ]
        console.table(f"{name} at {moment.isoformat()}", ("key", "status", "age", *view.feature_names), table)
    if any(one.status != "present" for one in answers):
        raise typer.Exit(1)


@app.command()
@guarded
def materialize(
    name: AnyName = None,
    day: Day = None,
    is_full: Annotated[bool, typer.Option("--full", help="Read everything again, however late it came.")] = False,
    as_json: Json = False,
) -> None:
    """Bring what is served up to the end of a business day."""
    platform, store = _open()
    through = day.date() if day else platform.business_date()
    done = [store.materialize(one, through, is_full=is_full) for one in _names(store, name)]
    if as_json:
        console.as_json([asdict(one) for one in done])
        return
    rows = [(one.view, one.read, one.written, one.deleted, one.rows, round(one.seconds, 3), str(one.through)) for one in done]
    console.table("Materialized", ("view", "read", "written", "deleted", "rows", "seconds", "through"), rows)


@app.command()
@guarded
def backfill(
    name: Name,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First business day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last business day.")],
    as_json: Json = False,
) -> None:
    """Write what was known at the end of each business day into the lake, as `feature_store.<view>`."""
    _, store = _open()
    written = store.backfill(name, first.date(), last.date())
    if as_json:
        console.as_json({str(day): rows for day, rows in written.items()})
    else:
        console.say(f"feature_store.{name}: {sum(written.values())} rows on {len(written)} day(s)")


@app.command()
@guarded
def parity(
    name: AnyName = None,
    sample: Annotated[int, typer.Option(min=1, help="Keys of the store, and as many of the lake.")] = 200,
    as_json: Json = False,
) -> None:
    """Hold what is served against the point-in-time join; ends with 1 when a key differs."""
    _, store = _open()
    found = [store.parity(one, sample) for one in _names(store, name)]
    if as_json:
        console.as_json([{**asdict(one), "is_equal": one.is_equal} for one in found])
    else:
        rows = [(one.view, one.checked, len(one.mismatches), str(one.moment)) for one in found]
        console.table("Parity", ("view", "keys", "mismatches", "at"), rows)
        for mismatch in (each for one in found for each in one.mismatches[:5]):
            console.fail(f"{mismatch.key}: {mismatch.feature} is {mismatch.online} online and {mismatch.offline} in the lake")
    if not all(one.is_equal for one in found):
        raise typer.Exit(1)


def _open() -> tuple[Platform, FeatureStore]:
    from eco_assets.aurion.features.store import open_store

    platform = open_platform()
    return platform, open_store(platform.lake, platform.settings)


def _names(store: FeatureStore, name: str | None) -> Iterable[str]:
    return store.views if name is None else [store.view(name).name]


def _summary(store: FeatureStore, view: View) -> dict[str, Any]:
    through = store.through(view.name)
    return {
        "view": view.name,
        "agent": view.agent,
        "entity": view.entity,
        "keys": view.key_names,
        "source": view.source.table,
        "features": len(view.features),
        "ttl": None if view.ttl is None else str(view.ttl),
        "rows": store.online.count(view.space),
        "through": None if through is None else through.isoformat(),
    }


def _moment(store: FeatureStore, name: str, at: str | None) -> datetime:
    if at == "now":
        return datetime.now(UTC)
    if at is None:
        through = store.through(name)
        if through is None:
            raise NotFound(f"view {name} was never materialized: `eco features materialize {name}`")
        return through
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise ConfigError(f"--at {at!r} is not a moment such as 2026-10-31T12:00:00-03:00") from error
    if moment.tzinfo is None:
        raise ConfigError(f"--at {at!r} carries no time zone; add one, such as -03:00")
    return moment


def _entity(view: View, text: str) -> dict[str, Any]:
    if len(view.keys) == 1:
        return {view.keys[0].name: _value(view.keys[0], text)}
    given = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    if set(given) != set(view.key_names):
        raise ConfigError(f"a key of {view.name} is given as {','.join(f'{name}=...' for name in view.key_names)}")
    return {key.name: _value(key, given[key.name]) for key in view.keys}


def _value(key: Key, text: str) -> Any:
    try:
        return text if key.type == "varchar" else date.fromisoformat(text) if key.type == "date" else int(text)
    except ValueError as error:
        raise ConfigError(f"{key.name} is a {key.type}, and {text!r} is none") from error


def _age(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 3600:.1f} h"


def _plain(value: object) -> object:
    return "" if value is None else value
