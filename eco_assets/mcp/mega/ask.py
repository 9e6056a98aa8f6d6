"""Asks an agent a sub-task and takes its answer only if it is whole and right. An agent is asked with JSON and answers with JSON.

What is wrong with an answer (its schema, its sums, a decision that nobody made, a constraint it breaks, tokens it had not) is recorded;
it is asked once more, and then left out. Nothing of a refused answer is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from typing import Any, Protocol

from eco_assets.errors import EcoError
from eco_assets.mcp.expressions import FAILURES, compile_expression
from eco_assets.mcp.mega.goals import FILTER_SCOPE
from eco_assets.mcp.mega.models import Attempt, Constraints, Proposal, SubTask, TaskResult, accepted, problems
from eco_assets.mcp.mega.resolve import net

ATTEMPTS = 2
_CENT = 0.011
Record = Mapping[str, Any]


class Agent(Protocol):
    """Something that answers a sub-task: a JSON value in, a JSON value out."""

    def answer(self, task: dict[str, Any]) -> object:
        """The answer, a `Proposal` as JSON if all is well; it may also raise."""
        ...


class TokenBudget:
    """The tokens that one answer may take, shared by its parts: held before a part is asked, settled after it."""

    def __init__(self, tokens: int) -> None:
        self.total, self.spent, self._held = tokens, 0, 0

    def reserve(self, tokens: int) -> bool:
        """Hold an amount; False, and nothing is held, when less is left."""
        if self.spent + self._held + tokens > self.total:
            return False
        self._held += tokens
        return True

    def settle(self, reserved: int, spent: int) -> None:
        """Put what was really spent in the place of what was held."""
        self._held -= reserved
        self.spent += spent


class PolicyAgent:
    """An agent as its policies made it: it puts forward those of the day's decisions that serve an objective, best net value first."""

    def __init__(self, decisions: Sequence[Record]) -> None:
        self._decisions = decisions

    def answer(self, task: dict[str, Any]) -> object:
        """See `Agent.answer`."""
        asked = accepted(SubTask, task)
        own = [d for d in self._decisions if (d["agent"], d["point"], d["as_of"]) == (asked.agent, asked.point, asked.as_of)]
        matched = _matching(asked, own)
        chosen = _within(asked, sorted(filter(lambda d: _serves(d, asked.constraints), matched), key=_best_first))
        return {
            "task": asked.id,
            "agent": asked.agent,
            "point": asked.point,
            "status": "answered" if chosen else "nothing_to_do" if own else "not_decided",
            "decisions": [_proposed(decision) for decision in chosen],
            "considered": len(own),
            "matched": len(matched),
            "value_brl": round(sum(float(d["value_brl"]) for d in chosen), 2),
            "cost_brl": round(sum(float(d["cost_brl"]) for d in chosen), 2),
            "tokens": sum(int(d.get("tokens") or 0) for d in chosen),
            "reason": _reason(asked, own, matched, chosen),
        }


def _best_first(decision: Record) -> tuple[float, str]:
    return -net(decision), str(decision["decision_id"])


def _matching(task: SubTask, decisions: Sequence[Record]) -> list[Record]:
    program = compile_expression(task.subjects, f"sub-task {task.id}", FILTER_SCOPE)
    params = dict(task.parameters)
    return [decision for decision in decisions if _holds(program, decision, params)]


def _holds(program: Any, decision: Record, params: Mapping[str, Any]) -> bool:
    """Whether the filter holds for a subject; one that lacks a feature of the filter is not of the objective."""
    features, predictions = dict(decision.get("features") or {}), dict(decision.get("predictions") or {})
    try:
        return program.run({"features": features, "predictions": predictions, "params": params, "subject": decision["subject"]}) is True
    except FAILURES:
        return False


def _serves(decision: Record, constraints: Constraints) -> bool:
    is_named = not constraints.actions or decision["action"] in constraints.actions
    return bool(decision["workflow"]) and is_named and net(decision) >= constraints.min_net_brl


def _within(task: SubTask, ranked: Sequence[Record]) -> list[Record]:
    """The best that fit into the constraints and the token share."""
    chosen: list[Record] = []
    cost, tokens, limits = 0.0, 0, task.constraints
    for decision in ranked:
        more, asked = float(decision["cost_brl"]), int(decision.get("tokens") or 0)
        is_dear = limits.max_cost_brl is not None and cost + more > limits.max_cost_brl
        if is_dear or tokens + asked > task.tokens or (limits.max_actions is not None and len(chosen) >= limits.max_actions):
            continue
        chosen.append(decision)
        cost, tokens = cost + more, tokens + asked
    return chosen


def _proposed(decision: Record) -> dict[str, Any]:
    return {
        **{name: decision[name] for name in ("decision_id", "subject", "action", "requires_approval")},
        "value_brl": float(decision["value_brl"]),
        "cost_brl": float(decision["cost_brl"]),
    }


def _reason(task: SubTask, own: Sequence[Record], matched: Sequence[Record], chosen: Sequence[Record]) -> str:
    if not own:
        return f"O ponto {task.agent}/{task.point} não decidiu sobre {task.as_of}."
    if not matched:
        return f"{_count(len(own), 'assunto', 'assuntos')} no dia: nenhum faz parte do objetivo."
    if not chosen:
        return f"{_count(len(matched), 'assunto', 'assuntos')} do objetivo: em nenhum uma ação se paga ou cabe nos limites."
    left = sum(1 for decision in matched if decision["workflow"]) - len(chosen)
    made = f"{_count(len(chosen), 'ação', 'ações')} em {_count(len(matched), 'assunto', 'assuntos')} do objetivo"
    return made + (f"; {_count(left, 'outra não serve', 'outras não servem')} ou não cabe nos limites." if left > 0 else ".")


