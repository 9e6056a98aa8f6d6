"""What one query reads: which columns each of its outputs is made of, and which it uses at all. sqlglot parses and resolves names.

`sources` of an output are the columns that its value is computed from. `uses` are all columns that the query cannot do without, those of
joins, filters and groups too: when one of them goes, the query fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, walk_in_scope

HOME = "eco"  # the database whose name people leave out
ROWS = "*"  # stands for the rows of a table, which `count(*)` counts
HOW = ("constant", "clock", "rows", "same", "expression", "aggregate", "model")
_DAYS = (exp.Parameter, exp.Placeholder, exp.CurrentDate, exp.CurrentTimestamp)


class Ref(NamedTuple):
    """A column of a table: `raw.domain.entity` or `schema.table`."""

    table: str
    column: str

    def __str__(self) -> str:
        """`table.column`."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Output:
    """One column of a result. `how` it is made is one of `HOW`; the later one wins where several apply."""

    sources: frozenset[Ref] = frozenset()
    how: str = "constant"

    def __or__(self, other: Output) -> Output:
        """Both together."""
        return Output(self.sources | other.sources, max(self.how, other.how, key=HOW.index))


@dataclass(frozen=True)
class Query:
    """What a query reads. `problems` are names that could not be resolved; an empty tuple means that nothing was guessed."""

    outputs: Mapping[str, Output] = field(default_factory=dict)
    uses: frozenset[Ref] = frozenset()
    tables: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


def analyse(sql: str, schema: Mapping[str, Collection[str]], days: Collection[str] = ()) -> Query:
    """Take a DuckDB query apart.

    Args:
        sql: one SELECT; parameters such as `$as_of` are days.
        schema: the columns of the tables that are known, as `raw.domain.entity` or `schema.table`.
        days: literals that stand for a business day.
    """
    schema = {table: columns for table, columns in schema.items() if columns}  # a table of which nothing is known is not known
    try:
        tree = parse_one(sql, dialect="duckdb")
        _name_databases(tree)
        tree = qualify(
            tree, dialect="duckdb", schema=_nested(schema), validate_qualify_columns=False, quote_identifiers=False, identify=False
        )
        root = build_scope(tree)
    except SqlglotError as error:
        return Query(problems=(f"cannot be parsed: {str(error).splitlines()[0]}",))
    if root is None:
        return Query(problems=("is no SELECT",))
    return _Walk(schema, days).run(root)


def _name_databases(tree: exp.Expr) -> None:
    for table in tree.find_all(exp.Table):
        if table.db and not table.catalog:
            table.set("catalog", exp.to_identifier(HOME))


def _nested(schema: Mapping[str, Iterable[str]]) -> dict[str, object]:
    nested: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for name, columns in schema.items():
        database, folder, table = _parts(name)
        nested.setdefault(database, {}).setdefault(folder, {})[table] = dict.fromkeys(columns, "UNKNOWN")
    return dict(nested)


def _parts(name: str) -> tuple[str, str, str]:
    parts = name.split(".")
    database, folder, table = parts if len(parts) == 3 else (HOME, *parts)
    return database, folder, table


def _name(table: exp.Table) -> str:
    parts = [part for part in (table.catalog, table.db, table.name) if part]
    return ".".join(parts[1:] if parts[0] == HOME else parts)


