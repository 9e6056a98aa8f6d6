"""The graph of tables, columns and their readers, and the walks over it. What goes into it is gathered in `project.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from eco_assets.errors import NotFound
from eco_assets.lineage.columns import ROWS, Output, Ref

TABLES = ("file", "raw", "view", "dbt", "prediction")
READERS = ("test", "rule", "feature view", "policy", "trace", "figure", "chart", "clock")


@dataclass(frozen=True)
class Node:
    """A table, or something that reads tables and is none.

    `kind` is one of `TABLES` or `READERS`; `tables` and `uses` are what it reads; a prediction's columns are all made of all that its
    model reads, so it has the one column `*`. `problems` are names in its SQL that could not be resolved.
    """

    name: str
    kind: str
    columns: Mapping[str, Output] = field(default_factory=dict)
    uses: frozenset[Ref] = frozenset()
    tables: frozenset[str] = frozenset()
    label: str = ""
    problems: tuple[str, ...] = ()

    def output(self, column: str) -> Output:
        """How a column is made; the rows of a table are made of the rows of those it reads."""
        if column in self.columns:
            return self.columns[column]
        if column == ROWS:
            return Output(frozenset(Ref(table, ROWS) for table in self.tables), "rows")
        return self.columns.get(ROWS, Output())


@dataclass(frozen=True)
class Consumer:
    """Something that reads a table or a column: itself (`is_direct`), or by what it reads. `columns` are the ones it reads itself."""

    name: str
    kind: str
    is_direct: bool
    columns: tuple[str, ...]


class Lineage:
    """All nodes by name."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}

    def node(self, table: str) -> Node:
        """One node. Raises `NotFound`."""
        if table not in self.nodes:
            raise NotFound(f"lineage knows no {table!r}; tables are called raw.<domain>.<entity> or <schema>.<table>")
        return self.nodes[table]

    def upstream(self, table: str, column: str) -> frozenset[Ref]:
        """Every column that this one is computed from, at any distance, down to the columns of files."""
        return frozenset(self._walk(Ref(table, column), self._sources))

    def origins(self, table: str, column: str) -> frozenset[Ref]:
        """The columns of raw tables that this one is computed from; `*` stands for a table's rows."""
        return frozenset(ref for ref in {Ref(table, column), *self.upstream(table, column)} if self._is_raw(ref))

    def downstream(self, table: str, column: str) -> frozenset[Ref]:
        """Every column that is computed from this one, at any distance."""
        return frozenset(self._walk(Ref(table, column), self._made))

    def basis(self, table: str, column: str) -> str:
        """What a column rests on in the end: `raw`, `clock`, `constant`, or `unknown` when its way is lost; never guessed."""
        refs = {Ref(table, column), *self.upstream(table, column)}
        outputs = [(self.nodes.get(ref.table), ref) for ref in refs]
        if any(node is None or not self._is_listed(node, ref.column) for node, ref in outputs):
            return "unknown"
        if any(self._is_raw(ref) for ref in refs):
            return "raw"
        return "clock" if any(node is not None and node.output(ref.column).how == "clock" for node, ref in outputs) else "constant"

    def how(self, table: str, column: str) -> str:
        """How a column is made of raw ones: the strongest step on its way, one of `columns.HOW`."""
        own = self.node(table).output(column)
        for ref in self.upstream(table, column):
            if ref.table in self.nodes and self.nodes[ref.table].kind not in ("file", "raw"):
                own |= self.nodes[ref.table].output(ref.column)
        return own.how

    def consumers(self, table: str, column: str | None = None) -> list[Consumer]:
        """Who reads a table, or fails without one of its columns, and who reads what those make; readers themselves first.

        A column that only filters or joins counts: without it the query fails.
        """
        direct = {node.name for node in self.nodes.values() if table in node.tables and (column is None or Ref(table, column) in node.uses)}
        reached, waiting = set(direct), list(direct)
        while waiting:
            for reader in self._readers.get(waiting.pop(), ()):
                if reader not in reached:
                    reached.add(reader)
                    waiting.append(reader)
        found = [self._consumer(self.nodes[name], table, name in direct) for name in reached - {table}]
        return sorted(found, key=lambda each: (not each.is_direct, each.kind, each.name))

    def problems(self) -> dict[str, tuple[str, ...]]:
        """What could not be resolved, by node."""
        return {node.name: node.problems for node in self.nodes.values() if node.problems}

    @cached_property
    def _readers(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for node in self.nodes.values():
            for table in node.tables:
                found.setdefault(table, set()).add(node.name)
        return found

    @cached_property
    def _made_of(self) -> dict[Ref, set[Ref]]:
        found: dict[Ref, set[Ref]] = {}
        for node in self.nodes.values():
            for name, output in node.columns.items():
                for source in output.sources:
                    found.setdefault(source, set()).add(Ref(node.name, name))
        return found

    def _is_raw(self, ref: Ref) -> bool:
        return ref.table in self.nodes and self.nodes[ref.table].kind == "raw"

    def _is_listed(self, node: Node, column: str) -> bool:
        return column == ROWS or column in node.columns or ROWS in node.columns

    def _sources(self, ref: Ref) -> Iterable[Ref]:
        node = self.nodes.get(ref.table)
        return node.output(ref.column).sources if node else ()

    def _made(self, ref: Ref) -> Iterable[Ref]:
        node = self.nodes.get(ref.table)
        if node and node.kind == "prediction" and ref.column == ROWS:  # any column that somebody reads and that is not listed
            columns = {each.column for each in self._made_of if each.table == ref.table} - set(node.columns)
            return {made for column in columns for made in self._made_of[Ref(ref.table, column)]}
        return self._made_of.get(ref, ())

    def _walk(self, start: Ref, step: Callable[[Ref], Iterable[Ref]]) -> Iterator[Ref]:
        seen, waiting = {start}, [start]
        while waiting:
            for ref in step(waiting.pop()):
                if ref not in seen:
                    seen.add(ref)
                    waiting.append(ref)
                    yield ref

    def _consumer(self, node: Node, table: str, is_direct: bool) -> Consumer:
        columns = sorted({ref.column for ref in node.uses if ref.table == table})
        return Consumer(node.label or node.name, node.kind, is_direct, tuple(columns))