def _count(quantity: int, one: str, many: str) -> str:
    return f"{quantity} {one if quantity == 1 else many}"


def ask(agent: Agent, task: SubTask, decisions: Sequence[Record], budget: TokenBudget, attempts: int = ATTEMPTS) -> TaskResult:
    """Ask an agent until it gives a valid answer, at most `attempts` times.

    Args:
        agent: who is asked.
        task: the sub-task; its `tokens` are reserved of `budget` first.
        decisions: the day's, as the ledger has them: an answer may only name these.
        budget: of the whole goal.
        attempts: how often.
    """
    if not budget.reserve(task.tokens):
        why = f"Sem perguntar: restam {budget.total - budget.spent} tokens do objetivo, a parte pede {task.tokens}."
        return TaskResult(task=task, proposal=None, attempts=(), tokens_reserved=0, tokens_spent=0, why=why)
    known = {str(decision["decision_id"]): decision for decision in decisions}
    tried: list[Attempt] = []
    proposal: Proposal | None = None
    while proposal is None and len(tried) < attempts:
        proposal, attempt = _attempt(agent, task, known)
        tried.append(attempt)
    spent = proposal.tokens if proposal else 0
    budget.settle(task.tokens, spent)
    why = proposal.reason if proposal else f"Sem resposta válida em {len(tried)} tentativas: {'; '.join(tried[-1].errors)[:300]}"
    return TaskResult(task=task, proposal=proposal, attempts=tuple(tried), tokens_reserved=task.tokens, tokens_spent=spent, why=why)


def _attempt(agent: Agent, task: SubTask, known: Mapping[str, Record]) -> tuple[Proposal | None, Attempt]:
    message = task.model_dump(mode="json")
    try:
        answered = _in_time(lambda: agent.answer(message), task.deadline_ms)
    except Late:
        return None, Attempt(outcome="late", errors=(f"no answer within {task.deadline_ms} ms",))
    except EcoError as error:
        return None, Attempt(outcome="failed", errors=(f"{type(error).__name__}: {error}"[:300],))
    except Exception as error:  # noqa: BLE001 -- whatever an agent does, the plan of the others goes on
        return None, Attempt(outcome="failed", errors=(f"{type(error).__name__}: {error}"[:300],))
    try:
        json.dumps(answered, allow_nan=False)
    except (TypeError, ValueError) as error:
        return None, Attempt(outcome="refused", errors=(f"not JSON: {error}"[:300],))
    broken = problems(Proposal, answered)
    if not broken:
        proposal = accepted(Proposal, answered)
        broken = faults(task, proposal, known)
    return (None, Attempt(outcome="refused", errors=broken)) if broken else (proposal, Attempt(outcome="accepted"))


def _in_time(call: Callable[[], object], deadline_ms: int) -> object:
    """The call's result. Raises `Late` after the deadline; what still runs then is left to end by itself, and its answer is not used."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mega-ask")
    try:
        return pool.submit(call).result(timeout=deadline_ms / 1000)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def faults(task: SubTask, proposal: Proposal, known: Mapping[str, Record]) -> tuple[str, ...]:
    """What is wrong with an answer that keeps its schema: it must be about the task, true to the ledger, and within every limit."""
    found, limits, made = [], task.constraints, proposal.decisions
    if (proposal.task, proposal.agent, proposal.point) != (task.id, task.agent, task.point):
        found.append(f"answers {proposal.task} of {proposal.agent}/{proposal.point}, not what was asked")
    if (proposal.status == "answered") != bool(made):
        found.append(f"status {proposal.status} with {len(made)} decisions")
    if len({each.decision_id for each in made}) < len(made):
        found.append("names a decision twice")
    for each in made:
        decision = known.get(each.decision_id)
        if decision is None:
            found.append(f"decision {each.decision_id} is not of the day")
        elif _proposed(decision) != each.model_dump() or (decision["agent"], decision["point"]) != (task.agent, task.point):
            found.append(f"decision {each.decision_id} is not as the ledger has it")
        elif not _serves(decision, limits):
            found.append(f"decision {each.decision_id} is not permitted by the constraints")
    sums = (("value_brl", proposal.value_brl), ("cost_brl", proposal.cost_brl))
    found += [f"{name} {total} is not the sum" for name, total in sums if abs(sum(getattr(each, name) for each in made) - total) > _CENT]
    if limits.max_cost_brl is not None and proposal.cost_brl > limits.max_cost_brl + _CENT:
        found.append(f"costs {proposal.cost_brl}, may cost {limits.max_cost_brl}")
    if limits.max_actions is not None and len(made) > limits.max_actions:
        found.append(f"{len(made)} actions, may be {limits.max_actions}")
    if proposal.tokens > task.tokens:
        found.append(f"{proposal.tokens} tokens, may be {task.tokens}")
    if not len(made) <= proposal.matched <= proposal.considered:
        found.append(f"{len(made)} decisions of {proposal.matched} matched of {proposal.considered} considered")
    return tuple(found[:20])
