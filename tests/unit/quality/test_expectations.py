"""Great Expectations on a mart: what breaks is named, shown without what is protected, and written as pages."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from eco_assets.aurion.expectations import SUITES, validate

MART = "mart_comercial__lead_next_action"


@pytest.fixture
def leads() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "mql_id": ["a", "b", "c"],
            "name": ["Ana Souza", "Rui Lima", None],
            "age_days": [0, 3, 13],
            "origin_rate": [0.1, 0.2, 0.3],
            "landing_page_rate": [0.1, 0.2, 0.3],
            "landing_page_leads": [5, 5, 5],
        }
    )


def test_rows_that_hold_every_expectation_pass(leads: pd.DataFrame) -> None:
    found = validate(MART, leads)
    assert (found.evaluated, found.failed, found.warned, found.sample) == (len(SUITES[MART]), (), (), ())


def test_what_breaks_is_named_with_its_rows_and_nothing_protected(leads: pd.DataFrame) -> None:
    found = validate(MART, leads.assign(age_days=[0, 99, 13]), hidden=["name"])
    assert len(found.failed) == 1
    assert "age_days" in found.failed[0]
    assert [row["mql_id"] for row in found.sample] == ["b"]
    assert "Rui" not in repr(found)


def test_protected_texts_stay_as_unique_as_they_were(leads: pd.DataFrame) -> None:
    assert validate(MART, leads, hidden=["mql_id"]).failed == ()
    assert len(validate(MART, leads.assign(mql_id=["a", "a", "c"]), hidden=["mql_id"]).failed) == 1


def test_a_protected_number_is_judged_and_not_shown(leads: pd.DataFrame, tmp_path: Path) -> None:
    found = validate(MART, leads.assign(age_days=[0, 987, 13]), hidden=["age_days"], docs=tmp_path / "docs")
    assert len(found.failed) == 1
    assert "987" not in repr(found)
    assert not [page for page in tmp_path.rglob("*.html") if "987" in page.read_text(encoding="utf-8")]


def test_pages_are_made_anew_and_hold_nothing_protected(leads: pd.DataFrame, tmp_path: Path) -> None:
    docs = tmp_path / "docs" / "2018-05-31"
    for ages in ([0, 99, 13], [0, 3, 13]):
        validate(MART, leads.assign(age_days=ages), hidden=["name", "mql_id"], docs=docs)
    assert (docs / "index.html").is_file()
    pages = list(docs.rglob("validations/**/*.html"))
    assert len(pages) == 1  # the last result only
    assert not [page for page in docs.rglob("*.html") if "Ana Souza" in page.read_text(encoding="utf-8")]
    assert not list(docs.parent.glob(".*"))
