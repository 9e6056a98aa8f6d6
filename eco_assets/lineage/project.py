"""Gathers the whole project's lineage: contracts, compatibility views, dbt, model families, policies, report figures.

A new kind of reader of the lake is one function here that yields its nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from eco_assets.contracts.compat import ORIGIN, old_views
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.contracts.versions import History
from eco_assets.lineage.columns import ROWS, Output, Query, Ref, analyse
from eco_assets.lineage.compiled import CLOCK, compile_project
from eco_assets.lineage.graph import Lineage, Node
from eco_assets.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
Schema = dict[str, list[str]]


@cache
def load_lineage() -> Lineage:
    """The lineage of this project as it stands; once a process.

    Raises:
        ConfigError: dbt cannot compile the project.
        ContractError: a contract is malformed.
    """
    return project_lineage(load_contracts())


def project_lineage(contracts: Sequence[Contract], project: Path = PROJECT, more: Mapping[str, Iterable[str]] | None = None) -> Lineage:
    """The lineage over other contracts than those of the repository.

    Args:
        contracts: the raw tables.
        project: the dbt project.
        more: columns that raw tables had or will have, as `raw.domain.entity`: to see who would miss them.
    """
    nodes = [node for contract in contracts for node in raw_nodes(contract)]
    schema: Schema = {node.name: list(node.columns) for node in nodes}
    for table, columns in (more or {}).items():
        schema[table] = list(dict.fromkeys([*schema.get(table, []), *columns]))
    for model in compile_project(project):
        found = analyse(model.sql, schema, CLOCK.values())
        is_table = model.kind == "dbt"
        if is_table:
            schema[model.relation] = list(found.outputs)
        nodes.append(_node(model.relation if is_table else f"test {model.name}", model.kind, found, model.name))
    nodes.extend(_predictions(schema))
    nodes.extend(_readers(schema))
    nodes.extend(_feature_views(schema))
    nodes.extend(_rules(contracts, schema))
    return Lineage(nodes)


def raw_nodes(contract: Contract, history: History | None = None) -> Iterator[Node]:
    """The files of a source, its raw table, and the views of its old versions."""
    name = f"raw.{contract.table}"
    where = contract.glob or f"{contract.server} {contract.table}"
    file = f"file:{where}"
    columns = {column.name: Output(frozenset({Ref(file, column.physical_name)}), "same") for column in contract.columns}
    columns |= {origin: Output(frozenset({Ref(file, ROWS)}), "rows") for origin in ORIGIN}
    yield Node(file, "file", {column.physical_name: Output() for column in contract.columns}, label=where)
    yield Node(name, "raw", columns, frozenset(), frozenset({file}))
    for view in old_views(contract, history):
        select = ", ".join(f'{text} AS "{column}"' for column, _, text in view.columns)
        found = analyse(f"SELECT {select}, {', '.join(ORIGIN)} FROM {name}", {name: columns})
        yield _node(f"raw.{view.name}", "view", found)


def _predictions(schema: Schema) -> Iterator[Node]:
    from ml.families import FAMILIES

    for family in FAMILIES.values():
        both = [analyse(query, schema, CLOCK.values()) for query in (family.train_query, family.score_query)]
        made = Output(frozenset(ref for query in both for output in query.outputs.values() for ref in output.sources), "model")
        columns = {"as_of": Output(how="clock"), "model_name": Output(), "model_version": Output(), ROWS: made}
        uses, tables = (frozenset().union(*(getattr(query, name) for query in both)) for name in ("uses", "tables"))
        problems = tuple(problem for query in both for problem in query.problems)
        yield Node(f"predictions.{family.table}", "prediction", columns, uses, tables, family.name, problems)


def _readers(schema: Schema) -> Iterator[Node]:
    """Whoever reads the lake by SQL and makes no table of it."""
    from eco_assets.briefing import CHARTS, FIGURES
    from eco_assets.mcp.policies import load_policies
    from eco_assets.platform import CLOCK_SOURCES

    for policy in load_policies().values():
        yield _reader("policy", policy.name, policy.query, schema)
        yield _reader("trace", policy.name, policy.trace, schema)
    for figure in FIGURES:
        yield _reader("figure", f"{figure.agent}: {figure.label}", figure.query, schema)
    for agent, (title, _, query) in CHARTS.items():
        yield _reader("chart", f"{agent}: {title}", query, schema)
    for table, column in CLOCK_SOURCES:
        yield _reader("clock", f"business day, from {table}", f"SELECT max({column}) AS day FROM raw.{table}", schema)


def _feature_views(schema: Schema) -> Iterator[Node]:
    from eco_assets.aurion.features.views import load_views

    for view in load_views().values():
        columns = ", ".join(dict.fromkeys(f'"{column}"' for _, column, _ in view.columns))
        yield _reader("feature view", f"{view.agent}/{view.name}", f"SELECT {columns} FROM {view.source.table}", schema)


def _rules(contracts: Iterable[Contract], schema: Schema) -> Iterator[Node]:
    """Rules of one table that look at another."""
    from eco_assets.aurion.quality.rules import rules_of

    for contract in contracts:
        for rule in rules_of(contract):
            if rule.target:
                columns = [f'"{column}"' for column in rule.target_columns] + [str(rule.setting("against"))] * bool(rule.setting("against"))
                label = f"{contract.table}: {rule.check} of {', '.join(rule.columns)}"
                yield _reader("rule", label, f"SELECT {', '.join(columns)} FROM raw.{rule.target}", schema)


def _reader(kind: str, label: str, sql: str, schema: Schema) -> Node:
    return _node(f"{kind} {label}", kind, analyse(sql, schema, CLOCK.values()), label)


def _node(name: str, kind: str, query: Query, label: str = "") -> Node:
    return Node(name, kind, query.outputs, query.uses, query.tables, label, query.problems)
