"""A decision's reason, in the words of business people: the texts of the policy with the subject's numbers, as Brazilians write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eco_assets.mcp.policies import Policy
from eco_assets.mcp.policy_model import Action, Rule

_BRAZILIAN = str.maketrans(".,", ",.")


class _Number(float):
    def __format__(self, spec: str) -> str:
        return super().__format__(spec).translate(_BRAZILIAN)


class _Unknown:
    """A value that is not known takes any format."""

    def __format__(self, spec: str) -> str:
        return "(desconhecido)"

    __str__ = __repr__ = lambda self: "(desconhecido)"


_UNKNOWN = _Unknown()


def shown(value: Any) -> Any:
    """A value as a Brazilian reader sees it: 1.234,5."""
    if value is None:
        return _UNKNOWN
    return _Number(value) if isinstance(value, float) else value


class _Shown(dict[str, Any]):
    """Values, each `shown` when a text names it."""

    def __getitem__(self, name: str) -> Any:
        return shown(super().__getitem__(name))


def filled(text: str, known: Mapping[str, Any]) -> str:
    """The text with its `{name:format}` parts filled in.

    Raises:
        ValueError: it names what is not known, or a format does not fit a value; says which.
    """
    try:
        return text.format_map(_Shown(known))
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{text!r} cannot be filled in: {error!r}") from error


def reason_of(policy: Policy, action: Action, path: Sequence[str], settled: bool, known: Mapping[str, Any]) -> str:
    """The action's reason, or that of the rule that settled it, with those of the rules that narrowed the choice.

    Raises:
        ValueError: as `filled`.
    """
    rules = [rule for rule in policy.rules if rule.id in path and rule.reason]
    if settled and rules and rules[-1].then.action == action.name:
        return " ".join(filled(rule.reason, known) for rule in (rules[-1], *rules[:-1]))
    told = (rule for rule in rules if not rule.then.action and _concerns(rule, action))
    return " ".join([filled(action.reason, known), *(filled(rule.reason, known) for rule in told)])


def _concerns(rule: Rule, action: Action) -> bool:
    """Whether a rule says anything about an action: one that only asks a person does where that action would be carried out by one."""
    if rule.then.only or rule.then.exclude:
        return True
    return action.workflow is not None and (rule.then.approve is True or action.name in rule.then.approve)


def failure_reason(errors: Sequence[Mapping[str, Any]], action: Action) -> str:
    """Why nothing was weighed, and what holds instead."""
    said = "; ".join(_said(error) for error in errors)
    return f"{said[0].upper()}{said[1:]}. Sem base para decidir, vale a ação de segurança: {action.label}."


def _said(error: Mapping[str, Any]) -> str:
    if error["kind"] == "missing":
        return f"falta o dado {error['where']}"
    if error["kind"] == "stale":
        return f"o dado {error['where']} tem {shown(error['age_hours']):.0f} h e só vale por {shown(error['max_age_hours']):.0f} h"
    return f"a política não pôde ser avaliada ({error['where']})"


def limits_sentence(kept_out: Sequence[str]) -> str:
    """What the day's limits changed, or nothing."""
    return f" Limite aplicado: {'; '.join(kept_out)}." if kept_out else ""


EXPLORED = " Ação sorteada entre as permitidas, para aprender o efeito dela."
