"""What a policy's own texts say of a decision: its rules that held and the questions that were asked, each with what came of it.

Words come from the policy that decided, as the ledger keeps it; of a policy that the ledger does not hold only ids are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from eco_assets.errors import NotFound, PolicyError
from eco_assets.mcp.policy_ledger import recorded_policy
from eco_assets.mcp.wording import filled

if TYPE_CHECKING:
    from eco_assets.ledger import Ledger
    from eco_assets.mcp.policies import Policy

Record = Mapping[str, Any]


def told(ledger: Ledger, decisions: Iterable[Record]) -> list[dict[str, Any]]:
    """The decisions, each with `rules_told` and `questions_told` where a rule held or a question was asked."""
    policies = cache(lambda digest: policy_of(ledger, digest))
    found = []
    for decision in decisions:
        more: dict[str, Any] = {}
        if decision.get("rules") or _asked(decision):
            policy = policies(decision["policy"]["digest"])
            more = {"rules_told": rules_told(policy, decision), "questions_told": questions_told(policy, decision)}
        found.append({**decision, **more})
    return found


def policy_of(ledger: Ledger, digest: str) -> Policy | None:
    """The policy that decided; None where the ledger does not hold it as it was."""
    try:
        return recorded_policy(ledger, digest)
    except (NotFound, PolicyError):
        return None


def rules_told(policy: Policy | None, decision: Record) -> list[dict[str, str]]:
    """`id` and `reason` of each rule that held, in order; a rule without words has an empty reason."""
    reasons = {rule.id: rule.reason for rule in policy.rules} if policy else {}
    answers = {name: answer["used"] for name, answer in (decision.get("answers") or {}).items()}
    chosen: Mapping[str, Any] = next((each for each in decision.get("alternatives") or () if each["action"] == decision["action"]), {})
    known = {**(policy.params if policy else {}), **decision["features"], **decision["predictions"], **answers, **chosen}
    return [{"id": name, "reason": _filled(reasons.get(name, ""), known)} for name in decision.get("rules") or ()]


def _filled(text: str, known: Mapping[str, Any]) -> str:
    try:
        return filled(text, known)
    except ValueError:  # the decision's `errors` tell it
        return ""


def questions_told(policy: Policy | None, decision: Record) -> list[dict[str, Any]]:
    """Each question that was asked.

    Returns:
        `id`, `question` (its words, empty where they are not known), `used` (what rules saw) and `meaning`, `by` (provider/model, empty
        when nobody answered), `is_used` (false: `otherwise` held), `confidence`, `cost_usd`, `is_cached`.
    """
    asks = {ask.id: ask for ask in policy.ask} if policy else {}
    found = []
    for name, answer in _asked(decision).items():
        ask = asks.get(name)
        is_answered = answer["choice"] is not None
        hops = () if answer["is_cached"] else answer["hops"]
        found.append(
            {
                "id": name,
                "question": ask.question if ask else "",
                "used": answer["used"],
                "meaning": ask.choices.get(answer["used"], "") if ask else "",
                "by": f"{answer['provider']}/{answer['model']}" if is_answered else "",
                "is_used": is_answered and answer["choice"] == answer["used"],
                "confidence": answer["confidence"],
                "cost_usd": sum(hop["cost_micro_usd"] for hop in hops) / 1_000_000,
                "is_cached": answer["is_cached"],
            }
        )
    return found


def _asked(decision: Record) -> dict[str, Any]:
    """Answers of the questions that were put to a model; the other ask rules have only what rules saw."""
    return {name: answer for name, answer in (decision.get("answers") or {}).items() if "question" in answer}
