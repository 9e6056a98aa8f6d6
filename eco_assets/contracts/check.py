"""Compiles a contract to SQL that finds every row that breaks it. Reading files and deciding what to do is `aurion/landing.py`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eco_assets.contracts.contract import Column, Contract

if TYPE_CHECKING:
    import duckdb

_SAMPLE = 5
_TEXT = ("VARCHAR",)
_WHOLE = ("INTEGER", "BIGINT")
_REAL = ("DOUBLE",)


@dataclass(frozen=True)
class Violation:
    """A rule of the contract that rows of a file break. `rows` are 1-based data rows, the first few; `value` one example."""

    file: str
    rule: str
    column: str
    count: int
    rows: tuple[int, ...]
    value: str

    def __str__(self) -> str:
        """The sentence people read: file, row, column, what is wrong."""
        if not self.rows:
            return f"{self.file}: {self.rule}" + (f" (column {self.column})" if self.column else "")
        more = "" if self.count == len(self.rows) else f" and {self.count - len(self.rows)} more"
        return f"{self.file}: row {', '.join(map(str, self.rows))}{more}, column {self.column}: {self.rule} ({self.value})"


def quoted(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A SQL string."""
    return "'" + value.replace("'", "''") + "'"


def text(column: Column) -> str:
    """SQL for the column's text, NULL where the contract says that it means nothing."""
    value = quoted(column.physical_name)
    for null in column.null_strings:
        value = f"nullif({value}, {literal(null)})"
    return value


def typed(column: Column) -> str:
    """SQL that turns the column's text in the file into its type, or NULL where it cannot."""
    if column.date_format:
        return f"TRY_CAST(try_strptime({text(column)}, '{column.date_format}') AS {column.sql_type})"
    if column.sql_type in _TEXT:
        return text(column)
    return f"TRY_CAST({text(column)} AS {column.sql_type})"


def typed_select(contract: Contract, value: Callable[[Column], str] = typed) -> str:
    """The select list that gives a typed row; `value` is the SQL of one column."""
    return ", ".join(f"{value(column)} AS {quoted(column.name)}" for column in contract.columns)


def _row_rules(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """(rule in words, column name, SQL that is true for a row that breaks it), over the columns' text."""
    for column in contract.columns:
        present, value = text(column), typed(column)
        if column.sql_type not in _TEXT:
            yield f"not a valid {column.sql_type}", column.name, f"{present} IS NOT NULL AND {_is_invalid(column)}"
        yield from _value_rules(contract, column, present, value)
        if column.is_unique and contract.key != (column.name,):
            yield (
                "occurs more than once",
                column.name,
                f"{present} IS NOT NULL AND count(*) OVER (PARTITION BY {value}) > 1",
            )
    if contract.key and contract.load_mode != "append":
        key = ", ".join(typed(column) for column in contract.columns if column.name in contract.key)
        yield "the key occurs more than once", "+".join(contract.key), f"count(*) OVER (PARTITION BY {key}) > 1"


def _value_rules(contract: Contract, column: Column, present: str, value: str) -> Iterator[tuple[str, str, str]]:
    if column.is_required or column.name in contract.key:
        yield "a value is required", column.name, f"{present} IS NULL"
    if column.minimum is not None:
        yield f"below the minimum {column.minimum}", column.name, f"{value} < {column.minimum}"
    if column.maximum is not None:
        yield f"above the maximum {column.maximum}", column.name, f"{value} > {column.maximum}"
    if column.pattern:
        yield f"does not look like {column.pattern}", column.name, f"NOT regexp_matches({value}, {literal(column.pattern)})"
    if column.valid_values:
        allowed = ", ".join(literal(item) for item in column.valid_values)
        yield "not one of the allowed values", column.name, f"{value} IS NOT NULL AND {value} NOT IN ({allowed})"


def typed_rules(contract: Contract, value: Callable[[Column], str]) -> list[str]:
    """SQL conditions that are true for a row that breaks the contract, over typed columns.

    Left out is what concerns several rows (`unique_sets`) and what is cheaper to ask of the written file (`pattern_rules`).
    """
    found = []
    for column in contract.columns:
        if column.sql_type in _REAL:
            found.append(f"NOT isfinite({value(column)})")
        plain = replace(column, pattern=None)
        found.extend(condition for _, _, condition in _value_rules(contract, plain, value(column), value(column)))
    return found


def pattern_rules(contract: Contract) -> list[str]:
    """One condition a column with a pattern, over lake names; DuckDB asks it once a dictionary entry of a Parquet file, not once a row."""
    return [f"NOT regexp_matches({quoted(c.name)}, {literal(c.pattern)})" for c in contract.columns if c.pattern]


def unique_sets(contract: Contract) -> list[tuple[str, ...]]:
    """Sets of columns whose values may not occur twice; a message may be delivered again, so where rows are appended a key may."""
    single = [(column.name,) for column in contract.columns if column.is_unique and contract.key != (column.name,)]
    return [*single, *([contract.key] if contract.key and contract.load_mode != "append" else [])]


def _is_invalid(column: Column) -> str:
    """SQL that is true where the text is not of the column's type. DuckDB would round 4.5 to an integer and read `nan` as a number."""
    value = typed(column)
    if column.sql_type in _WHOLE:
        return f"({value} IS NULL OR TRY_CAST({text(column)} AS DECIMAL(38, 9)) <> {value})"
    if column.sql_type in _REAL:
        return f"({value} IS NULL OR NOT isfinite({value}))"
    return f"{value} IS NULL"


def find_violations(db: duckdb.DuckDBPyConnection, contract: Contract, file: str) -> list[Violation]:
    """Check the table `incoming` (text columns as in the file, plus `_eco_row`); leaves the broken rows in table `broken`.

    `broken(_eco_row, rule, column_name, value)` has one line for each rule that a row breaks.
    """
    rules = list(_row_rules(contract))
    marks = ", ".join(f"({condition}) AS r{number}" for number, (_, _, condition) in enumerate(rules))
    db.execute(f"CREATE OR REPLACE TEMP TABLE marked AS SELECT *, {marks} FROM incoming")
    db.execute("CREATE OR REPLACE TEMP TABLE broken (_eco_row BIGINT, rule VARCHAR, column_name VARCHAR, value VARCHAR)")
    columns = {column.name: column for column in contract.columns}
    flags = ", ".join(f"count(*) FILTER (WHERE r{number})" for number in range(len(rules)))
    counts = db.execute(f"SELECT {flags} FROM marked").fetchone() or ()
    found = []
    for number, (rule, name, _) in enumerate(rules):
        if not counts[number]:
            continue
        named = [columns[part] for part in name.split("+")]
        shown = " || '+' || ".join(_shown(column) for column in named)
        db.execute(
            f"INSERT INTO broken SELECT _eco_row, $rule, $name, {shown} FROM marked WHERE r{number}",
            {"rule": rule, "name": name},
        )
        sample = db.execute(f"SELECT _eco_row, {shown} FROM marked WHERE r{number} ORDER BY _eco_row LIMIT {_SAMPLE}").fetchall()
        found.append(Violation(file, rule, name, counts[number], tuple(row for row, _ in sample), sample[0][1]))
    return found


def _shown(column: Column) -> str:
    """SQL for a value as it may be shown: personal data is masked, long text is cut."""
    if column.is_personal:
        return "'•••'"
    return f"coalesce('\"' || left({quoted(column.physical_name)}, 40) || '\"', 'empty')"
