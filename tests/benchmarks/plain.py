"""The main job's work as plain function calls, without Dagster: the yardstick for what orchestration costs."""

from __future__ import annotations

import os
import warnings

from eco_assets.aurion.expectations import SUITES, validate
from eco_assets.briefing import agent_cost, agent_day, agent_records, agent_slo, labels
from eco_assets.contracts.contract import load_contracts
from eco_assets.jorge.dispatch import execute_day
from eco_assets.mcp.batch import decide_day, read_contexts
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from eco_assets.settings import AGENTS, Settings
from ml.families import FAMILIES
from notion_sync.decision_log import decision_log
from notion_sync.records import summarise
from notion_sync.reports import agent_report, daily_index


def dbt(platform: Platform, domain: str, as_of: str) -> None:
    """Build one agent's models on the manifest of this process."""
    import json

    from resources.dbt import run_dbt

    variables = json.dumps({"as_of": as_of, "anchor": as_of})
    _, failed = run_dbt(
        ["--quiet", "build", "--select", f"path:models/*/{domain}", "--vars", variables], platform.lake, platform.settings.home / "dbt"
    )
    if failed:
        raise SystemExit("; ".join(failed))


def main() -> None:
    """All layers, in the order of the graph."""
    warnings.simplefilter("ignore")
    platform = Platform(Settings.from_env())
    day = platform.business_date()
    text = day.isoformat()
    for domain in sorted({contract.domain for contract in load_contracts()}):
        platform.ingest(domain)
    for domain in (*AGENTS, "financeiro"):
        dbt(platform, domain, text)
    for mart in SUITES:
        validate(mart, platform.lake.frame(f"SELECT * FROM marts.{mart} WHERE as_of = $as_of", {"as_of": day}))
    for name, family in FAMILIES.items():
        with platform.lake.connect() as db:
            frame = family.training_frame(db, day)
        platform.registry.train_if_changed(
            name, frame, lambda rows, family=family: family.fit(rows, day), code_version="1", as_of=day, tags={}
        )
        model, version = platform.registry.load(name, as_of=day)
        with platform.lake.connect() as db:
            scored = family.score(model, family.scoring_frame(db, day), day)
        platform.lake.replace_day(f"predictions.{family.table}", day, scored.assign(model_name=name, model_version=version.version))
    for policy in load_policies().values():
        models = [(name, platform.registry.describe(name, day).version) for name in policy.models]
        decide_day(platform.ledger, policy, read_contexts(platform.lake, policy, day, models), os.urandom(16).hex())
    for agent in AGENTS:
        execute_day(platform.ledger, agent, text, platform.engine)
    words = labels()
    for agent in AGENTS:
        agent_cost(platform, agent, day)
        agent_slo(platform, agent, day)
        decisions, executions = (platform.ledger.list(kind, agent=agent, as_of=text) for kind in ("decision", "execution"))
        for page in (agent_report(agent_day(platform, agent, day), words), decision_log(agent, day, decisions, executions, labels=words)):
            platform.workspace.publish(page.path, page.document, page.images)
    page = daily_index(day, [summarise(agent_records(platform, agent, day)) for agent in AGENTS])
    platform.workspace.publish(page.path, page.document, page.images)


if __name__ == "__main__":
    main()