class _Walk:
    """Walks the scopes of one query; each output of a scope is resolved once."""

    def __init__(self, schema: Mapping[str, Iterable[str]], days: Collection[str]) -> None:
        self._schema = {name: set(columns) for name, columns in schema.items()}
        self._days = days
        self._outputs: dict[tuple[int, str], Output] = {}
        self._open: set[tuple[int, str]] = set()
        self._scopes: dict[int, Scope] = {}
        self._uses: set[Ref] = set()
        self._problems: dict[str, None] = {}

    def run(self, root: Scope) -> Query:
        self._scopes = {id(scope.expression): scope for scope in root.traverse()}
        outputs = {name: self._output(root, name) for name in self._names(root)}
        tables = set()
        for scope in root.traverse():
            tables |= {_name(table) for _, table in scope.selected_sources.values() if isinstance(table, exp.Table) and table.db}
            for clause in self._clauses(scope):
                self._collect(clause, scope)
            if scope.expression.args.get("distinct"):
                for name in self._names(scope):
                    self._output(scope, name)
        return Query(outputs, frozenset(self._uses), frozenset(tables), tuple(self._problems))

    def _names(self, scope: Scope) -> list[str]:
        return [name for name in scope.expression.named_selects if name] if isinstance(scope.expression, exp.Query) else []

    def _clauses(self, scope: Scope) -> Iterator[exp.Expr]:
        """What decides about rows: everything of a SELECT but its list, its sources and its CTEs."""
        if not isinstance(scope.expression, exp.Select):
            return
        for key, value in scope.expression.args.items():
            if key in ("expressions", "from_", "from", "with_", "with", "windows"):
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, exp.Join):
                    yield from (part.args[name] for name in ("on", "match_condition") if part.args.get(name))
                elif isinstance(part, exp.Expr):
                    yield part

    def _output(self, scope: Scope, name: str) -> Output:
        key = (id(scope), name)
        if key in self._open:  # a recursive CTE meets itself
            return Output()
        if key not in self._outputs:
            self._open.add(key)
            self._outputs[key] = self._resolved(scope, name)
            self._open.remove(key)
        return self._outputs[key]

    def _resolved(self, scope: Scope, name: str) -> Output:
        tree = scope.expression
        if isinstance(tree, exp.SetOperation):
            return self._united(scope, tree, name)
        if not isinstance(tree, exp.Select):  # VALUES, UNNEST, LATERAL: whatever they mention
            return self._collect(tree, scope)
        for projection in tree.expressions:
            if projection.alias_or_name == name:
                return self._collect(projection.unalias(), scope)
        self._problem(f"column {name} of a subquery is not found")
        return Output()

    def _united(self, scope: Scope, tree: exp.SetOperation, name: str) -> Output:
        found = Output()
        is_by_name, position = bool(tree.args.get("by_name")), self._names(scope).index(name)
        for side in scope.set_operation_scopes:
            names = self._names(side)
            if not is_by_name and position < len(names):
                found |= self._output(side, names[position])
            elif is_by_name and name in names:
                found |= self._output(side, name)
        return found

    def _collect(self, tree: exp.Expr, scope: Scope) -> Output:
        """What an expression of a scope is made of; everything that it mentions counts as used."""
        if isinstance(tree, exp.Column):
            return self._column(tree, scope)
        found, is_computed = Output(), not isinstance(tree, exp.Literal | exp.Null | exp.Boolean)
        for node in walk_in_scope(tree):
            if isinstance(node, exp.Column):
                found |= self._column(node, scope)
            elif isinstance(node, exp.Query) and node is not tree:
                found |= self._nested_query(node, scope)
            elif isinstance(node, _DAYS) or (isinstance(node, exp.Literal) and node.this in self._days):
                found |= Output(how="clock")
            elif isinstance(node, exp.Window) and node.args.get("alias"):
                found |= self._window(node, scope)
            elif isinstance(node, exp.Columns) or (isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count)):
                self._problem(f"{node.sql('duckdb')} cannot be resolved")
        if tree.find(exp.AggFunc) is not None or tree.find(exp.Window) is not None:
            found |= Output(how="aggregate") if found.sources else Output(self._rows(scope), "rows")
        elif found.sources and is_computed:
            found |= Output(how="expression")
        return found

    def _window(self, node: exp.Window, scope: Scope) -> Output:
        named = {window.name: window for window in scope.expression.args.get("windows") or []}
        window = named.get(node.args["alias"].name)
        return self._collect(window, scope) if window is not None else Output()

    def _nested_query(self, node: exp.Query, scope: Scope) -> Output:
        inner = next((each for each in scope.subquery_scopes if each.expression is node.unnest()), None)
        found = Output()
        for name in self._names(inner) if inner else []:
            found |= self._output(inner, name) if inner else Output()
        return found

    def _column(self, column: exp.Column, scope: Scope) -> Output:
        if not column.table:
            return self._bare(column.name, scope)
        at: Scope | None = scope
        while at is not None:
            if column.table in at.sources:
                return self._from(at.sources[column.table], column.name)
            at = at.parent
        self._problem(f"column {column.sql('duckdb')} is of no table that is read")
        return Output()

    def _bare(self, name: str, scope: Scope) -> Output:
        """A name without a table: an output of the query itself, as in ORDER BY, or of the one table whose columns are not known."""
        if name in self._names(scope) and (id(scope), name) not in self._open:
            return self._output(scope, name)
        tables = [source for _, source in scope.selected_sources.values() if isinstance(source, exp.Table) and source.db]
        unknown = [table for table in tables if _name(table) not in self._schema]
        if len(unknown) == 1:
            return self._from(unknown[0], name)
        self._problem(f"column {name} is in no table that is known")
        return Output()

    def _from(self, source: exp.Expr | Scope, column: str) -> Output:
        if isinstance(source, Scope):  # within a recursive CTE sqlglot gives a copy of its first part that has no sources
            return self._output(self._scopes.get(id(source.expression), source), column)
        if not isinstance(source, exp.Table) or not source.db:
            return Output()  # a table function, as `range(7)`
        ref = Ref(_name(source), column)
        known = self._schema.get(ref.table)
        if known is not None and column not in known:
            self._problem(f"table {ref.table} has no column {column}")
        self._uses.add(ref)
        return Output(frozenset({ref}), "same")

    def _rows(self, scope: Scope) -> frozenset[Ref]:
        found: set[Ref] = set()
        for _, source in scope.selected_sources.values():
            if isinstance(source, Scope):
                found |= self._rows(source)
            elif isinstance(source, exp.Table) and source.db:
                found.add(Ref(_name(source), ROWS))
        for side in scope.set_operation_scopes:
            found |= self._rows(side)
        return frozenset(found)

    def _problem(self, words: str) -> None:
        self._problems[words] = None
