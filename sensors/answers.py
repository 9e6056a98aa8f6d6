"""Carries out what people approved, whatever door the answer came through: one run for the answered decisions of an agent's day.

The ledger says who was answered; the cursor is the number of the newest answer that a run was asked for. What a run has carried out is
never carried out again, so a tick that is killed and repeated does no harm, and its run key is the same.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.jobs import execution_job
from eco_assets.jorge.approvals import APPROVED, KIND
from eco_assets.ledger import Ledger
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource


def days_answered(ledger: Ledger, agent: str, after: int) -> tuple[dict[str, int], int]:
    """Business day → number of its newest approval that nothing was done about yet; and the number of the newest answer of all."""
    days: dict[str, int] = {}
    newest = after
    for answer in ledger.list(KIND, agent=agent):
        newest = max(newest, answer["seq"])
        if answer["seq"] <= after or answer["verdict"] != APPROVED or ledger.holds("execution", answer["decision_id"]):
            continue
        day = ledger.get("decision", answer["decision_id"])["as_of"]
        days[day] = max(days.get(day, 0), answer["seq"])
    return days, newest


def answers_sensor(agent: str) -> dg.SensorDefinition:
    """A sensor that asks for a run of the agent's execution job for each day with a new approval."""

    @dg.sensor(
        name=f"{agent}_answers",
        job_name=execution_job(agent),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Carries out the {agent} agent's decisions that a person approved.",
    )
    def tick(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        after = int(context.cursor) if context.cursor and context.cursor.isdigit() else 0
        days, newest = days_answered(platform.get().ledger, agent, after)
        requests = [
            dg.RunRequest(run_key=f"{agent}:{day}:answer:{seq}", partition_key=day, tags={"eco/asked_by": "answer"})
            for day, seq in days.items()
        ]
        return dg.SensorResult(run_requests=requests, skip_reason=None if requests else "no new approval", cursor=str(newest))

    return tick


def answers_sensors() -> Iterator[dg.SensorDefinition]:
    """One sensor an agent."""
    for agent in AGENTS:
        yield answers_sensor(agent)


__all__ = ["answers_sensor", "answers_sensors", "days_answered"]
