"""Prints the chain of one decision, from raw rows to report page. The chain itself is `provenance.py`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eco_assets.console import say, table


def show(chain: Mapping[str, Any]) -> None:
    """The chain in the order in which it happened."""
    decision = chain["decision"]
    say(f"Decision {decision['decision_id']}")
    say(f"  {decision['agent']} / {decision['point']}, subject {decision['subject']}, business day {decision['as_of']}")
    say(f"  {decision['reason']}")
    say()
    table("1. Raw rows", ("source", "file", "rows", "first rows", "batch"), [_rows(item) for item in chain["raw_rows"]])
    table(f"2. Features (code {decision['feature_version']})", ("feature", "value"), decision["features"].items())
    models = [(m["name"], m["version"], m["metric"], m["value"], m["baseline"], m["mlflow_run"]) for m in chain["models"]]
    table("3. Models", ("model", "version", "metric", "value", "baseline", "MLflow run"), models)
    table("   Predictions", ("prediction", "value"), decision["predictions"].items())
    for name, parts in chain["contributions"].items():
        lines = [(part["feature"], part["value"], f"{part['contribution']:+.4f}") for part in parts]
        table(f"   Why {name} says so", ("feature", "value", "contribution"), lines or [("not kept", "", "")])
    policy = chain["policy"]
    since = "" if policy["is_current"] else ", replaced since"
    say(f"4. Policy {policy['name']} {policy['version']} (digest {policy['digest'][:12]}{since})")
    _evaluated(chain)
    options = [
        ("→" if o["action"] == decision["action"] else "", o["action"], o["value_brl"], o["cost_brl"], o["why"])
        for o in decision["alternatives"]
    ]
    table("   Alternatives", ("", "action", "value R$", "cost R$", "eligible"), options)
    for rule in decision["guardrails"]:
        say(f"   guardrail: {rule}")
    if (decision.get("exploration") or {}).get("is_explored"):
        say(f"   explored: drawn to learn, with a probability of {decision['propensity']:.1%}")
    _execution(chain)
    tokens = f"tokens {decision['tokens']} (US$ {decision['cost_usd']:.4f})"
    say(f"7. Cost: action R$ {decision['cost_brl']:.2f}, {tokens}, decided in {decision['latency_ms']} ms")
    say(f"   trace {decision['traceparent']}")
    for page in chain["pages"]:
        say(f"8. Page {page}")


def _evaluated(chain: Mapping[str, Any]) -> None:
    """Rules that held, questions that were asked, what failed; nothing where there was none of it."""
    for error in chain["decision"].get("errors") or ():
        say(f"   error ({error['kind']}): {error['where']}: {error['message']}")
    if chain["rules"]:
        table("   Rules that held", ("rule", "reason"), [(rule["id"], rule["reason"]) for rule in chain["rules"]])
    if chain["questions"]:
        asked = [
            (
                each["question"] or each["id"],
                each["used"] + ("" if each["is_used"] else " (otherwise)"),
                (each["by"] or "nobody") + (", from the cache" if each["is_cached"] else ""),
                f"{each['confidence']:.2f}",
                f"{each['cost_usd']:.6f}",
            )
            for each in chain["questions"]
        ]
        table("   Questions asked", ("question", "answer used", "answered by", "confidence", "cost US$"), asked)


def _rows(item: Mapping[str, Any]) -> tuple[object, ...]:
    shown = ", ".join(map(str, item["first_rows"])) + (", …" if item["rows"] > len(item["first_rows"]) else "")
    return item["source"], item["file"], item["rows"], shown, item["batch"]


def _execution(chain: Mapping[str, Any]) -> None:
    decision, execution, approval = chain["decision"], chain["execution"], chain["approval"]
    say(
        f"5. Action {decision['action']}, confidence {decision['confidence']:.2f}"
        + (", needs approval" if decision["requires_approval"] else "")
    )
    if approval:
        say(f"   {approval['verdict']} by {approval['by']} {approval['why']}".rstrip())
    say(f"6. Workflow {execution['workflow'] or 'none'}: {execution['outcome']}")
    if chain.get("resolution"):
        say(f"   {chain['resolution']['verdict']} by the mega-agent: {chain['resolution']['reason']}")
    if execution["steps"]:
        steps = [(step["name"], step["outcome"], step["detail"], step["key"]) for step in execution["steps"]]
        table("   Steps", ("step", "outcome", "detail", "idempotency key"), steps)
