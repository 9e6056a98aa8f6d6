"""Who may decide: the gate's verdict, the reviewer's answer, and what happens when either is taken back."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
import toy_models
from toy_models import Level, Mute, rows, trained

from eco_assets.errors import ModelRejected, NotFound
from ml.review import APPROVED, REJECTED, WITHDRAWN, answer, reviews, settle
from ml.tracking import ModelVersion, Registry

DAY = date(2018, 5, 31)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home: Path = tmp_path_factory.mktemp("mlflow")
    return Registry(f"sqlite:///{home / 'mlflow.db'}", home / "artifacts")


def train(registry: Registry, name: str, level: float, *, day: date = DAY, seed: int = 1, kind: type[Level] = Level) -> ModelVersion:
    frame = rows(seed=seed)
    return registry.train_if_changed(
        name, frame, lambda held: trained(kind(level), held), code_version=f"{level}{kind.__name__}", as_of=day, tags={}
    )


def statuses(registry: Registry, name: str) -> list[str]:
    return [review.status for review in reviews(registry.client, name)]


def test_the_first_needs_no_reviewer_and_a_better_one_waits_for_one(registry: Registry) -> None:
    assert train(registry, "waits", 12).version == "1"
    second = train(registry, "waits", 10)
    assert (second.version, second.waiting, second.is_new) == ("1", "2", False)
    assert statuses(registry, "waits") == ["pending", "champion"]

    answer(registry.client, "waits", "2", APPROVED, by="Ana", why="melhor em tudo")

    assert train(registry, "waits", 10).version == "2"
    assert registry.describe("waits", DAY).version == "2"
    newest = reviews(registry.client, "waits")[0]
    assert (newest.status, newest.by, newest.said) == ("champion", "Ana", "melhor em tudo")
    assert newest.why.startswith("better than version 1")


def test_what_is_not_better_never_waits(registry: Registry) -> None:
    train(registry, "not-better", 10)
    assert train(registry, "not-better", 10.001).waiting == ""
    assert train(registry, "not-better", 13).version == "1"
    assert statuses(registry, "not-better") == ["not better", "not better", "champion"]
    assert reviews(registry.client, "not-better")[0].why.startswith("worse than version 1")


def test_without_reviewers_a_better_one_decides_at_once(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts", is_reviewed=False)
    train(registry, "alone", 12)
    found = train(registry, "alone", 10)
    assert (found.version, found.is_new, found.waiting) == ("2", True, "")


def test_a_reviewer_answers_on_mlflows_own_pages(registry: Registry) -> None:
    train(registry, "pages", 12)
    train(registry, "pages", 11)
    train(registry, "pages", 10)
    client = registry.client
    client.set_model_version_tag("pages", "2", "review", "rejected")
    client.set_model_version_tag("pages", "3", "review", "approved")
    assert {(each.version, each.verdict) for each in settle(client, "pages")} == {("2", "rejected"), ("3", "approved")}
    assert settle(client, "pages") == []
    assert registry.latest("pages").version == "3"
    assert statuses(registry, "pages") == ["champion", "rejected", "promoted"]


def test_an_alias_that_was_moved_by_hand_is_an_approval(registry: Registry) -> None:
    train(registry, "alias", 12)
    train(registry, "alias", 10)
    registry.client.set_registered_model_alias("alias", "champion", "2")
    assert [each.verdict for each in settle(registry.client, "alias")] == [APPROVED]
    assert train(registry, "alias", 10).version == "2"
    assert statuses(registry, "alias") == ["champion", "promoted"]


def test_a_champion_that_is_withdrawn_gives_way_to_the_one_before(registry: Registry) -> None:
    train(registry, "back", 12)
    train(registry, "back", 10)
    answer(registry.client, "back", "2", APPROVED, by="Ana")
    answer(registry.client, "back", "2", WITHDRAWN, by="Rui", why="erra no Norte")
    assert registry.latest("back").version == "1"
    assert train(registry, "back", 10).version == "1"


def test_when_nothing_may_decide_nothing_does(registry: Registry) -> None:
    train(registry, "none", 12)
    answer(registry.client, "none", "1", REJECTED, by="Ana", why="dados errados")
    with pytest.raises(NotFound, match="no champion"):
        registry.latest("none")
    with pytest.raises(ModelRejected, match="dados errados"):
        train(registry, "none", 12)


def test_an_old_day_is_never_decided_by_a_model_of_a_later_one(registry: Registry) -> None:
    train(registry, "old-day", 10)
    with pytest.raises(ModelRejected):  # nothing had been promoted by then, and this one is worse than a guess
        registry.train_if_changed(
            "old-day", rows(seed=9), lambda held: trained(Level(500), held), code_version="x", as_of=DAY - timedelta(days=30), tags={}
        )


def test_a_champion_that_cannot_judge_todays_rows_leaves_it_to_a_person(registry: Registry) -> None:
    train(registry, "mute", 10, kind=Mute)
    found = train(registry, "mute", 10)
    assert (found.version, found.waiting) == ("1", "2")
    assert "cannot judge the same rows" in reviews(registry.client, "mute")[0].why


@pytest.fixture
def gone(registry: Registry, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The name of a model whose champion is of a class that was moved since."""

    class Gone(Level):
        pass

    Gone.__module__, Gone.__qualname__ = "toy_models", "Gone"
    monkeypatch.setattr(toy_models, "Gone", Gone, raising=False)
    train(registry, request.node.name, 11, kind=Gone)
    monkeypatch.undo()
    return str(request.node.name)


def test_a_champion_that_cannot_be_loaded_is_replaced_and_a_person_is_asked(registry: Registry, gone: str) -> None:
    with pytest.raises(NotFound, match=r"cannot be loaded by today's code .*materialize its asset"):
        registry.load(gone, DAY)
    found = train(registry, gone, 11)
    assert (found.version, found.is_new, found.waiting) == ("2", True, "2")
    assert registry.load(gone, DAY)[1].version == "2"
    newest = reviews(registry.client, gone)[0]
    assert newest.status == "pending"
    assert "so they are not compared" in newest.why
    registry.client.set_model_version_tag(gone, "2", "review", "approved")
    assert [(each.version, each.by) for each in settle(registry.client, gone)] == [("2", "MLflow UI")]
    assert settle(registry.client, gone) == []
    assert statuses(registry, gone)[0] == "champion"


def test_what_took_the_place_of_an_unreadable_champion_can_be_rejected(registry: Registry, gone: str) -> None:
    train(registry, gone, 11)
    registry.client.set_model_version_tag(gone, "2", "review", "rejected")
    assert [each.verdict for each in settle(registry.client, gone)] == ["rejected"]
    assert registry.latest(gone).version == "1"


def test_a_worse_than_its_baseline_never_takes_the_place_of_an_unreadable_champion(registry: Registry, gone: str) -> None:
    assert train(registry, gone, 500).version == "1"


def test_what_a_version_was_judged_on_is_kept_with_it(registry: Registry) -> None:
    made = train(registry, "kept", 12)
    pd.testing.assert_frame_equal(registry.reference(made), rows())


def test_an_unknown_version_is_named(registry: Registry) -> None:
    train(registry, "known", 12)
    with pytest.raises(NotFound, match="no version 7"):
        answer(registry.client, "known", "7", APPROVED, by="Ana")
