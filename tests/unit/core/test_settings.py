"""Settings: read once, checked at once, and a home belongs to one business."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eco_assets.errors import ConfigError
from eco_assets.settings import PROJECT_ROOT, Settings


def test_without_any_variable_the_home_is_dot_eco_and_the_business_is_generated() -> None:
    settings = Settings.from_env({"PATH": "/bin"})

    assert settings.home == PROJECT_ROOT / ".eco"
    assert settings.data is None
    assert settings.data_root == settings.home / "twin"
    assert (settings.twin_seed, settings.twin_scale, settings.steps_slow_ms) == (7, 1.0, 0)


def test_every_path_of_state_hangs_from_the_home(tmp_path: Path) -> None:
    settings = Settings.from_env({"ECO_HOME": str(tmp_path)})

    paths = (
        settings.lake,
        settings.ledger_db,
        settings.jorge_db,
        settings.outbox,
        settings.knowledge,
        settings.mlflow_artifacts,
        settings.dagster_home,
    )
    assert all(path.is_relative_to(tmp_path) for path in paths)
    assert str(tmp_path) in settings.mlflow_uri


def test_an_unknown_variable_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting ECO_HOEM.*ECO_HOME.*ECO_DATA"):
        Settings.from_env({"ECO_HOEM": "x"})


def test_a_data_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        Settings.from_env({"ECO_DATA": str(tmp_path / "nowhere")})


def test_a_file_given_as_the_data_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x", encoding="utf-8")

    with pytest.raises(ConfigError, match="is not a folder"):
        Settings.from_env({"ECO_DATA": str(tmp_path / "data")})


@pytest.mark.parametrize(
    ("name", "value"),
    [("ECO_TWIN_SCALE", "0"), ("ECO_TWIN_SCALE", "big"), ("ECO_TWIN_SEED", "-1"), ("ECO_STEPS_SLOW_MS", "1.5"), ("ECO_LAKE_WAIT_S", "0")],
)
def test_a_malformed_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.from_env({name: value})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_env({"ECO_DATA": "", "ECO_TWIN_SEED": ""}).twin_seed == 7


def test_each_data_folder_has_a_home_of_its_own(tmp_path: Path) -> None:
    homes = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        homes.add(Settings.from_env({"ECO_DATA": str(tmp_path / name)}).home)

    assert len(homes) == 2
    assert PROJECT_ROOT / ".eco" not in homes


def test_a_home_claimed_twice_by_the_same_business_stays_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.claim_home()
    settings.claim_home()

    assert json.loads((tmp_path / "home" / "source.json").read_text(encoding="utf-8")) == {"data": "twin seed 7 x1.0"}


@pytest.mark.parametrize("other", [{"twin_seed": 8}, {"twin_scale": 2.0}, {"data": Path("/")}])
def test_a_home_that_holds_another_business_is_refused(tmp_path: Path, other: dict[str, object]) -> None:
    Settings(home=tmp_path / "home").claim_home()

    with pytest.raises(ConfigError, match="set ECO_HOME to another folder"):
        Settings.model_validate({"home": tmp_path / "home", **other}).claim_home()


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings(home=tmp_path).twin_seed = 8  # type: ignore[misc]


def test_a_password_is_stored_nowhere_and_read_from_the_environment_again(tmp_path: Path) -> None:
    catalog = "postgresql://eco:segredo@127.0.0.1/eco"
    settings = Settings(home=tmp_path, lake_catalog=catalog, redis_url="redis://:segredo@127.0.0.1/0")

    assert "segredo" not in settings.dumps() + repr(settings)
    assert Settings.loads(settings.dumps(), {"ECO_LAKE_CATALOG": catalog}).lake_catalog == catalog
    assert Settings.loads(settings.dumps(), {}).redis_url is None
