"""The whole graph keeps its promises: complete assets, checks that block, lineage, independent agents, days, jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode

from eco_assets.aurion.expectations import SUITES
from eco_assets.contracts.contract import load_contracts
from eco_assets.defs.catalog import GROUP as CATALOG
from eco_assets.defs.catalog import KEY as CATALOG_KEY
from eco_assets.defs.decisions import BLOCKING, decision_key
from eco_assets.defs.executions import execution_key
from eco_assets.defs.jobs import WEEKLY_MODELS
from eco_assets.defs.mega import KEY as PLAN
from eco_assets.defs.models import family_key
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.phd import FRESHNESS, model_key
from eco_assets.defs.tables import assets_read_by, prediction_key
from eco_assets.mcp.policies import load_policies
from eco_assets.settings import AGENTS
from ml.families import FAMILIES
from notion_sync.proposal_pages import proposing_agents

OWNERS = (*AGENTS, "financeiro", "grupo", "mega")
LAYERS = {
    "source": "sources",
    "raw": "aurion",
    "staging": "phd",
    "features": "phd",
    "marts": "phd",
    "models": "models",
    "predictions": "models",
    "decisions": "decisions",
    "executions": "executions",
    "finops": "finops",
    "slo": "slo",
    "reports": "reports",
    "feature_store": "feature_store",
    "online": "online",
    "evaluations": "evaluations",
    "exports": "exports",
    "language": WEEKLY_MODELS,
    "periodic": "periodic",
    "knowledge": "knowledge",
}
_EVERY_WEEK = [family for family in FAMILIES.values() if not family.is_daily]
WEEKLY = {key for family in _EVERY_WEEK for key in (family_key(family), prediction_key(family.table))}
DAILY_LAYERS = {*LAYERS} - {"source", "raw", "staging", "features", "knowledge"}
RAW_SQL = "#### Raw SQL:"  # dagster-dbt adds it to a model's own words


def ancestors(graph: AssetGraph, key: dg.AssetKey) -> set[dg.AssetKey]:
    """Everything that an asset comes from, at any distance."""
    found: set[dg.AssetKey] = set()
    ahead = [key]
    while ahead:
        parents = graph.get(ahead.pop()).parent_keys - found
        found |= parents
        ahead.extend(parents)
    return found


def faults(node: AssetNode) -> Iterator[str]:
    """What an asset lacks."""
    first, agent = node.key.path[0], node.key.path[1]
    words = (node.description or "").split(RAW_SQL)[0].strip()
    if node.owners != [f"team:{agent}"]:
        yield f"owners {node.owners}"
    if not node.kinds:
        yield "no kind"
    group = CATALOG if node.key == CATALOG_KEY else WEEKLY_MODELS if node.key in WEEKLY else LAYERS.get(first)
    if node.group_name != group:
        yield f"group {node.group_name}"
    if node.tags.get("agent") != agent:
        yield f"agent tag {node.tags.get('agent')}"
    if node.tags.get("layer") not in (first, group):
        yield f"layer tag {node.tags.get('layer')}"
    if len(words) < 15 or not words.endswith("."):
        yield f"description {words!r}"
    if node.is_materializable and not node.code_version:
        yield "no code version"


def test_every_asset_is_complete(graph: AssetGraph) -> None:
    nodes = list(graph.asset_nodes)
    assert len(nodes) > 100
    assert {node.key.path[0] for node in nodes} == set(LAYERS)
    assert {node.key.path[1] for node in nodes} == set(OWNERS)
    incomplete = {node.key.to_user_string(): wrong for node in nodes if (wrong := list(faults(node)))}
    assert incomplete == {}


def test_every_check_says_what_it_checks(graph: AssetGraph) -> None:
    silent = [node.key.to_user_string() for node in graph.asset_check_nodes if not node.description]
    own = [name for name in silent if not name.startswith(("staging/", "features/", "marts/"))]
    assert own == []


def test_code_versions_differ_where_the_code_does(graph: AssetGraph) -> None:
    versions = {graph.get(decision_key(policy)).code_version for policy in load_policies().values()}
    assert len(versions) == len(load_policies())


def test_only_the_files_outside_are_not_materializable(graph: AssetGraph) -> None:
    outside = {node.key for node in graph.asset_nodes if not node.is_materializable}
    assert outside == {dg.AssetKey(["source", contract.domain, contract.entity]) for contract in load_contracts()}


def test_every_column_of_a_raw_asset_is_described_and_classified(graph: AssetGraph) -> None:
    for contract in load_contracts():
        schema = graph.get(dg.AssetKey(["raw", contract.domain, contract.entity])).metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [column.name for column in contract.columns]
        for column in schema.columns:
            assert column.description, f"{contract.table}.{column.name} has no description"
            assert column.tags["classification"], f"{contract.table}.{column.name} has no classification"


def test_every_column_of_features_and_marts_is_typed_and_described_under_an_enforced_contract(
    graph: AssetGraph, dbt_models: dict[str, dict[str, Any]]
) -> None:
    contracted = {name: node for name, node in dbt_models.items() if not name.startswith("stg_")}
    assert len(contracted) >= 12
    wrong = []
    for name, node in contracted.items():
        if not node["config"]["contract"]["enforced"]:
            wrong.append(f"{name}: no enforced contract")
        for column in node["columns"].values():
            if not column["description"].strip() or not column["data_type"]:
                wrong.append(f"{name}.{column['name']}")
        shown = graph.get(model_key(name)).metadata["dagster/column_schema"]
        assert {column.name for column in shown.columns} == set(node["columns"]), f"{name}: Dagster shows other columns"
    assert wrong == []


def test_every_model_of_dbt_is_described_and_tested(graph: AssetGraph, dbt_models: dict[str, dict[str, Any]]) -> None:
    assert {node.key for node in graph.asset_nodes if node.key.path[0] in ("staging", "features", "marts")} == set(
        map(model_key, dbt_models)
    )
    tested = {check.asset_key for check in graph.asset_check_keys}
    for name, node in dbt_models.items():
        assert node["description"].strip(), f"{name} has no description"
        assert model_key(name) in tested, f"{name} has no test"


def test_every_feature_and_mart_has_a_freshness_policy_that_the_ui_shows(graph: AssetGraph) -> None:
    fresh = {node.key for node in graph.asset_nodes if node.freshness_policy is not None}
    assert fresh >= {node.key for node in graph.asset_nodes if node.key.path[0] in FRESHNESS}


def test_runs_that_sensors_and_people_ask_for_take_one_process(repository: dg.RepositoryDefinition) -> None:
    executors = {job.name: job.executor_def.name for job in repository.get_all_jobs()}
    assert set(executors.values()) == {"in_process"}, executors


def test_every_raw_asset_has_a_blocking_contract_check(graph: AssetGraph) -> None:
    for contract in load_contracts():
        key = dg.AssetKey(["raw", contract.domain, contract.entity])
        assert graph.get(dg.AssetCheckKey(key, "contract")).blocking, key.to_user_string()


def test_every_mart_that_a_policy_reads_has_blocking_expectations(graph: AssetGraph) -> None:
    read = {key for policy in load_policies().values() for key in assets_read_by(policy.query) if key.path[0] == "marts"}
    assert read == {model_key(mart) for mart in SUITES}
    for key in read:
        assert graph.get(dg.AssetCheckKey(key, "great_expectations")).blocking, key.to_user_string()


def test_every_decision_and_every_model_that_one_reads_has_a_blocking_check(graph: AssetGraph) -> None:
    blocked = {node.key.asset_key for node in graph.asset_check_nodes if node.blocking}
    models = {family_key(family) for family in FAMILIES.values()}
    deciding = {family_key(FAMILIES[name]) for policy in load_policies().values() for name in policy.models}
    decisions = {node.key for node in graph.asset_nodes if node.key.path[0] == "decisions"}
    assert blocked & (models | decisions) == deciding | decisions
    assert len(deciding) >= 5


def test_decisions_come_from_every_table_that_their_policy_reads(graph: AssetGraph) -> None:
    for policy in load_policies().values():
        parents = graph.get(decision_key(policy)).parent_keys
        # Personal text that a model may be shown is in no mart; nor is the day on which a payment was approved.
        evidence = {"staging"} if policy.ask or policy.name == "varejo/delivery_recovery" else set()
        assert {key.path[0] for key in parents} <= {"marts", "predictions"} | evidence
        assert policy.query.count("marts.") + policy.query.count("predictions.") <= sum(policy.query.count(key.path[-1]) for key in parents)
        for model in policy.models:
            assert prediction_key(FAMILIES[model].table) in parents, f"{policy.name} does not depend on the predictions of {model}"


@pytest.mark.parametrize("agent", AGENTS)
def test_every_report_leads_back_to_the_files_of_its_agent(graph: AssetGraph, agent: str) -> None:
    reports = [node.key for node in graph.asset_nodes if node.key.path[:2] == ["reports", agent]]
    made = {"daily_report", "decision_log", "decision_records", "approvals"} | ({"proposals"} if agent in proposing_agents() else set())
    assert {key.path[2] for key in reports} == made
    for report in reports:
        behind = ancestors(graph, report)
        assert {key.path[0] for key in behind} >= set(LAYERS) - {
            "finops",
            "slo",
            "reports",
            "feature_store",
            "online",
            "evaluations",
            "exports",
            "language",
            "periodic",
            "knowledge",
        }
        assert any(key.path[:2] == ["source", agent] for key in behind)


def test_the_first_page_leads_back_to_every_agent(graph: AssetGraph) -> None:
    behind = ancestors(graph, dg.AssetKey(["reports", "grupo", "daily_index"]))
    assert {key.path[1] for key in behind if key.path[0] == "source"} >= set(AGENTS)


def test_the_mega_agents_plan_comes_from_every_decision_and_executions_come_after_it_without_an_edge(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert graph.get(PLAN).parent_keys == {decision_key(policy) for policy in load_policies().values()}
    own = {execution_key("mega")}  # of the mega-agent itself: what it asks of people follows from its plan alone
    assert graph.get(PLAN).child_keys == own, "an edge would stop every agent when one of them fails"
    priorities = {
        key: assets.node_def.tags.get("dagster/priority") for assets in graph.assets_defs if assets.is_executable for key in assets.keys
    }
    kinds = ("workflows", "dead_letters", "outcomes")
    carried_out = {dg.AssetKey(["executions", agent, kind]) for agent in AGENTS for kind in kinds}
    assert {key for key, priority in priorities.items() if priority is not None} == carried_out
    assert set(priorities.values()) == {None, "-1"}


@pytest.mark.parametrize("agent", AGENTS)
def test_no_agent_depends_on_another_agents_data(graph: AssetGraph, agent: str) -> None:
    for node in graph.asset_nodes:
        if node.key.path[0] == "source" or node.key.path[1] != agent:
            continue
        others = {key.to_user_string() for key in ancestors(graph, node.key) if key.path[1] != agent}
        assert others == set(), f"{node.key.to_user_string()} stands still when another domain fails"


def _touched(assets: dg.AssetsDefinition) -> set[dg.AssetKey]:
    return {*assets.keys, *(check.asset_key for check in assets.check_keys)}


def test_no_step_works_for_two_agents(definitions: dg.Definitions) -> None:
    steps = [assets for assets in definitions.resolve_asset_graph().assets_defs if assets.is_executable]
    assert len(steps) > 30
    assert [assets.node_def.name for assets in steps if len({key.path[1] for key in _touched(assets)}) != 1] == []


def test_daily_data_is_partitioned_by_day_and_nothing_else_is(graph: AssetGraph) -> None:
    for node in graph.asset_nodes:
        expected = DAILY if node.key.path[0] in DAILY_LAYERS and node.key != CATALOG_KEY else None
        assert node.partitions_def == expected, node.key.to_user_string()


def test_the_checks_that_the_triggers_wait_for_are_the_blocking_ones_of_decisions(graph: AssetGraph) -> None:
    keys = {decision_key(policy) for policy in load_policies().values()}
    blocking = {node.key for node in graph.asset_check_nodes if node.blocking and node.key.asset_key in keys}
    assert blocking == {dg.AssetCheckKey(key, name) for key in keys for name in BLOCKING}
