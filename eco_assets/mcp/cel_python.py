"""CEL as Python functions, for one subject at a time: without the names that CEL copies for every subject, its dearest part.

A function gives exactly what CEL gives, or it raises one of `UNSURE`; the caller then asks CEL itself, which says what is wrong or absorbs
a failure as CEL does (`failed || true`). What cannot be exact has no function. Inputs are finite: `decision_id` refuses others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eco_assets.mcp.expressions import Node, Read

Function = Callable[[Sequence[Any]], Any]
UNSURE = (TypeError, ValueError, ArithmeticError)
_ORDERED, _ARITHMETIC = ("<", "<=", ">", ">="), ("+", "-", "*", "/")
_EXACT = 2**53  # whole numbers up to here are exact as doubles


class _Inexact(Exception):
    """The expression has no exact Python."""


class Translator:
    """Turns trees into functions of the values of `places`, in their order.

    Attributes:
        numbers: the reads that functions take for numbers; they hold for values that are floats or None in these places, and of the exact
            types `float`, `str`, `bool` or None in the others.
    """

    def __init__(self, places: Mapping[Read, int], constants: Mapping[Read, float | str]) -> None:
        self._places, self._constants = places, constants
        self.numbers: set[Read] = set()

    def condition(self, tree: Node | None) -> Function | None:
        """A function that gives true or false, or None where there is none."""
        return self._function(tree, self._bool)

    def number(self, tree: Node | None) -> Function | None:
        """A function that gives a number, or None where there is none. The number may be NaN or infinite."""
        return self._function(tree, self._compared)

    def _function(self, tree: Node | None, written: Callable[[Node], str]) -> Function | None:
        if tree is None:
            return None
        before = set(self.numbers)
        try:
            # The text is made of operators, numbered places and `repr` of constants: nothing of the policy's own text is in it.
            return eval(f"lambda v: {written(tree)}", {"flag": _flag, "known": _known})  # type: ignore[no-any-return]  # noqa: S307
        except (_Inexact, SyntaxError, RecursionError, MemoryError):  # the last three: nested too deep
            self.numbers = before
            return None

    def _bool(self, node: Node) -> str:
        if node.kind == "literal" and isinstance(node.value, bool):
            return repr(node.value)
        if node.kind == "read" and node.value in self._places:
            return f"flag(v[{self._places[node.value]}])"
        if node.kind == "if":
            return self._if(node, self._bool)
        if node.kind == "unary" and node.value == "!":
            return f"(not {self._bool(node.parts[0])})"
        if node.kind != "binary":
            raise _Inexact
        left, right = node.parts
        if node.value in ("&&", "||"):
            return f"({self._bool(left)} {'and' if node.value == '&&' else 'or'} {self._bool(right)})"
        if node.value in _ORDERED:
            return f"({self._not_nan(left)} {node.value} {self._not_nan(right)})"
        if node.value in ("==", "!="):
            return f"({'not ' if node.value == '!=' else ''}{self._equal(left, right)})"
        if node.value == "in" and right.kind == "list":
            return f"({' or '.join(self._equal(left, item) for item in right.parts) or self._absent(left)})"
        raise _Inexact

    def _number(self, node: Node) -> str:
        """A double. Anything else makes Python raise, as Python adds no null to a number."""
        value = self._value(node)
        if isinstance(value, float) and value - value == 0:
            return f"({value!r})"
        if node.kind == "read" and node.value in self._places and node.value[0] != "answers":  # which are texts
            self.numbers.add(node.value)
            return f"v[{self._places[node.value]}]"
        if node.kind == "if":
            return self._if(node, self._number)
        if node.kind == "unary" and node.value == "-":
            return f"(-{self._number(node.parts[0])})"
        if node.kind == "binary" and node.value in _ARITHMETIC:
            return f"({self._number(node.parts[0])} {node.value} {self._number(node.parts[1])})"
        raise _Inexact

    def _compared(self, node: Node) -> str:
        """A number that stands alone or beside a comparison, where CEL takes whole ones too."""
        if node.kind == "unary" and node.value == "-" and node.parts[0].kind == "literal":
            return f"(-{self._compared(node.parts[0])})"
        if node.kind == "literal" and type(node.value) is int and node.value <= _EXACT:
            return repr(node.value)
        return self._number(node)

    def _not_nan(self, node: Node) -> str:
        """CEL does not order NaN, which arithmetic alone can give."""
        text = self._compared(node)
        return text if node.kind in ("read", "literal") else f"known({text})"

    def _if(self, node: Node, written: Callable[[Node], str]) -> str:
        test, yes, no = node.parts
        return f"({written(yes)} if {self._bool(test)} else {written(no)})"

    def _equal(self, left: Node, right: Node) -> str:
        for one, other in ((left, right), (right, left)):
            if other.kind == "read" and other.value in self._places:
                place, value = f"v[{self._places[other.value]}]", self._value(one)
                if one.kind == "literal" and (value is None or isinstance(value, bool)):
                    return f"({place} is {value!r})"
                if isinstance(value, str):
                    return f"({place} == {value!r})"
                if one.kind == "read" and one.value in self._places:
                    first = f"v[{self._places[one.value]}]"
                    return f"({first} == {place} and {first}.__class__ is {place}.__class__)"
        if self._is_bool(left) and self._is_bool(right):
            return f"({self._bool(left)} == {self._bool(right)})"
        return f"({self._compared(left)} == {self._compared(right)})"

    @staticmethod
    def _is_bool(node: Node) -> bool:
        return (node.kind == "binary" and node.value not in _ARITHMETIC) or (node.kind, node.value) == ("unary", "!")

    @staticmethod
    def _absent(node: Node) -> str:
        if node.kind not in ("read", "literal"):
            raise _Inexact
        return "False"

    def _value(self, node: Node) -> Any:
        """A literal's or a parameter's value; the node itself for anything else."""
        if node.kind == "literal":
            return node.value
        return self._constants.get(node.value, node) if node.kind == "read" else node


def _flag(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise TypeError


def _known(value: float) -> float:
    if value != value:
        raise ValueError
    return value
