"""The registry: one entry a connector, as data in `registry/`.

`wanted.yaml` says what we mean to use, with exact pins; `<runtime>.jsonl` holds what the sweep found of each: licence, schema of the
configuration, level and evidence. An entry without evidence has level 0. Levels: 1 installs, 2 specification parsed, 3 catalogue
discovered, 4 reads and resumes against a source of ours (the conformance suite), 5 live.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from eco_assets.aurion.connectors.environments import Environments
from eco_assets.aurion.connectors.protocol import Connector
from eco_assets.errors import ConfigError, NotFound

FOLDER = Path(__file__).parent / "registry"
RUNTIMES = ("native", "airbyte", "singer", "omniload")
PREFIX = {"native": "", "airbyte": "airbyte-", "singer": "tap-", "omniload": "omniload-"}


@dataclass(frozen=True)
class Wanted:
    """One connector that we mean to use. `target` is a class for native ones, a URI scheme for omniload."""

    name: str
    runtime: str
    requirement: str = ""
    extra: tuple[str, ...] = ()
    target: str = ""
    arguments: tuple[tuple[str, Any], ...] = ()  # what a native class is made with
    environment: bool = False  # whether the sweep makes the environment of a Python source of Airbyte
    proof: str = ""  # the conformance test that level 4 stands on

    @property
    def package(self) -> str:
        """The package's name."""
        return self.requirement.partition("==")[0]

    @property
    def version(self) -> str:
        """The package's exact version."""
        return self.requirement.partition("==")[2]


@dataclass(frozen=True)
class Entry:
    """A connector as the registry knows it."""

    wanted: Wanted
    found: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return self.wanted.name

    @property
    def level(self) -> int:
        """The highest level that was reached, with all below it."""
        reached = {one["level"] for one in self.evidence if one["is_ok"]}
        reached |= {3} if 4 in reached else set()  # the conformance suite discovers, too, and with a configuration that means something
        return next((level - 1 for level in range(1, 6) if level not in reached), 5)

    @property
    def evidence(self) -> Sequence[Mapping[str, Any]]:
        """What was run for each level, when, on what, and how it ended."""
        evidence: list[Mapping[str, Any]] = self.found.get("evidence", [])
        return evidence

    @property
    def at(self) -> str:
        """Day of the evidence for its level."""
        return max((one["at"] for one in self.evidence if one["is_ok"] and one["level"] <= self.level), default="")

    def row(self) -> dict[str, Any]:
        """The entry for a listing."""
        wanted = self.wanted
        licence = self.found.get("licence", "")
        known = {"name": self.name, "runtime": wanted.runtime, "pin": wanted.requirement, "licence": licence}
        return {**known, "level": self.level, "at": self.at}


@dataclass(frozen=True)
class Registry:
    """All entries, by name."""

    entries: Mapping[str, Entry]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Registry:
        """Read it. Evidence of another version than the pinned one does not count."""
        evidence = {runtime: read_evidence(runtime, folder) for runtime in RUNTIMES}
        entries = {}
        for one in wanted(folder):
            found = evidence[one.runtime].get(one.name, {})
            entries[one.name] = Entry(one, found if found.get("requirement") == one.requirement else {})
        return cls(entries)

    def entry(self, name: str) -> Entry:
        """One entry. Raises `NotFound` with names that are close."""
        from difflib import get_close_matches

        if name not in self.entries:
            close = get_close_matches(name, self.entries, n=5) or [one for one in self.entries if name in one][:5]
            near = f"; near it: {', '.join(close)}" if close else ""
            raise NotFound(f"no connector {name!r} in the registry; `eco connectors list` shows them{near}")
        return self.entries[name]

    def connector(self, name: str, runtimes: Path) -> Connector:
        """A connector, ready to be called; its environment is made below `runtimes` when it is first needed."""
        entry = self.entry(name)
        made: Connector = _MAKERS[entry.wanted.runtime](entry, Environments(runtimes))
        return made


def wanted(folder: Path = FOLDER) -> list[Wanted]:
    """What we mean to use, ordered by runtime and name.

    Raises:
        ConfigError: a name is there twice, or a pin is not exact.
    """
    import yaml

    document = yaml.safe_load((folder / "wanted.yaml").read_text(encoding="utf-8"))
    found = [one for runtime in RUNTIMES for one in _read_wanted(runtime, document.get(runtime) or [])]
    names = [one.name for one in found]
    for one in found:
        if names.count(one.name) > 1 or (one.runtime != "native" and not one.version):
            raise ConfigError(f"wanted.yaml: {one.name} is there twice or its version is not pinned with ==")
    return sorted(found, key=lambda one: (RUNTIMES.index(one.runtime), one.name))


def read_evidence(runtime: str, folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """What the sweep found of a runtime's connectors, by name."""
    path = folder / f"{runtime}.jsonl"
    if not path.exists():
        return {}
    return {found["name"]: found for found in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def _read_wanted(runtime: str, listed: Any) -> Iterator[Wanted]:
    if runtime == "omniload":
        for scheme in (listed or {}).get("schemes", []):
            options = scheme if isinstance(scheme, dict) else {"scheme": scheme}
            name = PREFIX[runtime] + options["scheme"].replace("+", "-")
            yield Wanted(name, runtime, listed["package"], target=options["scheme"], proof=options.get("proof", ""))
        return
    for item in listed:
        options = item if isinstance(item, dict) else {"package": item}
        requirement = options.get("package", "")
        name = options.get("name") or PREFIX[runtime] + _short(requirement.partition("==")[0])
        extra, target, proof = tuple(options.get("with", ())), options.get("class", ""), options.get("proof", "")
        arguments = tuple((options.get("arguments") or {}).items())
        yield Wanted(name, runtime, requirement, extra, target, arguments, options.get("environment", False), proof)


def _short(package: str) -> str:
    for prefix in ("airbyte-source-", "meltanolabs-tap-", "tap-"):
        package = package.removeprefix(prefix)
    return package


def _native(entry: Entry, environments: Environments) -> Connector:
    module, _, name = entry.wanted.target.partition(":")
    made: Connector = getattr(import_module(module), name)(**dict(entry.wanted.arguments))
    return made


def _airbyte(entry: Entry, environments: Environments) -> Connector:
    from eco_assets.aurion.connectors.airbyte import AirbyteConnector

    found = _described(entry)
    return AirbyteConnector(
        entry.name,
        environments,
        found["schema"],
        found.get("documentation", ""),
        entry.wanted.requirement,
        tuple(found.get("hashes", ())),
        script=found.get("script", ""),
    )


def _singer(entry: Entry, environments: Environments) -> Connector:
    from eco_assets.aurion.connectors.singer import SingerConnector

    found = _described(entry)
    return SingerConnector(entry.name, environments, found["schema"], entry.wanted.package, found["script"], found.get("documentation", ""))


def _omniload(entry: Entry, environments: Environments) -> Connector:
    from eco_assets.aurion.connectors.omniload import OmniloadConnector

    return OmniloadConnector(entry.name, environments, _described(entry)["schema"], entry.wanted.target)


def _described(entry: Entry) -> Mapping[str, Any]:
    if "schema" not in entry.found:
        why = next((one["outcome"] for one in reversed(entry.evidence) if not one["is_ok"]), "it was not swept yet")
        raise ConfigError(f"{entry.name} is at level {entry.level} and cannot be used: {why}")
    return entry.found


_MAKERS = {"native": _native, "airbyte": _airbyte, "singer": _singer, "omniload": _omniload}
