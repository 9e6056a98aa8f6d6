"""Looks at what Eco needs and says what is wrong and what to do. Changes nothing but the home it is given."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

from eco_assets.contracts.contract import load_contracts
from eco_assets.errors import EcoError, NotFound
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from eco_assets.settings import Settings

LEAST_FREE_BYTES = 2 * 1024**3


def examine(settings: Settings) -> list[dict[str, Any]]:
    """One finding a check: `what`, `is_ok`, `finding`."""
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("python", _python),
        ("home", _home),
        ("disk", _disk),
        ("contracts", lambda _: f"{len(load_contracts())} read"),
        ("policies", lambda _: f"{len(load_policies())} read and compiled"),
        ("data", _data),
        ("ledger", _ledger),
        ("lake", _lake),
    )
    return [_finding(name, check, settings) for name, check in checks]


def _finding(name: str, check: Callable[[Settings], str], settings: Settings) -> dict[str, Any]:
    try:
        return {"what": name, "is_ok": True, "finding": check(settings)}
    except (EcoError, OSError) as error:
        return {"what": name, "is_ok": False, "finding": str(error)}


def _python(_: Settings) -> str:
    return f"{sys.version.split()[0]} in {sys.prefix}"


def _home(settings: Settings) -> str:
    settings.claim_home()
    return str(settings.home)


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.home).free
    if free < LEAST_FREE_BYTES:
        raise OSError(f"{free / 1024**3:.1f} GiB free under {settings.home}; make room for at least {LEAST_FREE_BYTES / 1024**3:.0f} GiB")
    return f"{free / 1024**3:.0f} GiB free"


def _data(settings: Settings) -> str:
    platform = Platform(settings)
    refused = [landed for landed in map(platform.landing.land, load_contracts()) if not landed.is_accepted]
    if refused:
        raise OSError(f"{len(refused)} source(s) refused: {refused[0].reasons[0]}")
    return f"{settings.data_root}: every source holds its contract, last business day {platform.business_date()}"


def _ledger(settings: Settings) -> str:
    head = Platform(settings).ledger.verify()
    return f"{head.seq} entries, unbroken"


def _lake(settings: Settings) -> str:
    lake = Platform(settings).lake
    try:
        with lake.connect() as db:
            row = db.execute("SELECT count(*) FROM information_schema.tables WHERE table_catalog = 'eco'").fetchone()
    except NotFound:
        return "not built yet: run `make run`"
    return f"{row[0] if row else 0} tables and views"
