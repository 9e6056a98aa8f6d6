"""A policy evaluated in DuckDB, for thousands of subjects at once.

Subjects on whom something fails, or about whom something must be asked, are left to the row engine, which words the failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from eco_assets.mcp.cel_sql import Sql, Type, Untranslatable, literal, need, translate
from eco_assets.mcp.evaluation import Evaluation, Narrowed, clipped, input_errors, narrow, stale_inputs, weigh
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
    batch, table = batch_of(contexts, policy)
    return _assembled(contexts, policy, batch.run(table))


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
        array = pa.array([known.get(name) for known in part])
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:  # values of more than one type
        raise Untranslatable(f"{root}.{name}: {error}") from error
    if str(array.type) == "null":
        return array.cast(pa.float64())
    if str(array.type) not in _TYPES:
        raise Untranslatable(f"{root}.{name} of type {array.type}")
    return array


def _assembled(contexts: Sequence[Context], policy: Policy, found: Mapping[str, Any]) -> list[Evaluation | None]:
    seen = {ask.id: ask.otherwise for ask in policy.ask}
    conditions = [[found[f"{part}{n}"].tolist() for n in range(len(getattr(policy, part)))] for part in ("rules", "ask")]
    rules, asks = (list(zip(*columns, strict=True)) or [()] * len(contexts) for columns in conditions)
    weights = [list(zip(*(found[f"{part}{n}"].tolist() for part in "evc"), strict=True)) for n in range(len(policy.actions))]
    narrowed: dict[tuple[int, ...], Narrowed] = {}
    evaluations: list[Evaluation | None] = []
    for context, held, asked, confidence, *weighed in zip(contexts, rules, asks, found["confidence"].tolist(), *weights, strict=True):
        if any(asked) or FAILED in held or not _is_finite(confidence) or not _has_inputs(context, policy):
            evaluations.append(None)
            continue
        if held not in narrowed:
            narrowed[held] = narrow(policy, partial(_holds, held))
        left = narrowed[held]
        evaluations.append(
            Evaluation(_options(policy, left, weighed), left, clipped(confidence), seen) if _is_whole(policy, left, weighed) else None
        )
    return evaluations


def _has_inputs(context: Context, policy: Policy) -> bool:
    """Nothing is too old and nothing that is required is missing."""
    stale = stale_inputs(context, policy)
    return not stale and not input_errors(context, policy, stale)


def _is_whole(policy: Policy, narrowed: Narrowed, weighed: Sequence[tuple[int, float, float]]) -> bool:
    """No expression failed of an action that the rules permit."""
    return all(
        action.name in narrowed.barred or code == 0 or (code == 1 and _is_finite(value) and _is_finite(cost))
        for action, (code, value, cost) in zip(policy.actions, weighed, strict=True)
    )


def _options(policy: Policy, narrowed: Narrowed, weighed: Sequence[tuple[int, float, float]]) -> tuple[dict[str, Any], ...]:
    return weigh(policy, narrowed, partial(_weight, weighed))


def _holds(held: Sequence[int], number: int) -> bool:
    return held[number] == 1


def _weight(weighed: Sequence[Any], number: int) -> tuple[bool, float, float]:
    code, value, cost = weighed[number]
    return (True, value, cost) if code == 1 else (False, 0.0, 0.0)


def _is_finite(value: float) -> bool:
    return value - value == 0.0
