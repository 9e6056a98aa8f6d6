"""CEL as Python functions: what they give is what CEL gives, and where they are unsure they say so."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import policy_with
from test_policy_sql import NAMES, NUMERIC, ROWS, conditions, in_cel, same

from eco_assets.ledger import canonical
from eco_assets.mcp.cel_python import UNSURE, Function, Translator
from eco_assets.mcp.engine import Context, decision_id
from eco_assets.mcp.expressions import parse
from eco_assets.mcp.policies import Policy, load_policies

PLACES = {("features", name): place for place, name in enumerate(NAMES)}


def in_python(function: Function, row: tuple[Any, ...], numbers: set[tuple[str, str]]) -> Any:
    """What the function gives, ... where it is unsure or does not hold for the row."""
    if any(not isinstance(row[PLACES[read]], float | None) for read in numbers):
        return ...
    try:
        return function(row)
    except UNSURE:
        return ...


@given(source=st.one_of(NUMERIC, conditions(NUMERIC)), rows=ROWS, swaps=st.permutations(range(6)))
@settings(deadline=None, max_examples=200)
def test_a_function_gives_what_cel_gives_or_is_unsure(source: str, rows: list[tuple[Any, ...]], swaps: list[int]) -> None:
    tree = parse(source)
    for make in ("condition", "number"):
        translator = Translator(PLACES, {})
        function = getattr(translator, make)(tree)
        if function is None:
            continue
        for row in (*rows, *(tuple(row[at] for at in swaps) for row in rows)):  # also with values of other types than the names promise
            found = in_python(function, row, translator.numbers)
            if found is not ... and not (make == "number" and found is None):  # the engine takes no null for a number
                assert same(found, in_cel(source, row)), (source, row)


@pytest.mark.parametrize(
    ("source", "row", "value"),
    [
        ("features.x > 0.5", (True,), ...),
        ("features.x == 1", (True,), ...),
        ("features.x + features.x == 'aa'", ("a",), ...),
        ("features.x / 0.0 > 1.0", (1.0,), ...),
        ("features.x * 1e300 - features.x * 1e300 < 1.0", (1e300,), ...),
        ("features.x == null || features.x > 1.0", (None,), True),
        ("features.x in ['a', null]", (None,), True),
        ("features.x in []", (None,), False),
        ("features.x ? 1.0 : 2.0", ("a",), ...),
    ],
)
def test_what_python_takes_otherwise_is_left_to_cel(source: str, row: tuple[Any, ...], value: Any) -> None:
    translator = Translator({("features", "x"): 0}, {})
    function = translator.condition(parse(source)) or translator.number(parse(source))
    assert function is None or in_python(function, (*row, None, None), translator.numbers) is value


def test_every_expression_of_the_shipped_policies_has_a_function() -> None:
    for policy in load_policies().values():
        plan = policy.plan
        programs = [plan.confidence, *(rule.when for rule in plan.rules), *(ask.when for ask in plan.asks)]
        programs += [program for action in plan.actions for program in (action.eligible, action.value_brl, action.cost_brl)]
        assert not [program.expression.source for program in programs if program.function is None], policy.name


@pytest.fixture(scope="module")
def simple(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_with(tmp_path_factory.mktemp("simple"))


@given(
    values=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.none(),
            st.booleans(),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.sampled_from([1e-5, 1e-4, 1e16, -1e16, 9999999999999998.0]),
        ),
        max_size=8,
    )
)
@settings(deadline=None, max_examples=150)
def test_an_id_is_the_digest_of_the_canonical_inputs(simple: Policy, values: dict[str, Any]) -> None:
    context = Context("é", "2026-10-31", values, {"p": 0.5}, (("m", "1"),))
    inputs = {
        "agent": simple.agent,
        "point": simple.point,
        "subject": "é",
        "as_of": "2026-10-31",
        "policy": [simple.version, simple.digest],
        "models": [["m", "1"]],
        "features": values,
        "predictions": {"p": 0.5},
    }
    assert decision_id(simple, context) == hashlib.sha256(canonical(inputs).encode()).hexdigest()[:32]
