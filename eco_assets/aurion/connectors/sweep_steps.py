"""What the sweep does for each level of each runtime. A step fills in what it found and gives what was run and how it ended."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.connectors.dummies import dummy
from eco_assets.aurion.connectors.environments import LOCKS, Environments, resolved
from eco_assets.aurion.connectors.packages import hashes, is_plain_manifest, licence, script
from eco_assets.aurion.connectors.registry import Entry, Registry, Wanted
from eco_assets.errors import SourceRefused, SourceUnavailable
from eco_assets.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from eco_assets.aurion.connectors.sweep import Step

NOWHERE = "http://127.0.0.1:9"  # a proxy that nobody listens at: a catalogue must come from the package, not from a vendor's service
PROXIES = tuple(form for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for form in (name, name.lower()))


def left_out(one: Wanted, found: Mapping[str, Any], level: int) -> bool:
    """Whether a level is not tried, on purpose: it needs a server, or an environment of 200 to 560 MB, or there is no test for it."""
    if level == 4:
        return not one.proof
    needs_environment = one.runtime == "airbyte" and "script" in found and not one.environment
    return level == 3 and (one.runtime == "native" or needs_environment or (one.runtime == "omniload" and one.target != "sqlite"))


def airbyte_installs(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Unpack the wheel, checked against the index's hashes."""
    found["hashes"] = hashes(one.requirement)
    folder = environments.package(one.requirement, found["hashes"])
    found["licence"] = licence(folder)
    return RAN["airbyte"][0], "wheel unpacked without dependencies, hash checked"


