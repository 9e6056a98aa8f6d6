"""Released versions of contracts: frozen copies under `released/` and their digests.

`released/<domain>.<entity>@x.y.z.yaml` is the contract as it was, byte for byte; `released/SHA256SUMS` finds an edited one (`sha256sum -c`
reads it too). Which version a change needs is `gate.py`'s.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from eco_assets.contracts.contract import Contract
from eco_assets.contracts.rules import Level
from eco_assets.contracts.terms import Terms, read_terms
from eco_assets.errors import ContractError, NotFound

RELEASED = Path(__file__).parent / "released"
DIGESTS = "SHA256SUMS"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Version(NamedTuple):
    """A semantic version."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """`1.2.3`."""
        return f"{self.major}.{self.minor}.{self.patch}"

    def next(self, level: Level) -> Version:
        """The version after this one, of a level."""
        if level is Level.MAJOR:
            return Version(self.major + 1, 0, 0)
        return Version(self.major, self.minor + 1, 0) if level is Level.MINOR else Version(self.major, self.minor, self.patch + 1)


def version_of(text: str) -> Version:
    """Parse `1.2.3`.

    Raises:
        ContractError: it is not three numbers.
    """
    found = _VERSION.fullmatch(text)
    if not found:
        raise ContractError(f"version {text!r} is not MAJOR.MINOR.PATCH, as 1.0.0")
    return Version(*(int(part) for part in found.groups()))


@dataclass(frozen=True)
class Release:
    """A released version."""

    version: Version
    path: Path

    @property
    def terms(self) -> Terms:
        """What it promised. Raises `ContractError` when the file is malformed."""
        return read_terms(self.path)


@dataclass(frozen=True)
class Finding:
    """Something that the gate has to say about a table. A warning does not fail it."""

    table: str
    words: str
    is_warning: bool = False


class History:
    """The releases under one folder."""

    def __init__(self, root: Path = RELEASED) -> None:
        self.root = root

    def releases(self, table: str) -> list[Release]:
        """A table's releases, oldest first."""
        found = [Release(version_of(path.stem.split("@")[1]), path) for path in self.root.glob(f"{table}@*.yaml")]
        return sorted(found, key=lambda release: release.version)

    def newest(self, table: str, major: int | None = None) -> Release | None:
        """The newest release, or the newest of a major version."""
        found = [release for release in self.releases(table) if major in (None, release.version.major)]
        return found[-1] if found else None

    def at(self, table: str, version: str) -> Release:
        """One release. Raises `NotFound` and names the known ones."""
        found = {str(release.version): release for release in self.releases(table)}
        if version not in found:
            raise NotFound(f"{table} {version} was never released; released are: {', '.join(found) or 'none'}")
        return found[version]

    def edited(self) -> Iterator[Finding]:
        """Releases whose bytes are not those that were frozen, that are gone, or that the list does not know."""
        listed = self._digests()
        present = {path.name: path for path in self.root.glob("*@*.yaml")}
        for name in sorted({*listed, *present}):
            table = name.split("@")[0]
            if name not in present:
                yield Finding(table, f"release {name} is gone: restore it, a release is for ever")
            elif name not in listed:
                yield Finding(table, f"release {name} is not in {DIGESTS}: make releases with `eco contracts release`")
            elif _sha256(present[name]) != listed[name]:
                yield Finding(table, f"release {name} was edited: restore it and make the change a new version of the contract")

    def write(self, contract: Contract) -> Path:
        """Freeze a contract as it is. Raises `ContractError` when that version exists."""
        target = self.root / f"{contract.table}@{version_of(contract.version)}.yaml"
        if target.exists():
            raise ContractError(f"{contract.table} {contract.version} is released already; a change needs a new version")
        self.root.mkdir(parents=True, exist_ok=True)
        _write(target, contract.path.read_bytes())
        digests = {**self._digests(), target.name: _sha256(target)}
        _write(self.root / DIGESTS, "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode())
        return target

    def _digests(self) -> dict[str, str]:
        path = self.root / DIGESTS
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(content)
    draft.replace(path)
