"""The code location: assembles what `defs/`, `sensors/` and `resources/` define, and does nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Everything, built when Dagster asks for it."""
    return build_defs()


def build_defs(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions; tests may put other resources in the place of ours."""
    from eco_assets.defs.aurion import aurion_assets
    from eco_assets.defs.backfill import backfill_jobs
    from eco_assets.defs.catalog import catalog, catalog_job, catalog_sensors
    from eco_assets.defs.checks import mart_checks
    from eco_assets.defs.connections import connection_assets, connection_checks, connection_jobs
    from eco_assets.defs.decision_records import decision_record_assets
    from eco_assets.defs.decisions import decision_assets
    from eco_assets.defs.environments import of_environment
    from eco_assets.defs.evaluations import evaluation_assets
    from eco_assets.defs.executions import execution_assets
    from eco_assets.defs.exports import export_assets
    from eco_assets.defs.features import feature_assets
    from eco_assets.defs.finops import finops_assets
    from eco_assets.defs.jobs import jobs
    from eco_assets.defs.knowledge import knowledge_assets, knowledge_job
    from eco_assets.defs.knowledge_pages import knowledge_page_assets, platform_pages_job, platform_pages_schedule
    from eco_assets.defs.language import review_language
    from eco_assets.defs.maintenance import compact_lake, maintenance_schedules, purge_job, upkeep_job
    from eco_assets.defs.mega import mega_job, plan_after_failure
    from eco_assets.defs.mega import plan as mega_plan
    from eco_assets.defs.mega_executions import mega_executions
    from eco_assets.defs.models import model_assets
    from eco_assets.defs.online import online_assets
    from eco_assets.defs.own_reports import own_report_assets
    from eco_assets.defs.periodic import periodic_assets
    from eco_assets.defs.phd import phd_assets
    from eco_assets.defs.proposals import proposal_assets
    from eco_assets.defs.quality import quality_checks
    from eco_assets.defs.reports import report_assets
    from eco_assets.defs.schedules import schedules
    from eco_assets.defs.slo import slo_assets
    from eco_assets.defs.stream import arrival_jobs, stream_sources
    from eco_assets.defs.whole_graph import with_whole_graph_rules
    from eco_assets.settings import Settings
    from resources.dbt import DbtResource
    from resources.platform import PlatformResource
    from sensors.answers import answers_sensors
    from sensors.arrivals import arrivals_sensors
    from sensors.decision_changes import decision_sensors
    from sensors.drift import drift_retrain
    from sensors.feedback import feedback
    from sensors.incidents import incidents
    from sensors.lag import lag_checks
    from sensors.model_reviews import model_reviews

    settings = Settings.from_env()
    reading_jobs, reading_schedules = connection_jobs(settings)
    return dg.Definitions(
        assets=[
            *with_whole_graph_rules(
                (
                    *aurion_assets(),
                    *stream_sources(),
                    *connection_assets(settings),
                    *phd_assets(),
                    *model_assets(),
                    *decision_assets(),
                    mega_plan,
                    *execution_assets(),
                    mega_executions,
                    *finops_assets(),
                    *slo_assets(),
                    *report_assets(),
                    *own_report_assets(),
                    *proposal_assets(),
                    *decision_record_assets(),
                    *periodic_assets(),
                    *knowledge_page_assets(),
                    *knowledge_assets(),
                    *feature_assets(),
                    *online_assets(),
                    *evaluation_assets(),
                    review_language,
                    *export_assets(),
                    catalog,
                ),
                settings.source_url,
            )
        ],
        asset_checks=[*mart_checks(), *lag_checks(), *quality_checks(), *connection_checks(settings)],
        jobs=[
            *jobs(),
            *reading_jobs,
            *arrival_jobs(),
            catalog_job(),
            platform_pages_job(),
            knowledge_job(),
            mega_job(),
            *backfill_jobs(),
            compact_lake,
            purge_job,
            upkeep_job,
        ],
        schedules=[
            *of_environment((*schedules(), platform_pages_schedule(), *maintenance_schedules()), settings.environment),
            *reading_schedules,
        ],
        sensors=[
            *decision_sensors(),
            *answers_sensors(),
            feedback,
            *arrivals_sensors(),
            *catalog_sensors(),
            plan_after_failure(),
            model_reviews,
            drift_retrain,
            incidents,
        ],
        resources={"platform": PlatformResource(), "dbt": DbtResource(), **(resources or {})},
        executor=dg.in_process_executor,  # of runs that sensors and people ask for; a process a step took 32 s for two assets
    )
