"""dbt as a resource: the project, its manifest (parsed once, again only when the project changed) and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject
from filelock import FileLock

from eco_assets.errors import ConfigError
from eco_assets.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
MANIFEST = PROJECT / "target" / "manifest.json"
EXECUTABLE = Path(sys.executable).with_name("dbt")


@cache
def dbt_project() -> DbtProject:
    """The project with an up-to-date manifest.

    `prepare_if_dev()` would parse in every process that loads the definitions; this parses only when a file is newer.

    Raises:
        ConfigError: dbt cannot parse the project; carries dbt's own words.
    """
    with FileLock(PROJECT / ".parse.lock"):
        if not MANIFEST.exists() or MANIFEST.stat().st_mtime < _newest():
            _parse()
    return DbtProject(project_dir=PROJECT, profiles_dir=PROJECT)


def dbt_resource() -> DbtCliResource:
    """The dbt command line of this environment."""
    return DbtCliResource(project_dir=dbt_project(), dbt_executable=str(EXECUTABLE))


def _newest() -> float:
    files = [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml"]
    for folder in ("models", "macros", "tests"):
        files.extend(path for path in (PROJECT / folder).rglob("*") if path.is_file())
    return max(path.stat().st_mtime for path in files)


def _parse() -> None:
    command = [str(EXECUTABLE), "--quiet", "parse", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "0"})  # noqa: S603
    if done.returncode:
        raise ConfigError(f"dbt cannot parse {PROJECT.name}: {done.stdout.strip() or done.stderr.strip()}")
