"""Runs one command of an omniload source in omniload's environment. omniload is a library on dlt: one source class a URI scheme.

Task: {"command": "describe"}, or
      {"command": "check" | "discover" | "read", "uri", "tables": [{"name", "key", "cursor"}], "state", "folder"}
Messages: {"type": "CLASSES", "classes"}, {"type": "CHECKED"}, {"type": "STREAM", "name", "columns", "key"}; for read
{"type": "RECORD"}, {"type": "ROWS", "stream", "path"} (Arrow IPC below `folder`) and {"type": "STATE", "stream", "state"} after each table.
"""

# mypy: ignore-errors
# Its imports are those of another environment.

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import textwrap
from pathlib import Path
from typing import Any

import worker_io

# What `omniload ingest` passes to every source by default, as far as a source may ask for it.
RUN_OPTIONS: dict[str, Any] = {
    "page_size": 10_000,
    "sql_backend": "pyarrow",
    "sql_reflection_level": "full",
    "sql_exclude_columns": [],
    "extract_parallelism": 1,
}


def main() -> None:
    """Take the task and do it."""
    task = worker_io.start()
    try:
        {"describe": _describe, "check": _check, "discover": _discover, "read": _read}[task["command"]](task)
    except BaseException as error:  # noqa: BLE001 -- every failure must be told, with its kind
        worker_io.fail(_kind(error), f"{type(error).__name__}: {error}")
    os._exit(0)


def _kind(error: BaseException) -> str:
    words = " ".join(str(one) for one in worker_io.chain(error)).lower()
    if any(
        word in words for word in ("connection refused", "could not connect", "timed out", "name or service not known", "can't connect")
    ):
        return "unavailable"
    return worker_io.kind_of(error)


def _resource(task: dict[str, Any], table: dict[str, Any]) -> Any:
    from omniload.core.factory import SourceDestinationFactory

    source = SourceDestinationFactory(task["uri"], "duckdb:///unused.db").get_source()
    options = dict(RUN_OPTIONS)
    if table.get("cursor") and not source.handles_incrementality():
        options["incremental_key"] = table["cursor"]
    return source.dlt_source(uri=task["uri"], table=table["name"], **options)


def _check(task: dict[str, Any]) -> None:
    for table in task["tables"][:1]:
        for _ in _resource(task, table).add_limit(1):
            break
    worker_io.say({"type": "CHECKED"})


def _discover(task: dict[str, Any]) -> None:
    for table in task["tables"]:
        made = _resource(task, table)
        parts = list(made.resources.values()) if hasattr(made, "resources") else [made]
        columns = {name: column for part in parts for name, column in part.compute_table_schema().get("columns", {}).items()}
        key = [name for name, column in columns.items() if column.get("primary_key")]
        worker_io.say({"type": "STREAM", "name": table["name"], "columns": columns, "key": key})


def _read(task: dict[str, Any]) -> None:
    from dlt.common import json as dlt_json
    from dlt.common.configuration.container import Container
    from dlt.common.pipeline import StateInjectableContext

    for table in task["tables"]:
        state = dlt_json.loads(dlt_json.dumps(task["state"].get(table["name"]) or {}))
        with Container().injectable_context(StateInjectableContext(state=state)):
            for number, item in enumerate(_resource(task, table)):
                _deliver(task["folder"], table["name"], number, item)
        worker_io.say({"type": "STATE", "stream": table["name"], "state": json.loads(dlt_json.dumps(state))})


def _deliver(folder: str, stream: str, number: int, item: Any) -> None:
    import pyarrow as pa

    if isinstance(item, pa.RecordBatch):
        item = pa.Table.from_batches([item])
    if not isinstance(item, pa.Table):
        for record in item if isinstance(item, list) else [item]:
            worker_io.say({"type": "RECORD", "stream": stream, "record": record})
        return
    path = Path(folder) / f"{hashlib.sha256(stream.encode()).hexdigest()[:8]}-{number}.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, item.schema) as writer:
        writer.write_table(item)
    worker_io.say({"type": "ROWS", "stream": stream, "path": str(path)})


def _describe(task: dict[str, Any]) -> None:
    from importlib.metadata import metadata

    from omniload.core.registry import SQL_SOURCE_SCHEMES, sources

    licence = metadata("omniload").get("License-Expression") or metadata("omniload").get("License") or ""
    found = {}
    for scheme in [*sources, *SQL_SOURCE_SCHEMES]:
        try:
            found[scheme] = {"licence": licence, **(_of_sql(scheme) if scheme in SQL_SOURCE_SCHEMES else _of_class(sources[scheme]))}
        except Exception as error:  # noqa: BLE001 -- one class that cannot be imported says nothing of the others
            found[scheme] = {"error": f"{type(error).__name__}: {error}"}
    worker_io.say({"type": "CLASSES", "classes": found})


def _of_sql(scheme: str) -> dict[str, Any]:
    from sqlalchemy.engine import make_url

    spelled = {
        "postgres": "postgresql",
        "mysql": "mysql+pymysql",
        "md": "duckdb",
        "motherduck": "duckdb",
        "cratedb": "crate",
        "clickhouse": "clickhouse+native",
        "db2": "db2+ibm_db",
        "spanner": "spanner+spanner",
    }.get(scheme, scheme)
    dialect = make_url(f"{spelled}://").get_dialect()
    dialect.import_dbapi()
    named = f"{dialect.__module__}:{dialect.__name__}"
    return {
        "class": named,
        "parameters": None,
        "how": f"SQLAlchemy dialect {named} and its driver loaded; the URI is a SQLAlchemy URL",
        "sha256": _digest(dialect),
    }


def _of_class(kind: Any) -> dict[str, Any]:
    reads = _Reads()
    reads.visit(ast.parse(textwrap.dedent(inspect.getsource(kind))))
    how = "query parameters of the URI that the class' code reads, found in its syntax tree"
    named = f"{kind.__module__}:{kind.__name__}"
    return {"class": named, "parameters": sorted(reads.parameters), "has_host": reads.has_host, "how": how, "sha256": _digest(kind)}


def _digest(kind: Any) -> str:
    return hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()


class _Reads(ast.NodeVisitor):
    """What a class reads from its URI: names looked up in what `parse_qs` gave, and whether it looks at the host."""

    def __init__(self) -> None:
        self.parameters: set[str] = set()
        self.holders: set[str] = set()
        self.has_host = False

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(
            isinstance(part, ast.Call) and getattr(part.func, "id", getattr(part.func, "attr", "")) == "parse_qs"
            for part in ast.walk(node.value)
        ):
            self.holders |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and getattr(node.func.value, "id", "") in self.holders:
            self._name(node.args[0] if node.args else None)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if getattr(node.value, "id", "") in self.holders:
            self._name(node.slice)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.has_host = self.has_host or node.attr in ("netloc", "hostname")
        self.generic_visit(node)

    def _name(self, node: ast.AST | None) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.parameters.add(node.value)


if __name__ == "__main__":
    main()
