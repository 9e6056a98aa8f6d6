"""Models in a home that ran: what is kept of a prediction adds up, a better version waits for a person, a card tells it, files go out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import dagster as dg
import duckdb
import pandas as pd
import pytest
from homes import Home

from eco_assets.defs.inprocess import instance
from eco_assets.language import update
from eco_assets.model_reviews import KIND, answered
from ml.families import FAMILIES
from ml.language.nlp_features import COLUMNS
from ml.mlflow_session import tracked
from ml.review import APPROVED, reviews

DAILY = [family for family in FAMILIES.values() if family.is_daily]


@pytest.fixture(scope="module")
def day(good_home: Home) -> date:
    return good_home.platform.business_date()


def materialize(home: Home, day: date, *keys: str, job: str) -> dg.ExecuteInProcessResult:
    """Run part of a job, as somebody does in the UI."""
    from eco_assets.definitions import build_defs
    from resources.platform import PlatformResource

    definitions = build_defs({"platform": PlatformResource.of(home.platform)})
    selection = [dg.AssetKey.from_user_string(key) for key in keys] or None
    with instance(home.path / "dagster") as opened:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=opened, partition_key=day.isoformat(), asset_selection=selection
        )


@pytest.mark.parametrize("family", DAILY, ids=lambda family: family.name)
def test_what_is_kept_of_a_prediction_adds_up_for_every_subject(good_home: Home, day: date, family: object) -> None:
    assert isinstance(family, type(DAILY[0]))
    lake = good_home.platform.lake
    scored = lake.frame(f"SELECT * EXCLUDE (as_of) FROM predictions.{family.table} WHERE as_of = $as_of", {"as_of": day})
    kept = lake.frame(f"SELECT * FROM explanations.{family.table} WHERE as_of = $as_of", {"as_of": day})
    assert len(scored)
    assert set(kept["subject"]) == set(scored.iloc[:, 0].astype(str))
    assert set(kept["model_version"]) == {good_home.platform.registry.describe(family.name, day).version}
    assert kept.groupby("subject").size().max() <= 8  # six, the others, the base


def test_a_probability_is_its_contributions(good_home: Home, day: date) -> None:
    found = good_home.platform.lake.frame(
        """SELECT p.mql_id, p.p_convert, 1 / (1 + exp(-sum(e.contribution))) AS told FROM predictions.comercial_lead_conversion p
           JOIN explanations.comercial_lead_conversion e ON e.subject = p.mql_id AND e.as_of = p.as_of
           WHERE p.as_of = $as_of GROUP BY ALL""",
        {"as_of": day},
    )
    pd.testing.assert_series_equal(found["p_convert"], found["told"], check_names=False, rtol=1e-6)


def test_a_better_version_waits_is_approved_and_decides(copied_home: Callable[[], Home], day: date) -> None:
    home = copied_home()
    registry, name = home.platform.registry, "varejo_review_sentiment"
    champion, client = registry.latest(name), registry.client
    known = client.get_model_version(name, champion.version)
    tags = {tag: known.tags[tag] for tag in ("primary_metric", "data_fingerprint", "as_of")} | {"review": "pending"}
    with tracked(home.platform.settings.mlflow_uri):
        made = client.create_model_version(name, source=known.source, run_id=champion.run_id, model_id=known.model_id, tags=tags)
    assert [each.status for each in reviews(client, name)] == ["pending", "champion"]

    answered(home.platform, FAMILIES[name], str(made.version), APPROVED, by="Ana", why="melhor no Norte")

    assert registry.latest(name).version == str(made.version)
    (entry,) = home.platform.ledger.list(KIND)
    assert (entry["model"], entry["verdict"], entry["by"]) == (name, "approved", "Ana")


def test_the_card_is_published_in_portuguese(copied_home: Callable[[], Home], day: date) -> None:
    home = copied_home()
    result = materialize(home, day, "evaluations/comercial/lead_conversion", job="evaluate")
    assert result.success
    page = (home.path / "notion" / "modelos" / "comercial_lead_conversion.md").read_text(encoding="utf-8")
    assert "# Modelo – Conversão de contatos" in page
    assert "Qualidade em casos não vistos" in page
    assert "| Origem: " in page.split("## Por região e grupo")[1]  # its slices, in words


def test_language_features_are_made_once(copied_home: Callable[[], Home], day: date) -> None:
    home = copied_home()
    first, again = update(home.platform, day), update(home.platform, day)
    assert first.made == first.rows > 100
    assert (again.made, again.rows, again.version) == (0, first.rows, first.version)
    found = home.platform.lake.frame("SELECT * FROM language.varejo_reviews")
    assert list(found.columns) == list(COLUMNS)
    assert found["sentiment"].value_counts().min() > 5
    assert found["topic"].nunique() > 2


def test_a_mart_goes_out_as_a_file_whose_schema_is_said(copied_home: Callable[[], Home], day: date) -> None:
    home = copied_home()
    for _ in range(2):
        assert materialize(home, day, "exports/varejo/review_recovery", job="export").success
    target = home.path / "exports" / "varejo" / "review_recovery" / f"{day}.csv"
    schema = json.loads(target.with_name(f"{target.name}.schema.json").read_text(encoding="utf-8"))
    rows = duckdb.read_csv(str(target))
    assert rows.columns == [column["name"] for column in schema["columns"]]
    assert rows.shape[0] == schema["rows"] > 0


def test_no_model_learns_from_rows_in_quarantine(copied_home: Callable[[], Home], day: date) -> None:
    home = copied_home()
    family = FAMILIES["comercial_lead_conversion"]
    with home.platform.lake.connect() as db:
        before = family.training_frame(db, day)
    source = next((home.data / "comercial").rglob("*qualified_leads*.csv"))
    lines = source.read_text(encoding="utf-8").splitlines()
    poisoned = [lines[0], *(line.replace(line.split(",")[1], "not a day") for line in lines[1:])]
    source.write_text("\n".join(poisoned) + "\n", encoding="utf-8")
    (landed,) = [each for each in home.platform.ingest("comercial") if each.contract.entity == "leads"]
    assert landed.quarantined
    with home.platform.lake.connect() as db:
        pd.testing.assert_frame_equal(family.training_frame(db, day), before)
