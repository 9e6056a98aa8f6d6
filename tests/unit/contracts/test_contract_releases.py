"""The gate: a contract is released with the version that its changes ask for, releases are for ever, old consumers are served."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from contract_house import Edit, compatibility, contract, custom, version, with_column, without_column, write

from eco_assets.contracts.contract import load_contracts
from eco_assets.contracts.gate import check, late_readers, releasable
from eco_assets.contracts.rules import Level
from eco_assets.contracts.versions import DIGESTS, RELEASED, History, Version, version_of
from eco_assets.errors import ContractError, NotFound
from eco_assets.lineage.columns import Ref
from eco_assets.lineage.graph import Lineage, Node

TODAY = date(2029, 6, 1)
ADDED = with_column("amount", physicalType="INTEGER")
WORDS = with_column("origin", description="Other words.")
GONE = without_column("origin")


def released(root: Path, *versions: tuple[Edit, ...]) -> History:
    """A history with these versions of the contract of leads."""
    history = History(root / "released")
    for edits in versions:
        history.write(contract(root / "then", *edits))
    return history


def findings(root: Path, history: History, *edits: Edit, warnings: bool = False, today: date = TODAY) -> list[str]:
    found = check([contract(root / "now", *edits)], history, today)
    return [each.words for each in found if each.is_warning is warnings]


def test_the_contracts_of_the_repository_have_the_version_that_their_content_asks_for() -> None:
    found = [f"{each.table}: {each.words}" for each in check(load_contracts(), History(), date.max) if not each.is_warning]

    assert found == [], "`eco contracts check` says the same; `eco contracts release --all` freezes what has its right version"


@pytest.mark.parametrize(
    ("edits", "needed"),
    [((WORDS,), "1.0.1"), ((ADDED,), "1.1.0"), ((GONE,), "2.0.0"), ((ADDED, WORDS), "1.1.0"), ((ADDED, GONE), "2.0.0")],
)
def test_a_wrong_version_is_refused_with_the_one_that_is_needed(tmp_path: Path, edits: tuple[Edit, ...], needed: str) -> None:
    history = released(tmp_path, ())

    for wrong in {"1.0.0", "1.0.2", "1.2.0", "3.0.0", "0.9.0"} - {needed}:
        assert any(f"must be {needed}" in words for words in findings(tmp_path, history, version(wrong), *edits)), wrong
        with pytest.raises(ContractError, match=f"must be {needed}"):
            releasable(contract(tmp_path / "now", version(wrong), *edits), history, TODAY)


def test_the_right_version_may_be_released_and_until_then_the_gate_asks_for_it(tmp_path: Path) -> None:
    history, edits = released(tmp_path, ()), (version("1.1.0"), ADDED)
    now = contract(tmp_path / "now", *edits)

    assert findings(tmp_path, history, *edits) == ["1.1.0 is not released yet: `eco contracts release comercial.leads`"]
    assert [str(change) for change in releasable(now, history, TODAY)] == ["column amount: an optional column is new (nothing → INTEGER)"]
    history.write(now)
    assert findings(tmp_path, history, *edits) == []
    with pytest.raises(ContractError, match="nothing to release"):
        releasable(now, history, TODAY)


def test_a_higher_version_than_needed_is_a_choice_but_numbers_are_not_skipped(tmp_path: Path) -> None:
    history = released(tmp_path, ())

    assert releasable(contract(tmp_path / "now", version("1.1.0"), WORDS), history, TODAY)
    assert releasable(contract(tmp_path / "now", version("2.0.0"), WORDS), history, TODAY)
    with pytest.raises(ContractError, match=r"must be 1\.0\.1"):
        releasable(contract(tmp_path / "now", version("1.3.0"), WORDS), history, TODAY)


def test_a_version_that_moves_without_a_change_and_one_that_goes_back_are_refused(tmp_path: Path) -> None:
    history = released(tmp_path, (), (version("1.1.0"), ADDED))

    assert findings(tmp_path, history, version("1.2.0"), ADDED) == ["version 1.2.0 says what 1.1.0 says: keep 1.1.0"]
    assert findings(tmp_path, history, version("1.0.0"), ADDED, WORDS)[0] == "version 1.0.0 goes back behind the released 1.1.0"


def test_a_new_contract_must_be_released_too(tmp_path: Path) -> None:
    history = released(tmp_path)

    assert findings(tmp_path, history) == ["was never released: `eco contracts release comercial.leads`"]
    assert releasable(contract(tmp_path / "now"), history, TODAY) == []


def test_a_layout_of_the_yaml_is_no_change(tmp_path: Path) -> None:
    history, path = released(tmp_path, ()), write(tmp_path / "now")
    path.write_text("# A comment.\n" + path.read_text(encoding="utf-8"), encoding="utf-8")

    assert check([contract(tmp_path / "now")], history, TODAY) == []


def test_every_release_of_a_major_version_binds_not_only_the_last(tmp_path: Path) -> None:
    history = released(tmp_path, (), (version("1.1.0"), GONE))  # a history that no gate has seen

    assert [words for words in findings(tmp_path, history, version("1.1.0"), GONE) if "breaks 1.0.0" in words and "column origin" in words]
    with pytest.raises(ContractError, match=r"breaks 1\.0\.0"):
        releasable(contract(tmp_path / "now", version("1.1.1"), GONE, with_column("mql_id", description="Other.")), history, TODAY)


@pytest.mark.parametrize("harm", ["edited", "deleted", "slipped in"])
def test_a_release_that_was_touched_is_found(tmp_path: Path, harm: str) -> None:
    history = released(tmp_path, ())
    file = history.root / "comercial.leads@1.0.0.yaml"
    if harm == "edited":
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    elif harm == "deleted":
        file.unlink()
    else:
        file.with_name("comercial.leads@0.9.0.yaml").write_bytes(file.read_bytes())

    words = [each.words for each in history.edited()]
    assert len(words) == 1
    assert {"edited": "was edited", "deleted": "is gone", "slipped in": "is not in"}[harm] in words[0]


def test_a_release_is_a_copy_of_the_bytes_and_is_made_once(tmp_path: Path) -> None:
    history, now = released(tmp_path), contract(tmp_path / "now")

    assert history.write(now).read_bytes() == now.path.read_bytes()
    assert (history.root / DIGESTS).read_text(encoding="utf-8").endswith("  comercial.leads@1.0.0.yaml\n")
    with pytest.raises(ContractError, match="released already"):
        history.write(now)
    with pytest.raises(NotFound, match=r"released are: 1\.0\.0"):
        history.at("comercial.leads", "3.0.0")


def test_releases_are_ordered_as_numbers(tmp_path: Path) -> None:
    history = released(tmp_path, (version("1.9.0"),), (version("1.10.0"),), (version("2.0.0"),))

    assert [str(each.version) for each in history.releases("comercial.leads")] == ["1.9.0", "1.10.0", "2.0.0"]
    assert str(getattr(history.newest("comercial.leads", 1), "version", None)) == "1.10.0"
    assert History(RELEASED).releases("comercial.nothing") == []


@pytest.mark.parametrize("text", ["1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", ""])
def test_a_version_is_three_numbers(text: str) -> None:
    with pytest.raises(ContractError, match=r"MAJOR\.MINOR\.PATCH"):
        version_of(text)
    assert Version(1, 4, 2).next(Level.MINOR) == (1, 5, 0)


def test_a_break_needs_a_view_with_a_date_and_a_word_for_every_column(tmp_path: Path) -> None:
    history, two = released(tmp_path, ()), version("2.0.0")

    assert findings(tmp_path, history, two, GONE)[-1] == "version 1 is read today: declare it, with a date, under compatibility"
    assert findings(tmp_path, history, two, GONE, compatibility())[-1] == "compatibility 1: say what column origin is now, or NULL"
    assert findings(tmp_path, history, two, GONE, compatibility(origin="NULL", never="NULL"))[-1].endswith("version 1 has no column never")
    assert releasable(contract(tmp_path / "now", two, GONE, compatibility(origin="NULL")), history, TODAY)


@pytest.mark.parametrize("text", ["(SELECT 1)", "max(mql_id)", "row_number() OVER ()", "nowhere", "1 +", "mql_id; DROP TABLE x", "*"])
def test_a_mapping_is_an_expression_over_the_columns_of_one_row(tmp_path: Path, text: str) -> None:
    history = released(tmp_path, ())

    assert any("column origin" in words for words in findings(tmp_path, history, version("2.0.0"), GONE, compatibility(origin=text)))


def test_what_hurts_producers_only_needs_no_view(tmp_path: Path) -> None:
    history = released(tmp_path, ())

    assert releasable(contract(tmp_path / "now", version("2.0.0"), with_column("origin", required=True)), history, TODAY)


def test_a_view_stays_until_its_date_and_then_may_go(tmp_path: Path) -> None:
    two, view = (version("2.0.0"), GONE), compatibility("2029-12-31", origin="NULL")
    history = released(tmp_path, (), (*two, view))
    later = (version("2.0.1"), GONE)

    assert findings(tmp_path, history, *later)[-1] == "version 1 is promised until 2029-12-31: declare it, with a date, under compatibility"
    assert "moves later" in findings(tmp_path, history, *later, compatibility("2029-07-01", origin="NULL"))[-1]
    assert findings(tmp_path, history, *two, view, warnings=True, today=date(2029, 12, 31)) == []
    assert findings(tmp_path, history, *two, view, warnings=True, today=date(2030, 1, 1)) == [
        "view leads_v1 may go: it was promised until 2029-12-31"
    ]
    assert releasable(contract(tmp_path / "now", *later), history, date(2030, 1, 1))


@pytest.mark.parametrize("entry", [{"version": 1}, {"version": "one", "until": "2030-01-01"}, {"until": "soon", "version": 1}, "v1"])
def test_a_malformed_entry_is_named(tmp_path: Path, entry: object) -> None:
    history = released(tmp_path, ())
    assert "a compatibility entry is" in findings(tmp_path, history, version("2.0.0"), GONE, custom("compatibility", [entry]))[-1]


def test_a_version_that_was_never_released_cannot_be_served(tmp_path: Path) -> None:
    history = released(tmp_path, ())

    assert any("names version 7" in words for words in findings(tmp_path, history, version("1.0.1"), WORDS, compatibility(version=7)))


def test_who_still_reads_an_old_version_is_named(tmp_path: Path) -> None:
    now = contract(tmp_path / "now", version("2.0.0"), GONE, compatibility("2029-12-31", origin="NULL"))
    view = Node("raw.comercial.leads_v1", "view")
    reader = Node("staging.x", "dbt", uses=frozenset({Ref(view.name, "origin")}), tables=frozenset({view.name}), label="stg_x")

    assert [each.words for each in late_readers([now], Lineage([view, reader]))] == ["stg_x reads version 1, which ends on 2029-12-31"]
