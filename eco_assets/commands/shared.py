"""What every command shares: options, the platform, and how an error becomes a message and an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar

import typer

from eco_assets import console
from eco_assets.errors import ConfigError, EcoError
from eco_assets.platform import Platform
from eco_assets.settings import AGENTS, Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Agent = Annotated[str | None, typer.Option("--agent", help=f"One of {', '.join(AGENTS)}.")]
Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business day; the last one of the data by default.")]
P = ParamSpec("P")
R = TypeVar("R")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn Eco's errors into a message and an exit code instead of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigError as error:
            console.fail(f"configuration: {error}")
            raise typer.Exit(2) from error
        except EcoError as error:
            console.fail(f"{type(error).__name__}: {error}")
            raise typer.Exit(1) from error

    return run


def platform() -> Platform:
    """The platform of this environment."""
    return Platform(Settings.from_env())


def operator() -> str:
    """The name of the system's user who runs this command."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in passwd
        return "unknown"


def known_agent(name: str | None) -> str | None:
    """The name, or `ConfigError` when no agent is called that."""
    if name is not None and name not in AGENTS:
        raise ConfigError(f"no agent {name!r}; the known ones are {', '.join(AGENTS)}")
    return name


@contextmanager
def quiet() -> Iterator[None]:
    """Other libraries' warnings and progress are not for the people who run this command."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("dagster", "mlflow", "dlt", "alembic", "great_expectations", "cmdstanpy", "prophet"):
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
