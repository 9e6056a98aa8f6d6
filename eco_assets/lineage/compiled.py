"""The SQL of every dbt model as dbt compiles it, without a database: rendered once a state of the project and kept beside its target.

The variables of a day are compiled as dates that no data has, so that `columns.py` knows a day from a constant.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eco_assets.errors import ConfigError

CLOCK = {"as_of": "2999-12-31", "anchor": "2999-12-30"}
_PARTS = ("models", "macros", "tests", "dbt_project.yml")
_FORM = "2"  # raise it when `Compiled` changes
# In memory: nothing is read or written, and compiling never waits for a lake that is being built.
_PROFILE = "eco:\n  target: none\n  outputs:\n    none: {type: duckdb, path: ':memory:', threads: 1}\n"


@dataclass(frozen=True)
class Compiled:
    """One dbt model or singular test. `relation` is `schema.table`; `documented` and `types` are what its YAML says of columns."""

    name: str
    kind: str
    relation: str
    description: str
    sql: str
    documented: dict[str, str]
    types: dict[str, str]


def compile_project(project: Path) -> list[Compiled]:
    """Every model and singular test, in the order in which they build.

    Raises:
        ConfigError: dbt cannot compile the project; carries dbt's own words.
    """
    kept = project / "target" / f"compiled-{_state(project)}.json"
    if kept.exists():
        return [Compiled(**entry) for entry in json.loads(kept.read_text(encoding="utf-8"))]
    found = _compile(project)
    kept.parent.mkdir(exist_ok=True)
    draft = kept.with_suffix(f".{id(found)}.tmp")
    draft.write_text(json.dumps([asdict(each) for each in found], ensure_ascii=False), encoding="utf-8")
    draft.replace(kept)
    for old in project.glob("target/compiled-*.json"):
        if old != kept:
            old.unlink(missing_ok=True)
    return found


def _state(project: Path) -> str:
    """A hash of what dbt reads; its own manifest holds the time at which it was written."""
    digest = hashlib.sha256(_FORM.encode())
    for part in _PARTS:
        path = project / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.relative_to(project).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _compile(project: Path) -> list[Compiled]:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    # After a failure a thread of dbt may still be writing while the folder is removed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder, "profiles.yml").write_text(_PROFILE, encoding="utf-8")
        where = ["--project-dir", str(project), "--profiles-dir", folder, "--target-path", folder, "--log-path", folder]
        arguments = [
            "--log-level",
            "none",
            "--no-populate-cache",
            "compile",
            "--threads",
            "1",
            "--vars",
            json.dumps(CLOCK),
        ]
        try:
            result = dbtRunner().invoke([*arguments, *where])
        finally:
            DuckDBConnectionManager.close_all_connections()  # the next build in this process is of a lake
    if not result.success:
        raise ConfigError(
            f"dbt cannot compile {project.name}: {result.exception or [r.message for r in result.result.results if r.message]}"
        )
    nodes = {each.node.unique_id: each.node for each in result.result.results}
    return [_compiled(nodes[name]) for name in _ordered(nodes)]


def _compiled(node: Any) -> Compiled:
    documented = {name: column.description for name, column in node.columns.items()}
    kind = "dbt" if node.resource_type == "model" else "test"
    types = {name: column.data_type or "" for name, column in node.columns.items()}
    return Compiled(node.name, kind, f"{node.schema}.{node.alias}", node.description, node.compiled_code, documented, types)


def _ordered(nodes: dict[str, Any]) -> list[str]:
    """Models and singular tests, each after what it reads."""
    from graphlib import TopologicalSorter

    wanted = {
        name: node
        for name, node in nodes.items()
        if node.resource_type == "model" or (node.resource_type == "test" and not hasattr(node, "test_metadata"))
    }
    return list(
        TopologicalSorter({name: [on for on in node.depends_on.nodes if on in wanted] for name, node in wanted.items()}).static_order()
    )
