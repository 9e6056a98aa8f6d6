"""The lineage of the whole project: every column is accounted for, and every reader is found by what it reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from eco_assets.contracts.contract import load_contracts
from eco_assets.errors import ConfigError, NotFound
from eco_assets.lineage.compiled import compile_project
from eco_assets.lineage.graph import Lineage
from eco_assets.lineage.project import load_lineage, project_lineage
from eco_assets.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
CONSTANTS = {
    "features.feat_industrial__machine_windows.machine_kind",
    "marts.mart_industrial__alarm_response.machine_kind",
    "marts.mart_agencia__campaign_targeting.channel",
    "features.feat_industrial__sensor_windows.machine_kind",
    "features.feat_industrial__sensor_windows.sensor",
    "marts.mart_industrial__maintenance_planning.machine_kind",
    "marts.mart_industrial__sensor_trust.machine_kind",
    "marts.mart_industrial__sensor_trust.sensor",
    "marts.mart_agencia__budget_reallocation.channel",
}


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return load_lineage()


def test_nothing_in_the_project_is_left_unresolved(lineage: Lineage) -> None:
    assert lineage.problems() == {}


def test_every_column_of_dbt_rests_on_raw_columns_or_is_known_to_be_a_constant_or_a_day(lineage: Lineage) -> None:
    columns = [(name, column) for name, node in lineage.nodes.items() if node.kind == "dbt" for column in node.columns]
    bases = {f"{name}.{column}": lineage.basis(name, column) for name, column in columns}

    assert {name for name, basis in bases.items() if basis == "unknown"} == set()
    assert {name for name, basis in bases.items() if basis == "constant"} == CONSTANTS
    assert {name.split(".")[-1] for name, basis in bases.items() if basis == "clock"} == {"as_of"}
    assert all(lineage.origins(name, column) for name, column in columns if bases[f"{name}.{column}"] == "raw")


def test_every_dbt_model_has_the_columns_that_its_contract_promises(lineage: Lineage) -> None:
    enforced = [model for model in compile_project(PROJECT) if model.relation.startswith(("marts.", "features."))]

    assert enforced
    for model in enforced:
        assert set(lineage.node(model.relation).columns) == set(model.documented), model.name


def test_a_mart_column_leads_through_staging_to_the_column_of_the_file(lineage: Lineage) -> None:
    upstream = {str(ref) for ref in lineage.upstream("marts.mart_financeiro__credit_exposure", "amount_czk")}

    assert upstream == {"staging.stg_financeiro__loans.amount_czk", "raw.financeiro.loans.amount", "file:financeiro/berka/loan.asc.amount"}
    assert lineage.how("marts.mart_financeiro__credit_exposure", "amount_czk") == "aggregate"


def test_a_raw_column_leads_through_a_model_to_the_policy_that_decides_by_it(lineage: Lineage) -> None:
    downstream = {str(ref) for ref in lineage.downstream("raw.varejo.order_reviews", "review_comment_message")}

    assert "staging.stg_varejo__review_texts.text" in downstream
    assert "predictions.varejo_review_sentiment.*" in downstream
    assert "policy varejo/review_recovery.p_negative" in downstream
    assert "policy varejo/review_recovery.score" not in downstream


def test_who_only_filters_by_a_column_is_a_consumer_too(lineage: Lineage) -> None:
    direct = {
        f"{consumer.kind} {consumer.name}": consumer
        for consumer in lineage.consumers("raw.varejo.orders", "order_status")
        if consumer.is_direct
    }

    assert set(direct) == {"dbt stg_varejo__orders", "trace varejo/replenishment"}
    assert "order_status" in direct["trace varejo/replenishment"].columns


def test_readers_at_a_distance_are_named_after_the_direct_ones(lineage: Lineage) -> None:
    found = lineage.consumers("raw.comercial.leads", "origin")
    kinds = {consumer.kind for consumer in found}

    assert [consumer.is_direct for consumer in found] == sorted((consumer.is_direct for consumer in found), reverse=True)
    assert {"dbt", "prediction", "policy", "figure", "chart"} <= kinds
    assert lineage.consumers("raw.financeiro.cards") == []


def test_feature_views_and_rules_of_other_tables_are_readers(lineage: Lineage) -> None:
    views = [consumer for consumer in lineage.consumers("features.feat_comercial__lead_history", "origin_rate") if consumer.is_direct]
    rules = [consumer for consumer in lineage.consumers("raw.varejo.order_items", "freight_value") if consumer.kind == "rule"]

    assert "comercial/lead" in [consumer.name for consumer in views if consumer.kind == "feature view"]
    assert [consumer.name for consumer in rules] == ["varejo.order_payments: reconciliation of order_id"]


def test_a_column_that_nobody_reads_has_no_consumer_though_its_table_has(lineage: Lineage) -> None:
    assert lineage.consumers("raw.varejo.customers", "customer_city") == []
    assert lineage.consumers("raw.varejo.customers")


def test_an_unknown_table_is_said_to_be_unknown(lineage: Lineage) -> None:
    with pytest.raises(NotFound, match=r"marts\.nothing"):
        lineage.node("marts.nothing")
    assert lineage.basis("marts.mart_varejo__replenishment", "nothing") == "unknown"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project of one model over one source."""
    root = tmp_path / "small"
    (root / "models").mkdir(parents=True)
    shutil.copytree(PROJECT / "macros", root / "macros")
    (root / "dbt_project.yml").write_text("name: small\nversion: 1.0.0\nprofile: eco\nmodels: {+schema: staging}\n")
    (root / "models" / "sources.yml").write_text((PROJECT / "models" / "sources.yml").read_text(encoding="utf-8"), encoding="utf-8")
    (root / "models" / "one.sql").write_text("SELECT origin AS channel FROM {{ source('comercial', 'leads') }}")
    return root


def test_lineage_follows_a_changed_model_and_is_compiled_once_a_change(project: Path) -> None:
    leads = [contract for contract in load_contracts() if contract.table == "comercial.leads"]
    before = project_lineage(leads, project)
    kept = list((project / "target").glob("compiled-*.json"))
    again = project_lineage(leads, project)
    (project / "models" / "one.sql").write_text("SELECT mql_id AS channel FROM {{ source('comercial', 'leads') }}")
    after = project_lineage(leads, project)

    assert {str(ref) for ref in before.origins("staging.one", "channel")} == {"raw.comercial.leads.origin"}
    assert again.node("staging.one") == before.node("staging.one")
    assert {str(ref) for ref in after.origins("staging.one", "channel")} == {"raw.comercial.leads.mql_id"}
    assert len(kept) == 1
    assert list((project / "target").glob("compiled-*.json")) != kept


def test_a_model_that_reads_a_removed_column_is_found_by_the_columns_that_were(project: Path) -> None:
    (project / "models" / "one.sql").write_text("SELECT gone AS channel FROM {{ source('comercial', 'leads') }}")
    leads = [contract for contract in load_contracts() if contract.table == "comercial.leads"]

    assert "staging.one" in project_lineage(leads, project).problems()
    with_old = project_lineage(leads, project, {"raw.comercial.leads": ["gone"]})
    assert [consumer.name for consumer in with_old.consumers("raw.comercial.leads", "gone")] == ["one"]


def test_a_model_that_dbt_cannot_compile_is_named(project: Path) -> None:
    (project / "models" / "one.sql").write_text("SELECT * FROM {{ ref('nowhere') }}")

    with pytest.raises(ConfigError, match="nowhere"):
        compile_project(project)
