"""A view that is declared wrongly is refused when it is read, with the file and the field; the real ones are declared rightly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from feature_house import view

from eco_assets.aurion.features.lint import declared_tables, lint
from eco_assets.aurion.features.views import View, load_views, read_view
from eco_assets.errors import ConfigError
from eco_assets.settings import AGENTS

TABLES = {
    "demo.readings": {"machine": "varchar", "at": "timestamp", "heat": "double", "state": "varchar"},
    "features.feat_industrial__demo": {"machine": "varchar", "at": "timestamp", "heat": "double", "state": "varchar"},
}


def written(folder: Path, name: str = "reading", agent: str = "industrial", **changed: Any) -> Path:
    declared = view().model_dump(mode="json", exclude_defaults=True)
    declared["event_time"] = {"column": "at", "type": "timestamp", "timezone": "UTC"}
    declared = {key: value for key, value in {**declared, "name": name, **changed}.items() if value is not None}
    path = folder / agent / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return path


def test_every_real_view_reads_declared_columns_of_its_own_agent_and_every_agent_has_one() -> None:
    views = load_views()

    lint(views.values())
    assert {view.agent for view in views.values()} >= set(AGENTS)
    assert len(views) >= 4
    assert len({view.space for view in views.values()}) == len(views)


def test_no_real_view_serves_what_becomes_known_later() -> None:
    """The labels of the models; `score` is given after the review was asked for."""
    labels = {"is_converted", "is_anomalous", "is_subscribed", "score", "has_comment"}
    assert {feature for view in load_views().values() for feature in view.feature_names} & labels == set()


def test_a_written_view_is_the_declared_one(tmp_path: Path) -> None:
    assert read_view(written(tmp_path)) == view()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"keys": None}, "keys: Field required"),
        ({"keys": []}, "keys: "),
        ({"features": []}, "features: "),
        ({"feature": []}, "feature: Extra inputs are not permitted"),
        ({"ttl": "3 days"}, r"ttl: .*'3 days' is not a length of time such as 30s, 15m, 6h or 3d"),
        ({"ttl": "0d"}, "ttl: .*is not a length of time"),
        ({"event_time": {"column": "at", "type": "timestamp"}}, "event_time: .*needs a timezone"),
        ({"event_time": {"column": "at", "type": "date", "timezone": "Sampa"}}, "event_time: .*no time zone 'Sampa'"),
        ({"event_time": {"column": "at", "type": "timestamptz", "timezone": "UTC"}}, "event_time: .*has one already"),
        ({"source": {"table": "readings; DROP TABLE x"}}, "source.table: "),
        ({"description": "A view without an end"}, "description: .*full stop"),
        ({"features": [{"name": "machine", "type": "double", "description": "Twice."}]}, "machine is declared more than once"),
        ({"features": [{"name": "heat", "type": "float", "description": "Degrees."}]}, "features.0.type: "),
    ],
)
def test_a_malformed_view_is_refused_with_file_and_field(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = written(tmp_path, **changed)

    with pytest.raises(ConfigError, match=rf"^industrial/reading.yaml: .*{message}"):
        load_views(path.parents[1])


def test_a_name_that_is_taken_and_a_file_in_the_wrong_place_are_refused(tmp_path: Path) -> None:
    content = written(tmp_path).read_text(encoding="utf-8").replace("agent: industrial", "agent: varejo")
    misplaced = tmp_path / "comercial" / "reading.yaml"
    for path in (tmp_path / "varejo" / "reading.yaml", misplaced):
        path.parent.mkdir()
        path.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError, match=r"comercial/reading.yaml: agent and name say varejo/reading.yaml: move the file"):
        load_views(tmp_path)
    misplaced.unlink()
    with pytest.raises(ConfigError, match=r"varejo/reading.yaml: name: industrial has a view 'reading' already"):
        load_views(tmp_path)


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "industrial" / "reading.yaml"
    path.parent.mkdir()
    path.write_text("name: [", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"industrial/reading.yaml: cannot be read as YAML"):
        load_views(tmp_path)


def own(**changed: Any) -> View:
    return view(**{"source": {"table": "features.feat_industrial__demo"}, **changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": {"table": "features.feat_industrial__other"}}, "source.table: no declared table .*there are demo.readings"),
        ({"agent": "varejo"}, "source.table: .*belongs to industrial"),
        ({"features": [{"name": "heta", "type": "double", "description": "Degrees."}]}, "features: .*no column 'heta'; it has machine, at"),
        ({"keys": [{"name": "pump", "type": "varchar", "description": "Machine."}]}, "keys: .*no column 'pump'"),
        ({"features": [{"name": "heat", "type": "bigint", "description": "Degrees."}]}, "features: heat is bigint here and double in"),
        ({"event_time": {"column": "seen", "type": "timestamp", "timezone": "UTC"}}, "event_time: .*no column 'seen'"),
        ({"event_time": {"column": "at", "type": "date", "timezone": "UTC"}}, "event_time: at is date here and timestamp in"),
        ({"created_time": {"column": "seen", "type": "timestamp", "timezone": "UTC"}}, "created_time: .*no column 'seen'"),
        ({"source": {"table": "features.feat_industrial__demo", "only": {"kind": "x"}}}, "source.only: .*no column 'kind'"),
    ],
)
def test_a_view_that_names_what_does_not_exist_is_refused_with_file_and_field(changed: dict[str, Any], message: str) -> None:
    lint([own()], TABLES)

    with pytest.raises(ConfigError, match=rf"(industrial|varejo)/reading.yaml: {message}"):
        lint([own(**changed)], TABLES)


def test_a_key_has_one_type_in_all_views() -> None:
    tables = {**TABLES, "marts.mart_industrial__demo": {**TABLES["demo.readings"], "machine": "bigint"}}
    key = {"name": "machine", "type": "bigint", "description": "Machine."}

    with pytest.raises(ConfigError, match=r"keys: machine is bigint here and varchar in view reading"):
        lint([own(), own(name="other", keys=[key], source={"table": "marts.mart_industrial__demo"})], tables)


def test_personal_data_of_a_contract_must_be_marked_in_a_view() -> None:
    seller = load_views()["seller"]
    personal = seller.model_copy(update={"keys": (seller.keys[0].model_copy(update={"name": "mql_id"}),)})

    with pytest.raises(ConfigError, match=r"mql_id: its contract says personal data: add `is_personal: true`"):
        lint([personal])


def test_declared_tables_are_those_of_dbt_and_of_the_contracts() -> None:
    tables = declared_tables()

    assert tables["marts.mart_varejo__replenishment"]["as_of"] == "date"
    assert tables["raw.comercial.closed_deals"]["won_date"] == "timestamp"
    assert not any(name.startswith("staging.") for name in tables)
