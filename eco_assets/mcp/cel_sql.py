"""CEL as DuckDB SQL with the same meaning exactly; what cannot be exact is refused.

An expression that fails is NULL in SQL: three-valued logic then absorbs failures as CEL does (`true || failed` is true). A known null is
no failure, so it may only stand where the two cannot be confused: as a name or a literal beside `==`, `!=` and `in`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eco_assets.mcp.expressions import Node, Read

Type = Literal["double", "int", "text", "bool", "null"]
_ORDERED, _ARITHMETIC = ("<", "<=", ">", ">="), ("+", "-", "*", "/")
_EXACT = 2**53  # whole numbers up to here are exact as doubles


class Untranslatable(Exception):
    """The expression has no exact SQL; the row engine evaluates it."""


@dataclass(frozen=True)
class Sql:
    """SQL of one expression: its static type, whether a known null is among its values, and whether it may be NaN."""

    type: Type
    text: str
    may_be_null: bool = False
    may_be_nan: bool = False


Columns = Mapping[Read, Sql]


def translate(node: Node, columns: Columns) -> Sql:
    """SQL of a tree over named columns.

    Raises:
        Untranslatable: it has no exact SQL, or its types make it fail always.
    """
    if node.kind == "literal":
        return literal(node.value)
    if node.kind == "read":
        return columns[node.value]
    parts = tuple(translate(part, columns) for part in node.parts if part.kind != "list")
    if node.kind == "if":
        return _condition(*parts)
    if node.kind == "unary":
        return _unary(node.value, parts[0])
    if node.kind == "binary" and node.value == "in" and node.parts[1].kind == "list":
        return _among(parts[0], [translate(item, columns) for item in node.parts[1].parts])
    if node.kind == "binary" and node.value != "in":
        return _binary(node.value, *parts)
    raise Untranslatable(node.kind)


def literal(value: Any) -> Sql:
    """SQL of a constant. Raises `Untranslatable`."""
    if value is None:
        return Sql("null", "NULL", may_be_null=True)
    if isinstance(value, bool):
        return Sql("bool", "true" if value else "false")
    if isinstance(value, str):
        if "\0" in value:
            raise Untranslatable("a text with NUL")
        return Sql("text", "'" + value.replace("'", "''") + "'")
    if isinstance(value, int):
        return Sql("int", str(value))
    return Sql("double", f"'{value!r}'::DOUBLE")


def need(test: bool, why: str) -> None:
    """Raise `Untranslatable` unless the test holds."""
    if not test:
        raise Untranslatable(why)


def _condition(test: Sql, yes: Sql, no: Sql) -> Sql:
    need(test.type == "bool", "a condition that is not true or false")
    types: list[Type] = [part.type for part in (yes, no) if part.type != "null"]
    need(len(set(types)) == 1 and "int" not in types, "branches of different types")
    nullable, nan = yes.may_be_null or no.may_be_null, yes.may_be_nan or no.may_be_nan
    return Sql(types[0], f"(CASE WHEN {test.text} THEN {yes.text} WHEN NOT {test.text} THEN {no.text} END)", nullable, nan)


def _unary(operator: str, part: Sql) -> Sql:
    if operator == "!":
        need(part.type == "bool", "! of no condition")
        return Sql("bool", f"(NOT {part.text})")
    need(part.type == "double" or (part.type == "int" and part.text.isdigit()), "- of no number")
    return Sql(part.type, f"(-{part.text})", may_be_nan=part.may_be_nan)


def _binary(operator: str, left: Sql, right: Sql) -> Sql:
    if operator in ("&&", "||"):
        need(left.type == right.type == "bool", f"{operator} of no conditions")
        return Sql("bool", f"({left.text} {'AND' if operator == '&&' else 'OR'} {right.text})")
    if operator in _ARITHMETIC:
        need(left.type == right.type == "double", f"{operator} of {left.type} and {right.type}")
        return Sql("double", f"({left.text} {operator} {right.text})", may_be_nan=True)
    left, right = _as_doubles(left, right)
    if operator in _ORDERED:
        need(left.type == right.type and left.type != "null", f"{operator} of {left.type} and {right.type}")
        return Sql("bool", _unless_nan(left, right, "NULL", f"{left.text} {operator} {right.text}"))
    equal = _equal(left, right)
    need(operator in ("==", "!="), operator)
    return equal if operator == "==" else Sql("bool", f"(NOT {equal.text})")


def _is_name(part: Sql) -> bool:
    return part.text.startswith('"')


def _as_doubles(left: Sql, right: Sql) -> tuple[Sql, Sql]:
    """Comparison, unlike arithmetic, takes whole numbers beside doubles."""

    def widened(part: Sql) -> Sql:
        if part.type != "int":
            return part
        need(abs(int(part.text.strip("()"))) <= _EXACT, "a whole number that is not exact as a double")
        return Sql("double", f"({part.text})::DOUBLE")

    return widened(left), widened(right)


def _equal(left: Sql, right: Sql) -> Sql:
    for part in (left, right):
        need(not part.may_be_null or _is_name(part) or part.type == "null", "a condition that gives null beside ==")
    if left.type == right.type == "null":
        return Sql("bool", "true")
    if "null" in (left.type, right.type):
        other = left if right.type == "null" else right
        return Sql("bool", f"({other.text} IS NULL)" if other.may_be_null else _false_unless_failed(other))
    if left.type != right.type:
        need(not (left.may_be_null and right.may_be_null), "nulls of different types beside ==")
        need(_never_fails(left) and _never_fails(right), "an expression beside == of another type")
        return Sql("bool", "false")
    if left.may_be_null and right.may_be_null:
        return Sql("bool", f"({left.text} IS NOT DISTINCT FROM {right.text})")
    for known, other in ((left, right), (right, left)):
        if known.may_be_null:
            test = f"coalesce({known.text} = {other.text}, false)"
            return Sql("bool", f"(CASE WHEN {other.text} IS NULL THEN NULL ELSE {_unless_nan(known, other, 'false', test)} END)")
    test = f"({left.text} = {right.text})"
    if left.may_be_nan or right.may_be_nan:
        test = f"(CASE WHEN {left.text} IS NULL OR {right.text} IS NULL THEN NULL ELSE {_unless_nan(left, right, 'false', test)} END)"
    return Sql("bool", test)


def _never_fails(part: Sql) -> bool:
    return part.text.startswith(('"', "'")) or part.text in ("true", "false")


def _false_unless_failed(part: Sql) -> str:
    return "false" if _never_fails(part) else f"(CASE WHEN {part.text} IS NULL THEN NULL ELSE false END)"


def _unless_nan(left: Sql, right: Sql, then: str, test: str) -> str:
    """CEL neither orders NaN nor finds it equal to anything; DuckDB does both."""
    odd = [f"isnan({part.text})" for part in (left, right) if part.may_be_nan]
    return f"(CASE WHEN {' OR '.join(odd)} THEN {then} ELSE {test} END)" if odd else f"({test})"


def _among(left: Sql, items: Sequence[Sql]) -> Sql:
    if not items:
        return Sql("bool", _false_unless_failed(left))
    return Sql("bool", "(" + " OR ".join(_equal(*_as_doubles(left, item)).text for item in items) + ")")
