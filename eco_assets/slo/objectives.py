"""Service level objectives: their declaration, and how the records of a window stand against them.

Objectives are declared in `objectives.yaml`. Here belong loading and the arithmetic; where the records come from, and
who is told, stay out. An objective without samples has no value: it is neither met nor missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eco_assets.errors import ConfigError

OBJECTIVES_FILE = Path(__file__).with_name("objectives.yaml")

Record = Mapping[str, Any]
_SUCCESS = frozenset({"completed", "compensated"})
_FINISHED = _SUCCESS | {"failed"}
_PERCENTILE = 95


class Alert(BaseModel):
    """Values from which the objective's owner is warned, in the objective's unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warning: float
    critical: float


class Objective(BaseModel):
    """One declared objective; `unit` is that of `target`, `alert` and every measured value.

    Attributes:
        name: machine name; title, description: for readers, in Portuguese.
        indicator: what is measured: `latency_ms` of decisions, or the share of finished executions that succeeded.
        statistic: how samples become one value: 95th percentile (nearest rank), mean, or rate in percent.
        window_days: how many days of records the objective is measured over; the caller selects them.
        runbook: what to do when it is missed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    layer: Literal["decision", "execution"]
    title: str
    description: str
    indicator: Literal["decision_latency", "execution_success"]
    statistic: Literal["p95", "mean", "rate"]
    unit: Literal["ms", "%"]
    source: str
    owner: str = Field(min_length=1)
    window_days: int = Field(gt=0)
    comparison: Literal["<", ">="]
    target: float = Field(gt=0, allow_inf_nan=False)
    alert: Alert
    runbook: str = Field(pattern=r"^docs/runbooks/[a-z0-9-]+\.md$")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        is_latency = self.indicator == "decision_latency"
        if is_latency != (self.statistic != "rate") or is_latency != (self.unit == "ms"):
            raise ValueError("decision_latency goes with p95 or mean in ms, execution_success with rate in %")
        if is_latency != (self.comparison == "<"):
            raise ValueError("a latency must stay below (<) its target, a rate at or above (>=) it")
        if not is_latency and self.target >= 100:
            raise ValueError("a target of 100 % leaves no error budget: state one below 100")
        if (self.alert.warning > self.alert.critical) == is_latency:
            raise ValueError("alert.warning must come before alert.critical")
        return self


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    objectives: tuple[Objective, ...] = Field(min_length=1)


@dataclass(frozen=True)
class SloResult:
    """How one agent stands against one objective.

    Attributes:
        objective: its name; title: its words.
        agent: machine name.
        unit, comparison, target: as declared.
        value: the measured value in `unit`, or None without samples.
        is_met: whether the objective holds, or None without samples.
        error_budget_left: 1 is untouched, 0 is spent, below 0 is overspent; None without samples.
        alert: the level that `value` has reached, or None without samples.
        samples: how many records the value comes from.
        runbook: what to do when it is missed.
    """

    objective: str
    title: str
    agent: str
    unit: str
    comparison: str
    target: float
    value: float | None
    is_met: bool | None
    error_budget_left: float | None
    alert: Literal["ok", "warning", "critical"] | None
    samples: int
    runbook: str


def load_objectives(path: Path = OBJECTIVES_FILE) -> tuple[Objective, ...]:
    """Return the objectives declared in `path`, in their order.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, missing or malformed, or a name occurs twice.
    """
    try:
        declared = _Declaration.model_validate(yaml.safe_load(path.read_text("utf-8"))).objectives
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the document"
        known = ", ".join(Objective.model_fields)
        raise ConfigError(f"{path}: {key}: {first['msg']}; an objective's keys are {known}") from error
    names = [objective.name for objective in declared]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: objectives.name: {', '.join(twice)} is declared more than once")
    return declared


def evaluate(
    objectives: Sequence[Objective],
    decisions: Sequence[Record],
    executions: Sequence[Record],
    agents: Iterable[str] = (),
) -> list[SloResult]:
    """Return how every agent stands against every objective, by agent, then in the order of `objectives`.

    Args:
        objectives: what is promised.
        decisions: decision records of the window; `latency_ms` counts.
        executions: execution records of the window; one that waits for approval or was rejected does not count.
        agents: agents to report on even without records; those in the records are always there.
    """
    found = {str(record["agent"]) for record in (*decisions, *executions)} | set(agents)
    results = []
    for agent in sorted(found):
        latencies = sorted(float(d["latency_ms"]) for d in decisions if d["agent"] == agent)
        finished = [e["outcome"] in _SUCCESS for e in executions if e["agent"] == agent and e["outcome"] in _FINISHED]
        for objective in objectives:
            samples = latencies if objective.indicator == "decision_latency" else [float(done) for done in finished]
            results.append(_result(objective, agent, samples))
    return results


def _result(objective: Objective, agent: str, samples: Sequence[float]) -> SloResult:
    value = _value(objective, samples) if samples else None
    return SloResult(
        objective=objective.name,
        title=objective.title,
        agent=agent,
        unit=objective.unit,
        comparison=objective.comparison,
        target=objective.target,
        value=value,
        is_met=None if value is None else _holds(objective, value),
        error_budget_left=None if value is None else _budget_left(objective, samples, value),
        alert=None if value is None else _alert(objective, value),
        samples=len(samples),
        runbook=objective.runbook,
    )


def _value(objective: Objective, samples: Sequence[float]) -> float:
    """Return the statistic; `samples` are sorted latencies, or 1.0 and 0.0 for success and failure."""
    match objective.statistic:
        case "p95":
            return samples[math.ceil(_PERCENTILE * len(samples) / 100) - 1]
        case "mean":
            return math.fsum(samples) / len(samples)
        case "rate":
            return 100 * math.fsum(samples) / len(samples)


def _holds(objective: Objective, value: float) -> bool:
    return value < objective.target if objective.comparison == "<" else value >= objective.target


def _budget_left(objective: Objective, samples: Sequence[float], value: float) -> float:
    """Return the part of the error budget that is left, at most 1.

    A p95 allows 5 % of the samples at or above the target; a rate allows 100 - target percent of failures (SRE Workbook,
    chapter 2: 1 - bad events / allowed bad events). A mean counts no bad events: its budget is the headroom to the target.
    """
    match objective.statistic:
        case "p95":
            slow = sum(sample >= objective.target for sample in samples)
            return 1 - 100 * slow / (len(samples) * (100 - _PERCENTILE))
        case "mean":
            return min(1.0, 1 - value / objective.target)
        case "rate":
            failures = sum(sample == 0 for sample in samples)
            return 1 - 100 * failures / (len(samples) * (100 - objective.target))


def _alert(objective: Objective, value: float) -> Literal["ok", "warning", "critical"]:
    def is_reached(level: float) -> bool:
        return value >= level if objective.comparison == "<" else value < level

    if is_reached(objective.alert.critical):
        return "critical"
    return "warning" if is_reached(objective.alert.warning) else "ok"
