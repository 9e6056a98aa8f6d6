"""What helps to write policies: the linter names file, line and rule; inline tests run; a diff tells how far the version must rise."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from policy_files import policy_with, write_policy

from eco_assets.mcp.policies import POLICIES
from eco_assets.mcp.policy_columns import Columns, lake_columns, static_columns
from eco_assets.mcp.policy_diff import changes, has_risen, required_bump
from eco_assets.mcp.policy_lint import Finding, lint_file
from eco_assets.mcp.policy_schema import SCHEMA, schema_text
from eco_assets.mcp.policy_tests import run_tests

SHIPPED = sorted(POLICIES.glob("*/*.yaml"))
KNOWN = Columns(frozenset({"subject", "age", "origin", "p", "p_x", "x"}))
CLEAN = (
    ('confidence: "predictions.p"', 'confidence: "predictions.p_x"'),
    ('"predictions.p * 1000.0"', '"predictions.p_x * 1000.0"'),
    ('"predictions.p * 100.0"', '"predictions.p_x * 100.0"'),
    ("p de {p:.1%}, valor", "p de {p_x:.1%}, valor"),
    ('"p de {p:.1%}"', '"p de {p_x:.1%}"'),
    (
        "default: wait\n",
        "default: wait\ntests: [{name: one, given: {predictions: {p_x: 0.9}, features: {age: 9}}, expect: {action: small}}]\n",
    ),
)


def found(folder: Path, *changed: tuple[str, str], columns: Columns = KNOWN) -> list[Finding]:
    return lint_file(write_policy(folder, *CLEAN, *changed), lambda policy: columns)


@pytest.mark.parametrize("path", SHIPPED, ids=[f"{path.parent.name}/{path.stem}" for path in SHIPPED])
def test_every_shipped_policy_is_sound_and_passes_its_tests(path: Path) -> None:
    from eco_assets.mcp.policies import read_policy

    assert [str(each) for each in lint_file(path) if each.level == "error"] == []
    assert [f"{each.name}: {each.problem}" for each in run_tests(read_policy(path)) if not each.is_passed] == []


def test_the_schema_for_editors_is_the_models() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run `eco policy schema`"


def test_a_sound_policy_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path) == []


RULES = "default: wait\nrules: [{id: one, when: %s, then: {%s}}, {id: two, when: %s, then: {action: big}}]\n"


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("features.age <= 7.0", "features.agee <= 7.0", "action big: eligible", "features.agee: the query gives"),
        ("features.age <= 7.0", "features.p_x <= 7.0", "action big: eligible", "predictions, the others features"),
        ("features.age <= 7.0", "features.e_text == 'a'", "action big: eligible", "only a model may see"),
        ("features.age <= 7.0", "has(features.age)", "action big: eligible", "compare with null"),
        ("features.age <= 7.0", "lower(features.origin) == 'a'", "action big: eligible", "no function 'lower'"),
        ("features.age <= 7.0", "1.0 > 2.0", "action big: eligible", "never holds"),
        ("predictions.p_x * 1000.0", "predictions.p_x * 1000", "action big: value_brl", "write 1000.0"),
        ("predictions.p_x * 1000.0", "5.0", "action big: value_brl", "never pays more than the default"),
        ("p de {p_x:.1%}, valor", "p de {q:.1%}, valor", "action big: reason", "names 'q'"),
        ("big_cost: 100", "big_cost: 100, spare: 1", "params.spare", "read by nothing"),
        ("big_cost: 100", "big_cost: 300", "action big: cost_brl", "above the day's budget"),
        ("approval_above_brl: 50", "approval_above_brl: 500", "guardrails.approval_above_brl", "no action could ever ask"),
        ("max_actions_per_day: 3", "max_actions_per_day: 3, max_actions_per_subject: 3", "guardrails.max_actions", "never be met"),
        ("default: wait\n", RULES % ("'true'", "action: small", "'features.age > 1.0'"), "rule two: when", "rule one always settles"),
        ("default: wait\n", RULES % ("'features.x > 1.0'", "action: small", "'features.x > 1.0'"), "rule two: when", "same condition"),
        ("default: wait\n", RULES % ("'false'", "exclude: [big]", "'features.x > 1.0'"), "rule one: when", "never holds"),
        ("default: wait\n", "default: wait\ninputs: {max_age_hours: 3}\n", "inputs.max_age_hours", "every day"),
        ("default: wait\n", "default: wait\ninputs: {features: {gone: {}}}\n", "inputs.features.gone", "gives no column"),
        (
            "default: wait\n",
            "default: wait\nask: [{id: why, question: q, choices: [a, b], evidence: [x], otherwise: none}]\n",
            "ask why: id",
            "asked in vain",
        ),
        (
            'confidence: "predictions.p_x"',
            "confidence: \"answers.why == 'c' ? 1.0 : 0.5\"\n"
            "ask: [{id: why, question: q, choices: [a, b], evidence: [x], otherwise: none}]",
            "confidence",
            "never 'c'",
        ),
    ],
)
def test_what_is_wrong_is_found_and_placed(tmp_path: Path, old: str, new: str, where: str, says: str) -> None:
    findings = found(tmp_path, (old, new))
    match = [each for each in findings if each.where.startswith(where) and says in each.message]
    assert match, [str(each) for each in findings]
    text = (tmp_path / "comercial" / "demo.yaml").read_text().splitlines()
    assert 0 < match[0].line <= len(text)


READ = ("SELECT 1 AS subject", "SELECT 1 AS subject FROM predictions.varejo_repeat_purchase")


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ("models: [nobody]", "there is no model 'nobody'"),
        ("optional_models: {agencia_media_anomaly: 1}", "the query reads no predictions of agencia_media_anomaly"),
        ("max_age_hours: 48", "reads predictions.varejo_repeat_purchase, whose model is in neither"),
        ("optional_models: {varejo_repeat_purchase: 7}", ""),
    ],
)
def test_a_policy_names_the_models_whose_predictions_it_reads(tmp_path: Path, inputs: str, says: str) -> None:
    findings = found(tmp_path, READ, ("default: wait\n", f"default: wait\ninputs: {{{inputs}}}\n"))
    assert any(says in each.message for each in findings) if says else not findings, [str(each) for each in findings]


def test_two_actions_that_always_tie_are_named(tmp_path: Path) -> None:
    twin = '  - {name: twin, label: T, value_brl: "predictions.p_x * 100.0", cost_brl: "params.small_cost", reason: r}\n  - name: wait'
    assert [each.where for each in found(tmp_path, ("  - name: wait", twin))] == ["action twin: value_brl"]


def test_a_file_that_cannot_be_loaded_is_one_finding_with_its_line(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, ("default: wait", "default: nothing"))
    assert "default 'nothing' is not one of the actions" in finding.message
    (finding,) = found(tmp_path, ("label: Grande", "labels: Grande"))
    assert finding.line == 16, str(finding)


def test_columns_come_from_the_query_and_unknown_mart_columns_are_told(tmp_path: Path) -> None:
    query = 'query: "SELECT m.mql_id AS subject, m.age_days, m.nothing FROM marts.mart_comercial__lead_next_action m"'
    columns = static_columns(policy_with(tmp_path, ("query: SELECT 1 AS subject", query)))

    assert columns.names == {"subject", "age_days", "nothing"}
    assert columns.missing == ("mart_comercial__lead_next_action has no column 'nothing'",)


def test_the_lake_knows_the_columns_of_a_query(tmp_path: Path) -> None:
    import pandas as pd

    from eco_assets.lake import Lake

    lake = Lake(tmp_path / "lake", wait_s=5)
    lake.replace_day("marts.demo", date(2026, 10, 31), pd.DataFrame({"id": ["a"], "age": [3]}))
    query = "query: SELECT id AS subject, age FROM marts.demo WHERE as_of = $as_of"
    assert lake_columns(lake, policy_with(tmp_path, ("query: SELECT 1 AS subject", query))).names == {"subject", "age"}
    (missing,) = lake_columns(lake, policy_with(tmp_path, ("query: SELECT 1 AS subject", query.replace("age", "agee")))).missing
    assert "agee" in missing


@pytest.mark.parametrize(
    ("old", "new", "level", "words"),
    [
        ("big_cost: 100", "big_cost: 120", "minor", "params.big_cost: 100.0 → 120.0"),
        ("label: Grande", "label: Enorme", "patch", "actions.big.label: Grande → Enorme"),
        ("query: SELECT 1", "query: SELECT 2", "major", "query: "),
        ("  - name: wait", "  - {name: more, label: M, value_brl: '1.0', reason: r}\n  - name: wait", "major", "actions.more is new"),
        ("features.age <= 7.0", "features.age <= 8.0", "minor", "actions.big.eligible: "),
        ("# nothing", "# nothing", None, ""),
    ],
)
def test_a_diff_says_what_changed_and_how_far_the_version_must_rise(
    tmp_path: Path, old: str, new: str, level: str | None, words: str
) -> None:
    before = policy_with(tmp_path / "a")
    after = policy_with(tmp_path / "b", *([] if level is None else [(old, new)]))
    found = changes(before, after)

    assert required_bump(found) == level
    assert all(change.words.startswith(words) for change in found)
    assert level is None or not has_risen("1.2.3", "1.2.3", level)  # type: ignore[arg-type]


def test_a_version_has_risen_by_what_its_changes_ask_for() -> None:
    assert has_risen("1.2.3", "1.3.0", "minor")
    assert not has_risen("1.2.3", "1.2.4", "minor")
    assert has_risen("1.2.3", "2.0.0", "patch")
    assert not has_risen("1.2.3", "1.9.9", "major")


def test_an_inline_test_that_fails_says_what_came_out(tmp_path: Path) -> None:
    policy = policy_with(
        tmp_path,
        ("default: wait\n", "default: wait\ntests: [{name: one, given: {predictions: {p: 0.9}}, expect: {action: small, rule: gone}}]\n"),
    )
    (result,) = run_tests(policy)
    assert (result.is_passed, result.line) == (False, 14)
    assert "action is wait, expected small; rule gone did not hold" in result.problem
    assert "features.age is null" in result.problem
