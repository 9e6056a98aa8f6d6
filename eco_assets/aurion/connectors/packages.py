"""What an unpacked or installed package says of itself: licence, console script, whether an Airbyte source is nothing but its manifest."""

from __future__ import annotations

import ast
import re
from email.parser import Parser
from pathlib import Path

from eco_assets.aurion.connectors.environments import resolved
from eco_assets.errors import ConfigError, SourceRefused


def hashes(requirement: str) -> list[str]:
    """Digests of the artefacts of a version, as the package index has them."""
    return re.findall(r"--hash=(sha256:[0-9a-f]{64})", resolved([requirement], "--no-deps", "--generate-hashes"))


def licence(folder: Path, package: str = "") -> str:
    """The licence that the package names."""
    metadata = Parser().parsestr((_dist(folder, package) / "METADATA").read_text(encoding="utf-8"))
    named = metadata.get("License-Expression") or metadata.get("License") or ""
    classified = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    return (named.splitlines()[0] if named else "") or ", ".join(classified)


def script(folder: Path, package: str = "") -> str:
    """The console script that runs the source. Raises `SourceRefused` where there is none."""
    listed = (_dist(folder, package) / "entry_points.txt").read_text(encoding="utf-8")
    section = listed.partition("[console_scripts]")[2].partition("[")[0]
    names = [line.partition("=")[0].strip() for line in section.splitlines() if "=" in line]
    wanted_names = [name for name in names if name.startswith(("source-", "tap-"))]
    if not wanted_names:
        raise SourceRefused(f"the package has no console script of a source; it has {', '.join(names) or 'none'}")
    return wanted_names[0]


def _dist(folder: Path, package: str = "") -> Path:
    name = re.sub(r"[-_.]+", "_", package).lower()
    found = [
        one
        for one in folder.glob("*.dist-info")
        if not name or one.name.lower().removesuffix(".dist-info").rpartition("-")[0].replace(".", "_") == name
    ]
    if len(found) != 1:
        raise ConfigError(f"{folder.name} holds {len(found)} packages called {package or 'anything'}")
    return found[0]


def is_plain_manifest(folder: Path) -> bool:
    """Whether the source is its manifest: one that also overrides methods in Python would lose them in the shared environment."""
    if len(list(folder.glob("source_*/manifest.yaml"))) != 1:
        return False
    for path in folder.glob("source_*/source.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and {part.name for part in node.body if isinstance(part, ast.FunctionDef)} - {"__init__"}:
                return False
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("abstract_source"):
                return False
    return True
