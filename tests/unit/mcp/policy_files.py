"""A small policy as text, and how tests write and read a changed one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eco_assets.mcp.engine import Context
from eco_assets.mcp.policies import Policy, read_policy

TEXT = """
api: eco/policy/v1
agent: comercial
point: demo
version: 1.2.3
description: A policy of the tests.
owner: team:comercial
subject: lead
query: SELECT 1 AS subject
trace: SELECT 1
params: {big_cost: 100, small_cost: 10}
confidence: "predictions.p"
default: wait
actions:
  - name: big
    label: Grande
    workflow: comercial.agendar_contato
    eligible: "features.age <= 7.0"
    value_brl: "predictions.p * 1000.0"
    cost_brl: "params.big_cost"
    reason: "p de {p:.1%}, valor R$ {value_brl:,.2f}"
  - name: small
    label: Pequena
    workflow: comercial.nutrir
    value_brl: "predictions.p * 100.0"
    cost_brl: "params.small_cost"
    reason: "p de {p:.1%}"
  - name: wait
    label: Aguardar
    value_brl: "0.0"
    reason: "nada se paga"
guardrails: {max_actions_per_day: 3, max_cost_brl_per_day: 250, approval_above_brl: 50}
"""


def write_policy(folder: Path, *changes: tuple[str, str], name: str = "comercial/demo.yaml") -> Path:
    """Write the policy with some text replaced; every replacement must apply."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def policy_with(folder: Path, *changes: tuple[str, str]) -> Policy:
    return read_policy(write_policy(folder, *changes))


def lead(subject: str = "s1", p: Any = 0.5, age: Any = 1.0, **more: Any) -> Context:
    return Context(subject, "2026-10-31", {"age": age, "origin": "email"}, {"p": p}, (("model", "1"),), **more)
