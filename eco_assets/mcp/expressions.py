"""CEL expressions of policies: compiled once for the row engine, parsed into a small tree for what must read them.

The tree knows the subset of CEL that policies need (literals, names, arithmetic, comparison, logic, conditions, lists after `in`). It tells
what an expression reads and is what `policy_sql.py` translates. Anything else still runs in the row engine: its `tree` is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eco_assets.errors import PolicyError

SCOPE = ("features", "predictions", "params", "age_hours", "answers")
Read = tuple[str, str]
_TOKEN = re.compile(
    r"""\s*(?:(?P<double>(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+))
    |(?P<int>\d+)(?![\w.])
    |(?P<text>"(?:[^"\\\n]|\\["'\\nrt])*"|'(?:[^'\\\n]|\\["'\\nrt])*')
    |(?P<name>[A-Za-z_]\w*)
    |(?P<op>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:()\[\],.]))""",
    re.VERBOSE,
)
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
_NAMED = re.compile(rf"\b({'|'.join(SCOPE)})(?:\.([A-Za-z_]\w*))?")
_STRING = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Node:
    """One node of the tree.

    `kind` is `literal` (`value`), `read` (`value` is root and name), `list`, `unary`, `binary` (`value` is the operator) or `if`.
    """

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """Itself and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True)
class Expression:
    """A compiled expression. `reads` are the (root, name) pairs in it; None where it reads a root as a whole."""

    source: str
    program: Any
    tree: Node | None
    reads: frozenset[Read] | None

    def run(self, scope: Any) -> Any:
        """Evaluate over a `cel.Context` or a mapping. Raises what CEL raises: see `FAILURES`."""
        return self.program.execute(scope)


FAILURES = (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError)


def compile_expression(source: str, where: str, scope: tuple[str, ...] = SCOPE) -> Expression:
    """Compile one expression.

    Raises:
        PolicyError: it is not CEL, or it uses a name outside `scope`; begins with `where`.
    """
    import cel

    try:
        program = cel.compile(source)
    except (ValueError, TypeError) as error:
        raise PolicyError(f"{where}: {str(error).splitlines()[0] if str(error) else error!r} in {source!r}") from error
    unknown = sorted(set(program.variables()) - set(scope))
    if unknown:
        raise PolicyError(f"{where}: unknown name {unknown[0]!r}; an expression may use {', '.join(scope)}")
    tree = parse(source)
    return Expression(source, program, tree, _reads(tree, source))


def parse(source: str) -> Node | None:
    """The tree of an expression, or None where it is outside the subset."""
    tokens = _tokens(source)
    if tokens is None:
        return None
    try:
        parser = _Parser(tokens)
        tree = parser.condition()
    except _Outside:
        return None
    return tree if parser.is_done else None


class _Outside(Exception):
    """The expression is outside the subset."""


def _tokens(source: str) -> list[tuple[str, str]] | None:
    tokens, at = [], 0
    while at < len(source.rstrip()):
        match = _TOKEN.match(source, at)
        if match is None:
            return None
        at = match.end()
        tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
    return tokens


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._at = tokens, 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._tokens)

    def condition(self) -> Node:
        test = self._level(0)
        if not self._take("?"):
            return test
        yes = self._level(0)
        self._need(":")
        return Node("if", parts=(test, yes, self.condition()))

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while (operator := self._peek()) in _LEVELS[level] and self._kind() in ("op", "name"):
            self._at += 1
            left = Node("binary", operator, (left, self._level(level + 1)))
        return left

    def _unary(self) -> Node:
        for operator in ("!", "-"):
            times = 0
            while self._take(operator):
                times += 1
            if times:  # CEL's grammar takes a row of them as one, which cancels where it is even
                return Node("unary", operator, (self._primary(),)) if times % 2 else self._primary()
        return self._primary()

    def _primary(self) -> Node:
        kind, text = self._kind(), self._peek()
        self._at += 1
        if text == "(" and kind == "op":
            inner = self.condition()
            self._need(")")
            return inner
        if text == "[" and kind == "op":
            return self._list()
        if kind == "name" and text in SCOPE:
            return self._read(text)
        return _literal(kind, text)

    def _read(self, root: str) -> Node:
        if self._take("["):
            kind, text = self._kind(), self._peek()
            self._at += 1
            self._need("]")
            name = _literal(kind, text).value
        else:
            self._need(".")
            kind, name = self._kind(), self._peek()
            self._at += 1
            if kind != "name":
                raise _Outside
        if not isinstance(name, str) or self._peek() in (".", "[", "("):
            raise _Outside
        return Node("read", (root, name))

    def _list(self) -> Node:
        items: list[Node] = []
        while not self._take("]"):
            items.append(self.condition())
            if self._peek() != "]":
                self._need(",")
        return Node("list", parts=tuple(items))

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else "end"

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, text: str) -> bool:
        if self._peek() == text and self._kind() == "op":
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise _Outside


def _literal(kind: str, text: str) -> Node:
    if kind == "double":
        return Node("literal", float(text))
    if kind == "int" and int(text) < 2**63:
        return Node("literal", int(text))
    if kind == "text":
        return Node("literal", re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1]))
    if kind == "name" and text in ("true", "false", "null"):
        return Node("literal", {"true": True, "false": False, "null": None}[text])
    raise _Outside


def _reads(tree: Node | None, source: str) -> frozenset[Read] | None:
    if tree is not None:
        return frozenset(node.value for node in tree.walk() if node.kind == "read")
    found = _NAMED.findall(_STRING.sub("''", source))
    return None if any(not name for _, name in found) else frozenset((root, name) for root, name in found)
