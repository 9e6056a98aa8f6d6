"""Policy files: the repository's are whole, and a mistake is named by file and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from policy_files import policy_with, write_policy

from eco_assets.errors import PolicyError
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.mcp.policies import load_policies, read_policy
from eco_assets.settings import AGENTS

POLICIES = load_policies()


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_action_of_a_policy_has_a_workflow_of_its_own_agent_or_none(name: str) -> None:
    policy = POLICIES[name]
    workflows = [action.workflow for action in policy.actions if action.workflow]
    assert workflows
    assert all(workflow in WORKFLOWS and WORKFLOWS[workflow].agent == policy.agent for workflow in workflows)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_policy_asks_for_one_day_and_traces_one_subject(name: str) -> None:
    assert "$as_of" in POLICIES[name].query
    assert "$subject" in POLICIES[name].trace


def test_each_agent_has_a_decision_point() -> None:
    assert {policy.agent for policy in POLICIES.values()} == set(AGENTS)


def test_a_policy_knows_its_name_and_digest(tmp_path: Path) -> None:
    one, same = policy_with(tmp_path / "a"), policy_with(tmp_path / "b")
    other = policy_with(tmp_path / "c", ("big_cost: 100", "big_cost: 101"))

    assert one.name == "comercial/demo"
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"features.age <= 7.0"', '"feature.age <= 7.0"', "action big: eligible: unknown name 'feature'"),
        ('"params.small_cost"', '"cost"', "action small: cost_brl: unknown name 'cost'"),
        ('"predictions.p * 1000.0"', '"predictions.p *"', "action big: value_brl: "),
        ('confidence: "predictions.p"', 'confidence: "(predictions.p"', "confidence: "),
        ("default: wait\n", "", "default: "),
        ("default: wait", "default: nothing", "default 'nothing' is not one of the actions big, small, wait"),
        ("default: wait", "default: small", "default 'small' is what a guardrail falls back to"),
        ("name: small", "name: big", "two actions share a name"),
        ("version: 1.2.3", "version: 1.2", "version: "),
        ("owner: team:comercial\n", "", "owner: "),
        ("subject: lead", "subjects: lead", "subject"),
        ("max_actions_per_day: 3", "max_actions_per_day: 0", "guardrails.max_actions_per_day: "),
        ("max_actions_per_day: 3, ", "", "guardrails.max_actions_per_day: "),
        ("    label: Grande\n", "    labels: Grande\n", "actions.0.label"),
        ("name: big", "name: Big Action", "actions.0.name: "),
        ("actions:", "actions: [", "not valid YAML"),
        ("point: demo", "point: other", "says it is comercial/other; file and content must agree"),
        ("agent: comercial", "agent: varejo", "says it is varejo/demo; file and content must agree"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = write_policy(tmp_path, (old, new))

    with pytest.raises(PolicyError) as caught:
        read_policy(path)

    assert re.match(r"comercial/demo\.yaml(:\d+)?: ", str(caught.value))
    assert says in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"just text", b"\xff\xfe\x00", b"- a list"])
def test_a_file_that_is_no_policy_is_named(tmp_path: Path, content: bytes) -> None:
    path = write_policy(tmp_path)
    path.write_bytes(content)

    with pytest.raises(PolicyError, match=r"comercial/demo\.yaml(:1)?: "):
        read_policy(path)


def test_a_policy_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    write_policy(tmp_path, name="varejo/demo.yaml")

    with pytest.raises(PolicyError, match=r"varejo/demo\.yaml: says it is comercial/demo"):
        load_policies(tmp_path)


def test_a_policy_cannot_be_changed_in_memory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        policy_with(tmp_path).default = "big"  # type: ignore[misc]
