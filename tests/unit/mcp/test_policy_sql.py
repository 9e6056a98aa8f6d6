"""Row engine, SQL batch and replay are one: the same subjects, however odd, get the same decisions."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import policy_with

from eco_assets.mcp.cel_sql import Sql, Untranslatable, translate
from eco_assets.mcp.engine import Context, Spent, conclude, decide, questions
from eco_assets.mcp.evaluation import evaluate
from eco_assets.mcp.expressions import FAILURES, parse
from eco_assets.mcp.policies import Policy, load_policies
from eco_assets.mcp.policy_sql import evaluate_many
from eco_assets.mcp.replay import decide_again

EXTREMES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e308, -1e308, 5e-324, 9007199254740993.0])
NUMBERS = st.one_of(EXTREMES, st.floats(allow_nan=False, allow_infinity=False), st.none())
TEXTS = st.one_of(st.none(), st.sampled_from(["email", "Z", "a", "é", ""]), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
FLAGS = st.one_of(st.none(), st.booleans())
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, TEXTS, TEXTS, FLAGS, FLAGS), min_size=1, max_size=8)
NAMES = ("x", "y", "s", "t", "b", "c")


def numbers(deeper: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(deeper, st.sampled_from(["+", "-", "*", "/"]), deeper).map(lambda parts: f"({' '.join(parts)})"),
        deeper.map(lambda inner: f"-({inner})"),
        st.tuples(conditions(deeper), deeper, deeper).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
    )


def conditions(number: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    texts, flags = st.sampled_from(["features.s", "features.t", "'a'", "'é'"]), st.sampled_from(["features.b", "features.c", "true"])
    plain = st.one_of(
        st.tuples(number, operators, number).map(" ".join),
        st.tuples(texts, operators, texts).map(" ".join),
        st.tuples(flags, operators, flags).map(" ".join),
        flags,
        st.tuples(st.sampled_from(["features.x", "features.s", "features.b"]), st.sampled_from(["== null", "!= null"])).map(" ".join),
        st.sampled_from(
            ["features.s in ['a', 'é', null]", "features.x in [1, 0.5]", "features.x <= 7", "7 > features.y", "features.x == 1"]
        ),
    ).map(lambda text: f"({text})")
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["&&", "||", "==", "!="]), inner).map(lambda parts: f"({' '.join(parts)})"),
            inner.map(lambda text: f"!{text}"),
        ),
        max_leaves=4,
    )


NUMERIC = st.recursive(st.sampled_from(["features.x", "features.y", "2.0", "0.0", "1e300"]), numbers, max_leaves=5)


def in_sql(source: str, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The expression over the rows, NULL where it fails."""
    import duckdb
    import pyarrow as pa

    kinds = dict(zip(NAMES, ("double", "double", "text", "text", "bool", "bool"), strict=True))
    types = dict(zip(NAMES, (pa.float64(), pa.float64(), pa.string(), pa.string(), pa.bool_(), pa.bool_()), strict=True))
    tree = parse(source)
    assert tree is not None, source
    sql = translate(tree, {("features", name): Sql(kind, f'"{name}"', may_be_null=True) for name, kind in kinds.items()})  # type: ignore[arg-type]
    table = pa.table({name: pa.array([row[n] for row in rows], types[name]) for n, name in enumerate(NAMES)})
    with duckdb.connect() as db:
        db.register("subjects", table)
        return [row[0] for row in db.execute(f"SELECT {sql.text} FROM subjects").fetchall()]


def in_cel(source: str, row: tuple[Any, ...]) -> Any:
    import cel

    try:
        return cel.compile(source).execute({"features": dict(zip(NAMES, row, strict=True))})
    except FAILURES:
        return None


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other)))


@given(source=st.one_of(NUMERIC, conditions(NUMERIC)), rows=ROWS)
@settings(deadline=None, max_examples=100)
def test_sql_gives_what_cel_gives_and_null_where_cel_fails(source: str, rows: list[tuple[Any, ...]]) -> None:
    try:
        found = in_sql(source, rows)
    except Untranslatable:
        return
    for row, value in zip(rows, found, strict=True):
        assert same(value, in_cel(source, row)), (source, row)


RICH = (
    ('confidence: "predictions.p"', 'confidence: "predictions.p == null ? 0.3 : predictions.p"'),
    (
        "default: wait\n",
        """default: wait
on_error: small
explore: {epsilon: 0.3, only: [small, wait]}
inputs:
  features: {q: {required: true, max_age_hours: 24}}
rules:
  - {id: narrow, when: "features.s == 'email' && features.b == true", then: {exclude: [big]}, reason: "sem e-mail"}
  - {id: person, when: "features.x > 0.5 || features.t in ['a', null]", then: {approve: true}}
  - {id: settle, when: "features.x == 1 && age_hours.x == null", then: {action: big}}
ask:
  - {id: topic, when: "features.b == true && features.y > 0.0", question: q, choices: [one, two], evidence: [s], otherwise: none}
""",
    ),
    ('"features.age <= 7.0"', "\"features.x <= 7 && answers.topic != 'one'\""),
    ('"predictions.p * 100.0"', '"(features.y == null ? 0.2 : features.y) * 100.0 / (features.x + 1.0)"'),
)
SUBJECTS = st.lists(
    st.fixed_dictionaries(
        {"x": NUMBERS, "y": NUMBERS, "s": TEXTS, "t": TEXTS, "b": FLAGS, "q": NUMBERS, "p": NUMBERS, "age": st.floats(0, 48)}
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_with(tmp_path_factory.mktemp("rich"), *RICH)


def context_of_row(number: int, row: dict[str, Any]) -> Context:
    features = {name: value for name, value in row.items() if name not in ("p", "age")}
    return Context(f"s{number}", "2026-10-31", features, {"p": row["p"]}, age_hours={"q": row["age"]})


@given(rows=SUBJECTS, actions=st.integers(0, 4), cost=st.floats(0, 300))
@settings(deadline=None, max_examples=60)
def test_row_engine_sql_batch_and_replay_decide_alike(rich: Policy, rows: list[dict[str, Any]], actions: int, cost: float) -> None:
    contexts = [context_of_row(number, row) for number, row in enumerate(rows)]
    spent = Spent(actions, cost)
    for context, found in zip(contexts, evaluate_many(contexts, rich), strict=True):
        alone = decide(context, rich, spent)
        if found is not None:
            assert found == evaluate(context, rich, {})
            assert conclude(context, rich, found, spent) == alone
        else:
            assert alone["errors"] or questions(context, rich)
        record = json.loads(json.dumps(alone))
        assert decide_again(record, rich) == record


@pytest.mark.parametrize("name", sorted(load_policies()))
def test_every_shipped_policy_has_exact_sql(name: str) -> None:
    policy = load_policies()[name]
    given = [test.given for test in policy.tests]
    contexts = [Context(f"s{n}", "2026-10-31", dict(one.features), dict(one.predictions)) for n, one in enumerate(given)]
    if not contexts:
        contexts = [Context("s", "2026-10-31", {}, {})]
    for context, found in zip(contexts, evaluate_many(contexts, policy), strict=True):
        assert found is None or found == evaluate(context, policy, {})
