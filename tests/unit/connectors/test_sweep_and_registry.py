"""The sweep's evidence says what was run and how it ended; the registry counts nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from made_wheels import make_wheel, only_these

from eco_assets.aurion.connectors.dummies import dummy
from eco_assets.aurion.connectors.protocol import Spec
from eco_assets.aurion.connectors.registry import RUNTIMES, Registry, wanted
from eco_assets.aurion.connectors.sweep import Swept, sweep
from eco_assets.errors import ConfigError, NotFound

MANIFEST = """
type: DeclarativeSource
spec:
  type: Spec
  documentation_url: https://docs.example/shop
  connection_specification:
    type: object
    required: [token]
    properties: {token: {type: string, airbyte_secret: true}}
"""
PLAIN = "class SourceShop(YamlDeclarativeSource):\n    def __init__(self):\n        super().__init__(path_to_yaml='manifest.yaml')\n"
PYTHON = "class SourceDesk(AbstractSource):\n    def streams(self, config):\n        return []\n"
SPEC = '{"connectionSpecification": {"type": "object", "properties": {"url": {"type": "string"}}}}'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry that wants three sources, and an index that has two of them."""
    wheels, registry = tmp_path / "wheels", tmp_path / "registry"
    only_these(monkeypatch, wheels)
    make_wheel(wheels, "airbyte-source-shop", "1.0", {"source_shop/manifest.yaml": MANIFEST, "source_shop/source.py": PLAIN})
    files = {"source_desk/spec.json": SPEC, "source_desk/source.py": PYTHON}
    make_wheel(wheels, "airbyte-source-desk", "2.0", files, {"source-desk": "source_desk.run:run"})
    make_wheel(wheels, "airbyte-source-odd", "1.0", {"source_odd/source.py": PYTHON})
    registry.mkdir()
    listed = "\n".join(f"  - airbyte-source-{name}" for name in ("shop==1.0", "desk==2.0", "odd==1.0", "gone==1.0"))
    (registry / "wanted.yaml").write_text(f"airbyte:\n{listed}\n", encoding="utf-8")
    return registry


def swept(folder: Path, **options: object) -> dict[str, Swept]:
    found = sweep(folder.parent / "runtimes", folder=folder, highest=2, pause_s=0, **options)  # type: ignore[arg-type]
    return {one.name: one for one in found}


def test_each_package_gets_the_level_that_it_reached_and_why_no_higher(folder: Path) -> None:
    levels = {name: one.level for name, one in swept(folder).items()}
    assert levels == {"airbyte-shop": 2, "airbyte-desk": 2, "airbyte-odd": 1, "airbyte-gone": 0}
    found = {name: json.loads(line) for line in (folder / "airbyte.jsonl").read_text().splitlines() for name in [json.loads(line)["name"]]}
    assert found["airbyte-shop"]["documentation"] == "https://docs.example/shop"
    assert found["airbyte-shop"]["licence"] == "MIT"
    assert "script" not in found["airbyte-shop"]
    assert found["airbyte-desk"]["script"] == "source-desk"
    assert len(found["airbyte-shop"]["sha256"]) == 64
    assert "holds no specification" in found["airbyte-odd"]["evidence"][-1]["outcome"]
    assert "airbyte-source-gone" in found["airbyte-gone"]["evidence"][-1]["outcome"]


def test_what_is_known_is_not_asked_for_again(folder: Path) -> None:
    swept(folder)
    before = (folder / "airbyte.jsonl").read_text()
    for wheel in (folder.parent / "wheels").glob("*.whl"):
        wheel.unlink()
    assert swept(folder) == {}
    assert (folder / "airbyte.jsonl").read_text() == before
    assert set(swept(folder, retry=True)) == {"airbyte-odd", "airbyte-gone"}


def test_shards_part_the_work_and_leave_the_same_evidence(folder: Path) -> None:
    parts = [set(swept(folder, shard=f"{part}/3")) for part in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == ["airbyte-desk", "airbyte-gone", "airbyte-odd", "airbyte-shop"]
    assert len((folder / "airbyte.jsonl").read_text().splitlines()) == 4
    with pytest.raises(ConfigError, match="4/3"):
        swept(folder, shard="4/3")


def test_evidence_of_another_version_does_not_count(folder: Path) -> None:
    swept(folder)
    (folder / "wanted.yaml").write_text("airbyte:\n  - airbyte-source-shop==1.1\n  - airbyte-source-desk==2.0\n", encoding="utf-8")
    entries = Registry.load(folder).entries
    assert {name: entry.level for name, entry in entries.items()} == {"airbyte-shop": 0, "airbyte-desk": 2}


def test_a_pin_must_be_exact(folder: Path) -> None:
    (folder / "wanted.yaml").write_text("airbyte:\n  - airbyte-source-shop>=1.0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not pinned"):
        wanted(folder)


def test_a_connector_that_was_not_described_cannot_be_used_and_says_why(folder: Path) -> None:
    swept(folder)
    registry = Registry.load(folder)
    with pytest.raises(ConfigError, match=r"level 1 .* holds no specification"):
        registry.connector("airbyte-odd", folder.parent)
    assert registry.connector("airbyte-shop", folder.parent).spec().secrets == {"token"}


def test_an_unknown_name_says_what_is_near() -> None:
    with pytest.raises(NotFound, match="shopify"):
        Registry.load().entry("shopfy")


def test_at_least_150_connectors_have_their_specification_parsed() -> None:
    entries = Registry.load().entries.values()
    at_two = [entry for entry in entries if entry.level >= 2]
    assert len(at_two) >= 150
    assert {entry.wanted.runtime for entry in at_two} == set(RUNTIMES)
    for entry in at_two:
        Draft7Validator.check_schema(entry.found["schema"])
        assert {one["level"] for one in entry.evidence if one["is_ok"]} >= {1, 2}
        assert all(one["ran"] and one["at"] and one["outcome"] for one in entry.evidence), entry.name
        assert len(entry.found["sha256"]) == 64


def test_the_registry_stays_small() -> None:
    folder = Path(__file__).parents[3] / "eco_assets/aurion/connectors/registry"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 3_000_000


def test_secrets_of_the_registry_are_marked_whatever_their_package_forgot(tmp_path: Path) -> None:
    registry = Registry.load()
    asked = [name for name, entry in registry.entries.items() if entry.level >= 2 and entry.wanted.runtime in ("singer", "omniload")]
    for name in asked:
        spec: Spec = registry.connector(name, tmp_path).spec()
        texts = {key for key, prop in spec.schema["properties"].items() if "string" in prop.get("type", "")}
        assert {key for key in texts if key.endswith(("password", "api_key", "secret", "access_token"))} <= spec.secrets, name


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "required": ["day"], "properties": {"day": {"type": "string", "format": "date-time"}}},
        {"type": "object", "required": ["day"], "properties": {"day": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}}},
        {"type": "object", "required": ["n"], "properties": {"n": {"type": ["null", "integer"], "minimum": 5}}},
        {"type": "object", "properties": {"how": {"oneOf": [{"type": "object", "required": ["a"], "properties": {"a": {"enum": ["x"]}}}]}}},
        {"type": "object", "required": ["all"], "properties": {"all": {"type": "array", "minItems": 1, "items": {"type": "string"}}}},
    ],
)
def test_a_made_up_configuration_fits_its_schema(schema: dict[str, object]) -> None:
    Draft7Validator(schema).validate(dummy(schema))
