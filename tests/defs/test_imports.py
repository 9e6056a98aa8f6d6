"""Loading the graph imports nothing heavy, and the engines know nothing of Dagster."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from eco_assets.settings import PROJECT_ROOT

HEAVY = ("mlflow", "prophet", "great_expectations", "dlt", "transformers", "torch", "sklearn", "matplotlib")
ENGINES = ("eco_assets", "ml", "notion_sync")
GLUE = ("eco_assets/defs/", "eco_assets/definitions.py")
WORKERS = "eco_assets/aurion/connectors/workers"  # they run in environments of their own, and import what is there


def engine_files() -> list[Path]:
    """Every module that must be plain Python."""
    found = [path for package in ENGINES for path in sorted((PROJECT_ROOT / package).rglob("*.py"))]
    return [path for path in found if not path.relative_to(PROJECT_ROOT).as_posix().startswith(GLUE)]


def imported_names(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules_after(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after running `code` in the project's root."""
    report = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=False, cwd=PROJECT_ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_no_engine_imports_dagster_anywhere_in_its_code() -> None:
    files = engine_files()
    assert len(files) > 60
    crossing = [(path.name, name) for path in files for name in imported_names(path) if name.split(".")[0] in ("dagster", "dagster_dbt")]
    assert crossing == []


def test_importing_every_engine_imports_neither_dagster_nor_anything_heavy() -> None:
    ours = [path.relative_to(PROJECT_ROOT) for path in engine_files() if not path.is_relative_to(PROJECT_ROOT / WORKERS)]
    names = [path.with_suffix("").as_posix().replace("/", ".") for path in ours]
    # ml.pyfunc is a subclass of MLflow's, and says that nothing imports it on import.
    code = "import importlib\n" + "\n".join(
        f"importlib.import_module({name.removesuffix('.__init__')!r})" for name in names if name != "ml.pyfunc"
    )
    assert modules_after(code) & {"dagster", "dagster_dbt", "dbt", *HEAVY} == set()


def test_building_the_whole_graph_imports_nothing_heavy() -> None:
    code = "from eco_assets.definitions import build_defs\nbuild_defs().get_repository_def().get_all_jobs()"
    held = modules_after(code)
    assert "dagster" in held
    assert held & set(HEAVY) == set()
