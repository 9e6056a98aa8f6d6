"""What a day's plan asks of people: one order a goal or event, and one for the day's brief. What it asks of the agents is `resolve.py`'s.

Each is carried out once a business day: a plan that is made again the same day asks for nothing twice, and for what is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from eco_assets.ledger import Entry
from eco_assets.mcp.mega.goals import load_templates
from eco_assets.mcp.mega.models import GoalPlan, Plan
from eco_assets.mcp.mega.standing import MEGA

if TYPE_CHECKING:
    from eco_assets.platform import Platform

BRIEF = "mega.resumo_do_dia"
_LISTED = 20  # sub-tasks or goals that a message names


def plan_orders(plan: Plan) -> list[dict[str, Any]]:
    """The orders of a plan, as the engine takes them; the brief comes last."""
    orders = [_of_goal(plan.as_of, each) for each in plan.goals]
    goals = [each.goal.title for each in plan.goals][:_LISTED]
    proposals = [result.proposal for each in plan.goals for result in each.tasks if result.proposal]
    acting = {decision.decision_id: decision.value_brl for proposal in proposals for decision in proposal.decisions}
    brief = {
        "title": f"{len(plan.goals)} metas e eventos do dia",
        "tasks": goals,
        "agents": _agents(plan.goals),
        "decisions": len(acting),
        "value_brl": round(sum(acting.values()), 2),
        "held": sum(entry.verdict == "held" for entry in plan.resolved),
    }
    return [*orders, _order(BRIEF, plan.as_of, "resumo", brief)]


def carry_out(platform: Platform, plan: Plan) -> list[dict[str, Any]]:
    """Carry out what a plan asks for and was not carried out yet, record it, and return the day's records of the mega-agent."""
    orders = plan_orders(plan)
    known = platform.ledger.known("execution", [order["decision_id"] for order in orders])
    fresh = [order for order in orders if order["decision_id"] not in known]
    if fresh:
        with platform.engine() as engine:
            records = engine.run(fresh)
        platform.ledger.append(Entry("execution", each["workflow_id"], each["agent"], plan.as_of, each) for each in records)
    return platform.ledger.list("execution", agent=MEGA, as_of=plan.as_of)


def _of_goal(as_of: str, each: GoalPlan) -> dict[str, Any]:
    goal, proposals = each.goal, [result.proposal for result in each.tasks if result.proposal]
    told = {
        "title": goal.title,
        "why": goal.why,
        "tasks": [result.task.objective for result in each.tasks][:_LISTED],
        "agents": _agents([each]),
        "decisions": sum(len(proposal.decisions) for proposal in proposals),
        "value_brl": round(sum(proposal.value_brl for proposal in proposals), 2),
    }
    return _order(load_templates()[goal.id].workflow, as_of, goal.key, told)


def _agents(goals: Iterable[GoalPlan]) -> list[str]:
    return sorted({str(result.task.agent) for each in goals for result in each.tasks})


def _order(workflow: str, as_of: str, subject: str, told: Mapping[str, Any]) -> dict[str, Any]:
    identity = hashlib.sha256(f"{as_of}/{workflow}/{subject}".encode()).hexdigest()[:32]
    return {
        "decision_id": identity,
        "workflow": workflow,
        "agent": MEGA,
        "point": "plan",
        "subject": subject,
        "action": workflow.partition(".")[2],
        "as_of": as_of,
        "cost_brl": 0.0,
        "value_brl": 0.0,
        "traceparent": "",
        "requires_approval": False,
        "features": {},
        "input": dict(told),
    }