def airbyte_specified(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Parse the specification that the wheel holds."""
    import yaml

    folder = environments.package(one.requirement, found["hashes"])
    for path in sorted([*folder.glob("source_*/spec.*"), *folder.glob("source_*/manifest.yaml")], key=lambda path: path.stem != "spec"):
        if path.suffix not in (".json", ".yaml", ".yml"):
            continue
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        spec = document.get("spec") or {} if path.stem == "manifest" else document
        schema = spec.get("connection_specification") or spec.get("connectionSpecification")
        if schema:
            found["schema"] = _checked(schema)
            found["documentation"] = spec.get("documentation_url") or spec.get("documentationUrl") or ""
            found["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            if not is_plain_manifest(folder):
                found["script"] = script(folder)
            kind = "Python source" if "script" in found else "declarative manifest"
            return RAN["airbyte"][1], f"{kind}; specification parsed from the wheel's {path.relative_to(folder)}"
    raise SourceRefused("the wheel holds no specification: the source's code computes it")


def singer_installs(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Resolve the tap once into a lock of the repository, and make its environment from it."""
    lock = LOCKS / f"{one.package}.txt"
    if not lock.exists() or one.requirement not in lock.read_text(encoding="utf-8").splitlines():
        lock.write_text(resolved([one.requirement, *one.extra]), encoding="utf-8")
    found["hashes"] = hashes(one.requirement)
    python = environments.python(one.package, lock.read_text(encoding="utf-8").splitlines())
    site = next(python.parent.parent.glob("lib/python*/site-packages"))
    found["licence"] = licence(site, one.package)
    found["script"] = script(site, one.package)
    found["sha256"] = hashlib.sha256(lock.read_bytes()).hexdigest()
    return RAN["singer"][0], f"environment made from registry/locks/{lock.name}"


def singer_specified(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Ask the tap what it is."""
    python = environments.python(one.package, (LOCKS / f"{one.package}.txt").read_text(encoding="utf-8").splitlines())
    command = [str(python.parent / found["script"]), "--about", "--format=json"]
    with offline():
        run = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)  # noqa: S603 -- a pinned package
    if run.returncode or "{" not in run.stdout:
        raise SourceRefused(f"--about ended with {run.returncode}: {' '.join(run.stderr.split())[-300:] or 'no JSON'}")
    about = json.loads(run.stdout[run.stdout.index("{") :])
    pruned = _pruned(about["settings"])
    found["schema"] = _checked({"type": "object", **pruned})
    found["documentation"] = about.get("documentation_url") or ""
    note = "" if pruned == about["settings"] else "; alternatives that are no schema were dropped"
    return RAN["singer"][1], f"settings printed by the tap, Singer SDK {about.get('sdk_version')}{note}"


def omniload_installs(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Import the class behind the URI scheme in omniload's environment."""
    described = _omniload_classes(str(environments.root)).get(one.target)
    if described is None or described.get("error"):
        raise SourceRefused(described["error"] if described else f"omniload {one.version} has no scheme {one.target}")
    found["licence"], found["class"] = described["licence"], described["class"]
    return RAN["omniload"][0], f"{described['class']} imported"


def omniload_specified(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Read the parameters of the URI off the class' code."""
    described = _omniload_classes(str(environments.root))[one.target]
    if not described.get("schema"):
        raise SourceRefused("the class' code reads no named parameter from the URI")
    found["schema"], found["sha256"] = _checked(described["schema"]), described["sha256"]
    return RAN["omniload"][1], described["how"]


def omniload_discovered(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Ask for the columns of a table, where a source can be made without a server."""
    connector = Registry({one.name: Entry(one, found)}).connector(one.name, environments.root)
    with tempfile.TemporaryDirectory() as folder:
        with sqlite3.connect(Path(folder) / "made.db") as made:
            made.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, changed TEXT)")
        table = {"name": "items", "cursor": "changed"}
        [stream] = connector.discover({"uri": f"sqlite:///{folder}/made.db", "tables": [table]})
    return RAN["omniload"][2], f"1 stream, {len(stream.schema)} columns, key {', '.join(stream.key)}"


def native_installs(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Import the class."""
    found["licence"] = "Apache-2.0"
    Registry({one.name: Entry(one, found)}).connector(one.name, environments.root)
    return RAN["native"][0], f"{one.target} imported"


def native_specified(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Ask the connector for its specification."""
    schema = Registry({one.name: Entry(one, found)}).connector(one.name, environments.root).spec().schema
    found["schema"] = _checked(json.loads(json.dumps(schema)))
    found["sha256"] = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
    return RAN["native"][1], f"{len(schema.get('properties', {}))} properties"


def discovered(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Ask for the catalogue with a made-up configuration and no network."""
    connector = Registry({one.name: Entry(one, found)}).connector(one.name, environments.root)
    config = dummy(found["schema"])
    connector.prepare()  # type: ignore[attr-defined]  # only foreign ones come here
    try:
        with offline():
            streams = connector.discover(config)
    except SourceUnavailable as error:
        raise SourceRefused(f"needs the vendor's service to list its streams: {error}") from error
    if not streams:
        raise SourceRefused("the catalogue is empty")
    return RAN[one.runtime][2], f"{len(streams)} streams, {sum(bool(stream.cursor) for stream in streams)} of them with a cursor"


def proven(one: Wanted, found: dict[str, Any], environments: Environments) -> tuple[str, str]:
    """Run the conformance tests of the connector."""
    command = [sys.executable, "-m", "pytest", one.proof]
    run = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=1800, check=False)  # noqa: S603 -- our own tests
    told = re.findall(r"^=* ?((?:\d+ [a-z]+,? ?)+) in [\d.]+s", run.stdout, re.MULTILINE)
    if run.returncode or not told or "passed" not in told[-1] or "skipped" in told[-1]:
        raise SourceRefused(f"{one.proof}: {told[-1] if told else 'no test ran'}")
    return f"pytest {one.proof}", told[-1]


@contextmanager
def offline() -> Iterator[None]:
    """Children that ask by HTTP find nobody."""
    before = {name: os.environ.get(name) for name in (*PROXIES, "NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(PROXIES, NOWHERE))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@cache
def _omniload_classes(root: str) -> dict[str, Any]:
    from eco_assets.aurion.connectors.omniload import describe

    return describe(Environments(Path(root)))


def _pruned(schema: Any) -> Any:
    """The schema without alternatives that are no schema; some taps have `anyOf: [..., "null"]`."""
    if isinstance(schema, list):
        return [_pruned(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: [_pruned(option) for option in value if isinstance(option, dict)]
        if name in ("anyOf", "oneOf", "allOf") and isinstance(value, list)
        else _pruned(value)
        for name, value in schema.items()
    }


def _checked(schema: Any) -> dict[str, Any]:
    from jsonschema import Draft7Validator  # type: ignore[import-untyped]
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

    if not isinstance(schema, dict) or not isinstance(schema.get("properties", {}), dict):
        raise SourceRefused("the specification is no object with properties")
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        raise SourceRefused(f"the specification is no valid JSON Schema: {error.message[:200]}") from error
    return dict(schema)


RAN = {
    "native": ("import of the class", "Connector.spec()", "Connector.discover()", "pytest"),
    "airbyte": (
        "uv pip install --no-deps --only-binary :all: --require-hashes",
        "parse of the specification in the wheel",
        "discover with a made-up configuration, without network",
        "pytest",
    ),
    "singer": (
        "uv pip compile into a lock, uv pip install of the lock",
        "tap --about --format=json",
        "discover with a made-up configuration, without network",
        "pytest",
    ),
    "omniload": (
        "import of the class behind the scheme in omniload's environment",
        "parameters of the URI read off the class' code",
        "discover on a database file made for it",
        "pytest",
    ),
}
STEPS: dict[str, tuple[Step, ...]] = {
    "native": (native_installs, native_specified, discovered, proven),
    "airbyte": (airbyte_installs, airbyte_specified, discovered, proven),
    "singer": (singer_installs, singer_specified, discovered, proven),
    "omniload": (omniload_installs, omniload_specified, omniload_discovered, proven),
}
