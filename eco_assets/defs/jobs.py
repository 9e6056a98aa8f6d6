"""Jobs: everything, and an agent at a time. Runs share one process: a three-step job takes 0.5 s in it and 4 to 10 s across processes."""

from __future__ import annotations

import dagster as dg

from eco_assets.settings import AGENTS

MAIN = "eco"
WEEKLY = "eco_weekly"
TRAIN, EVALUATE, EXPORT = "train", "evaluate", "export"
# Groups that are not of every day: what judges models, files of marts, forecasts that no policy reads.
EVALUATIONS, EXPORTS, WEEKLY_MODELS = "evaluations", "exports", "weekly_models"
PERIODIC, KNOWLEDGE = "periodic", "knowledge"  # reports of a week and a month; pages of no day
WEEKLY_REPORTS, MONTHLY_COSTS, PLATFORM_PAGES = "weekly_reports", "monthly_costs", "platform_pages"


def agent_job(agent: str) -> str:
    """Name of the job that runs one agent from its raw data to its report."""
    return f"eco_{agent}"


def execution_job(agent: str) -> str:
    """Name of the job that carries out one agent's decisions and reports on it; sensors start it."""
    return f"execute_{agent}"


def _job(name: str, selection: dg.AssetSelection, description: str, agent: str = "grupo") -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name, selection=selection, executor_def=dg.in_process_executor, description=description, tags={"agent": agent}
    )


def jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """All jobs."""
    everything = dg.AssetSelection.all() - dg.AssetSelection.groups(
        "connections", "catalog", EVALUATIONS, EXPORTS, WEEKLY_MODELS, PERIODIC, KNOWLEDGE
    )
    acting = dg.AssetSelection.groups("executions", "finops", "slo", "reports")
    group_page = dg.AssetSelection.assets(["reports", "grupo", "daily_index"])
    month = dg.AssetSelection.assets(["periodic", "grupo", "monthly_costs"])
    every_agent = [
        _job(
            agent_job(agent),
            dg.AssetSelection.tag("agent", agent) & everything,
            f"The {agent} agent for one day: raw data to report.",
            agent,
        )
        for agent in AGENTS
    ]
    executions = [
        _job(
            execution_job(agent),
            (acting & dg.AssetSelection.tag("agent", agent)) | group_page,
            f"Carries out the {agent} agent's decisions of one day and reports on them.",
            agent,
        )
        for agent in AGENTS
    ]
    return [
        _job(MAIN, everything, "Everything for one day: raw data to audited report."),
        _job("decide", everything - acting, "Raw data to decisions for one day; sensors carry the decisions out."),
        _job(
            WEEKLY,
            dg.AssetSelection.groups("aurion", "phd", "models", WEEKLY_MODELS, "feature_store"),
            "Data and models anew, as of the last business day.",
        ),
        _job(TRAIN, dg.AssetSelection.groups("models"), "Trains the models of every day whose rows or code changed, and scores."),
        _job(EVALUATE, dg.AssetSelection.groups(EVALUATIONS), "Judges every model by what came true since it predicted."),
        _job(EXPORT, dg.AssetSelection.groups(EXPORTS), "Every mart of one day as a file."),
        _job(WEEKLY_REPORTS, dg.AssetSelection.groups(PERIODIC) - month, "Every agent's report on the seven days up to one day."),
        _job(MONTHLY_COSTS, month, "What the agents cost in the month up to one day."),
        *every_agent,
        *executions,
    ]
