"""dbt as a resource: the project, its manifest (parsed once, again only when the project changed) and a build in this process.

dagster-dbt starts a process for each build, which imports dbt and loads the manifest again: 6 of the 7 seconds of a small build.
Five builds a run, one an agent so that none can stop another, made that half of the main job. Here dbt's own `dbtRunner` builds in
the run's process on the parsed manifest; selection and the translation of events to assets and checks stay dagster-dbt's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject
from filelock import FileLock

from eco_assets.errors import ConfigError, PermanentError
from eco_assets.lake import Lake, duckdb_config
from eco_assets.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
MANIFEST = PROJECT / "target" / "manifest.json"
EXECUTABLE = Path(sys.executable).with_name("dbt")


class DbtResource(dg.ConfigurableResource):
    """Builds the part of the project that a run selects, in this process."""

    def build(
        self, context: dg.AssetExecutionContext, translator: DagsterDbtTranslator, variables: Mapping[str, str], lake: Lake
    ) -> Iterator[Any]:
        """Build the selected models and run their tests; yields one Dagster event a model and a test.

        Args:
            context: of a `@dbt_assets` function.
            translator: names dbt's nodes.
            variables: dbt variables of this build.
            lake: where raw rows are read and models written.

        Raises:
            PermanentError: a model failed or the build could not run; a failed test is a failed asset check instead.
        """
        from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
        from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

        chosen = get_updated_cli_invocation_params_for_context(
            context=context,
            manifest=dbt_project().manifest_path,
            dagster_dbt_translator=translator,
            runtime_selects=[],
            runtime_excludes=[],
        )
        target = lake.root.parent / "dbt"
        arguments = [
            "--quiet",
            "build",
            "--exclude-resource-type",
            "unit_test",
            *chosen.selection_args,
            "--vars",
            json.dumps(dict(variables)),
        ]
        messages, failed = run_dbt(arguments, lake, target)
        for message in messages:
            event = DbtCoreCliEventMessage(raw_event=message, event_history_metadata={})
            yield from event.to_default_asset_events(
                manifest=chosen.manifest,
                dagster_dbt_translator=chosen.dagster_dbt_translator,
                context=context,
                target_path=target,
                project=dbt_project(),
            )
        if failed:
            raise PermanentError("dbt: " + "; ".join(failed))


def run_dbt(arguments: list[str], lake: Lake, target: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Run dbt; returns its result events as dictionaries and what failed that is not a test."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner
    from google.protobuf.json_format import MessageToDict

    messages: list[dict[str, Any]] = []

    def keep(event: Any) -> None:
        if event.info.name in ("LogModelResult", "LogTestResult", "LogNodeResult", "NodeFinished"):
            messages.append(MessageToDict(event, preserving_proto_field_name=True))

    os.environ["DBT_LAKE_DIR"] = str(lake.root)
    os.environ["DBT_LAKE_EXTENSIONS"] = str(duckdb_config()["extension_directory"])
    if lake.catalog is not None:
        os.environ["DBT_ENV_SECRET_LAKE_CATALOG"] = lake.catalog
        arguments = [*arguments, "--target", "postgres"]
    where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target), "--log-path", str(target)]
    try:
        result = dbtRunner(manifest=_manifest(), callbacks=[keep]).invoke([*arguments, *where])
    finally:
        DuckDBConnectionManager.close_all_connections()  # an open handle would lock the lake for every other reader
    if result.exception is not None:
        return messages, [str(result.exception)]
    results = getattr(result.result, "results", [])
    return messages, [
        f"{r.node.name}: {r.message}" for r in results if r.status == "error" or (r.status == "fail" and r.node.resource_type != "test")
    ]


@cache
def _manifest() -> Any:
    """The project parsed for building; parsed once a process, from dbt's own cache when nothing changed."""
    from dbt.cli.main import dbtRunner

    dbt_project()
    result = dbtRunner().invoke(["--quiet", "parse", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)])
    if result.exception is not None:
        raise ConfigError(f"dbt cannot parse {PROJECT.name}: {result.exception}")
    return result.result


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
