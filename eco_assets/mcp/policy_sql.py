"""A policy evaluated in DuckDB, for thousands of subjects at once.

Subjects on whom something fails, or about whom something must be asked, are left to the row engine, which words the failure.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from eco_assets.mcp.cel_sql import Sql, Type, Untranslatable, literal, need, translate
from eco_assets.mcp.evaluation import Evaluation, Narrowed, clipped, input_errors, narrow, option_of, stale_inputs
from eco_assets.mcp.expressions import Read
from eco_assets.mcp.policies import Policy

if TYPE_CHECKING:
    from eco_assets.mcp.engine import Context

_TYPES: Mapping[str, Type] = {"double": "double", "string": "text", "bool": "bool"}  # of Arrow
FAILED = 2  # a condition's code where it failed; 0 and 1 are false and true


class Batch:
    """A policy's SQL for columns of given types; nobody is asked anything in it."""

    def __init__(self, policy: Policy, types: Mapping[Read, Type]) -> None:
        self.policy = policy
        columns = {read: Sql(kind, f'"{number}"', may_be_null=True) for number, (read, kind) in enumerate(types.items())}
        constants = {("params", name): literal(value) for name, value in policy.params.items()}
        otherwise = {("answers", ask.id): literal(ask.otherwise) for ask in policy.ask}
        self._columns = {**columns, **constants, **otherwise}
        selected = [f"{self._code((part, n, 'when'))} AS {part}{n}" for part in ("rules", "ask") for n in range(len(getattr(policy, part)))]
        for number in range(len(policy.actions)):
            selected.append(f"{self._code(('actions', number, 'eligible'))} AS e{number}")
            for key, name in (("value_brl", "v"), ("cost_brl", "c")):
                selected.append(f"{self._number(('actions', number, key))} AS {name}{number}")
        self.sql = f"SELECT {', '.join(selected)}, {self._number(('confidence',))} AS confidence FROM subjects"

    def _translated(self, loc: tuple[int | str, ...]) -> Sql:
        tree = self.policy.expressions[loc].tree
        if tree is None:
            raise Untranslatable(self.policy.expressions[loc].source)
        return translate(tree, self._columns)

    def _code(self, loc: tuple[int | str, ...]) -> str:
        sql = self._translated(loc)
        need(sql.type == "bool", "a condition that is not true or false")
        return f"CAST(coalesce({sql.text}::TINYINT, {FAILED}) AS TINYINT)"

    def _number(self, loc: tuple[int | str, ...]) -> str:
        sql = self._translated(loc)
        need(sql.type in ("double", "int"), "a number that is none")
        return f"coalesce(({sql.text})::DOUBLE, 'nan'::DOUBLE)"

    def run(self, table: Any) -> dict[str, Any]:
        """The columns of `sql` as numpy arrays over an Arrow table of subjects."""
        import duckdb

        with duckdb.connect() as db:
            db.register("subjects", table)
            return dict(db.execute(self.sql).fetchnumpy())


def evaluate_many(contexts: Sequence[Context], policy: Policy) -> list[Evaluation | None]:
    """Evaluations of many subjects, each as the row engine gives it; None where the row engine must evaluate.

    That is where something fails or is too old, and where a question must be asked.

    Raises:
        Untranslatable: the policy or the values have no exact SQL.
    """
    with _uncollected():
        batch, table = batch_of(contexts, policy)
        return _assembled(contexts, policy, batch.run(table))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without searches for cycles: there are none in what is made here, and looking for them among so many objects is 40 % of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def batch_of(contexts: Sequence[Context], policy: Policy) -> tuple[Batch, Any]:
    """The SQL for these subjects, and the Arrow table that it reads. Raises `Untranslatable` as `evaluate_many`."""
    import pyarrow as pa

    parts = {root: [getattr(context, root) for context in contexts] for root in ("features", "predictions", "age_hours")}
    arrays = {(root, name): _array(part, root, name) for root, part in parts.items() for name in _names(policy, root)}
    columns = {str(number): array for number, array in enumerate(arrays.values())}
    return Batch(policy, {read: _TYPES[str(array.type)] for read, array in arrays.items()}), pa.table(
        columns or {"0": pa.nulls(len(contexts))}
    )


