"""How every asset is described: one function per fact, so that no asset is left without owner, kind, tags, group or version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from eco_assets.settings import PROJECT_ROOT

WRITERS = "notion"
"""Kind of the assets that write to the knowledge base, and the pool that they take turns in: they share one rate limit."""
_FILES: dict[str, tuple[str, ...]] = {}  # by code version


def common(layer: str, agent: str, kinds: Iterable[str], code: Iterable[str]) -> dict[str, Any]:
    """Group, owner, tags, kinds and code version of an asset of a layer; and the pool of those that write pages.

    Args:
        layer: the group, as `aurion` or `decisions`.
        agent: who owns it: an agent, `financeiro` or `grupo`.
        kinds: what the UI shows as icons.
        code: files of the project that its result depends on; their content is the code version.
    """
    shown = set(kinds)
    return {
        "group_name": layer,
        "owners": [f"team:{agent}"],
        "tags": {"agent": agent, "layer": layer},
        "kinds": shown,
        "code_version": code_version(*code),
        **({"pool": WRITERS} if WRITERS in shown else {}),
    }


def code_version(*files: str) -> str:
    """A short hash of files given relative to the project's root; a folder stands for all its files, and a file may lie outside."""
    digest = hashlib.sha256()
    for file in files:
        path = PROJECT_ROOT / file
        for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if part.is_file() and part.suffix in (".py", ".yaml", ".sql", ".yml", ".json"):
                name = part.relative_to(PROJECT_ROOT).as_posix() if part.is_relative_to(PROJECT_ROOT) else part.name
                digest.update(name.encode() + part.read_bytes())
    version = digest.hexdigest()[:12]
    return made_of(version, *files)


def made_of(version: str, *files: str) -> str:
    """Remember which files and folders, relative to the project's root, a code version stands for; returns the version."""
    _FILES[version] = files
    return version


def files_of(version: str) -> tuple[str, ...]:
    """The files and folders that a code version was made of; none of a version that is not ours."""
    return _FILES.get(version, ())


def day_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> date:
    """The business day that a run is for; today's where it is for none, as a load of streamed readings."""
    day = context.run.tags.get("dagster/partition")
    return date.fromisoformat(day) if day else datetime.now(ZoneInfo("America/Sao_Paulo")).date()


def trace_of(context: dg.AssetExecutionContext) -> str:
    """The trace id that a run shares with all it causes, 32 hexadecimal digits: its W3C `traceparent` tag's, or its own."""
    parent = context.run.tags.get("traceparent", "")
    return parent.split("-")[1] if parent.count("-") == 3 else context.run.run_id.replace("-", "")


def path_metadata(path: Path) -> dg.PathMetadataValue:
    """A file or folder that the UI lets people copy."""
    return dg.MetadataValue.path(str(path))