def _names(policy: Policy, root: str) -> tuple[str, ...]:
    names = policy.reads(root)
    if names is None:
        raise Untranslatable(f"{root} as a whole")
    return names


def _array(part: Sequence[Mapping[str, Any]], root: str, name: str) -> Any:
    import pyarrow as pa

    try:
        values = list(map(itemgetter(name), part))
    except KeyError:  # not everybody has it
        values = [known.get(name) for known in part]
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:  # values of more than one type
        raise Untranslatable(f"{root}.{name}: {error}") from error
    if str(array.type) == "null":
        return array.cast(pa.float64())
    if str(array.type) not in _TYPES:
        raise Untranslatable(f"{root}.{name} of type {array.type}")
    return array


def _assembled(contexts: Sequence[Context], policy: Policy, found: Mapping[str, Any]) -> list[Evaluation | None]:
    seen = dict(policy.plan.otherwise)
    conditions = [[found[f"{part}{n}"].tolist() for n in range(len(getattr(policy, part)))] for part in ("rules", "ask")]
    rules, asks = (list(zip(*columns, strict=True)) or [()] * len(contexts) for columns in conditions)
    weights = [list(zip(*(found[f"{part}{n}"].tolist() for part in "evc"), strict=True)) for n in range(len(policy.actions))]
    left = _Left(policy)
    evaluations: list[Evaluation | None] = []
    for context, held, asked, confidence, *weighed in zip(contexts, rules, asks, found["confidence"].tolist(), *weights, strict=True):
        options = None
        if not any(asked) and _is_finite(confidence) and FAILED not in held and _has_inputs(context, policy):
            options = left.options(held, weighed)
        evaluations.append(None if options is None else Evaluation(options, left.narrowed(held), clipped(confidence), seen))
    return evaluations


def _has_inputs(context: Context, policy: Policy) -> bool:
    """Nothing is too old and nothing that is required is missing."""
    stale = stale_inputs(context, policy)
    return not stale and not input_errors(context, policy, stale)


class _Left:
    """What rules leave of a policy's actions, by which of them held: many subjects share it, so it is worked out once for each."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._narrowed: dict[tuple[int, ...], Narrowed] = {}
        self._barred: dict[tuple[int, ...], list[dict[str, Any] | None]] = {}
        self._not_eligible = [option_of(action, None, False, 0.0, 0.0) for action in policy.plan.actions]

    def narrowed(self, held: tuple[int, ...]) -> Narrowed:
        """What the rules leave."""
        found = self._narrowed.get(held)
        if found is None:
            found = self._narrowed[held] = narrow(self._policy, lambda number: held[number] == 1)
            by = [found.barred.get(action.name) for action in self._policy.plan.actions]
            self._barred[held] = [
                option_of(action, rule, False, 0.0, 0.0) if rule else None
                for action, rule in zip(self._policy.plan.actions, by, strict=True)
            ]
        return found

    def options(self, held: tuple[int, ...], weighed: Sequence[tuple[int, float, float]]) -> tuple[dict[str, Any], ...] | None:
        """One subject's options; None where an expression failed of an action that the rules permit."""
        self.narrowed(held)
        found: list[dict[str, Any]] = []
        for action, barred, not_eligible, (code, value, cost) in zip(
            self._policy.plan.actions, self._barred[held], self._not_eligible, weighed, strict=True
        ):
            if barred is not None:
                found.append(barred)
            elif code == 0:
                found.append(not_eligible)
            elif code == 1 and _is_finite(value) and _is_finite(cost):
                found.append(option_of(action, None, True, value, cost))
            else:
                return None
        return tuple(found)


def _is_finite(value: float) -> bool:
    return value - value == 0.0
