"""Python environments of foreign runtimes: made on demand with uv, each from an exact lock, never the core's own.

A folder is built beside its final name and renamed when it is complete, so that a killed set-up leaves nothing that looks ready, and two
makers wait for each other. The name holds a digest of the lock: another lock is another folder, and a running reader keeps its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from eco_assets.errors import ConfigError, SourceUnavailable
from eco_assets.settings import PROJECT_ROOT

LOCKS = Path(__file__).parent / "registry" / "locks"
SETUP_S = 900  # seconds; the largest environment (omniload, 1.8 GB) took 25 s from a warm cache
TARGET_PYTHON = "3.11"  # what the wheels of Airbyte sources are made for; they are only unpacked, the shared environment runs them
Builder = Callable[[Path], None]
_NO_SUCH = re.compile(
    r"no version of|not found in the package registry|unsatisfiable|hash mismatch|no matching distribution", re.IGNORECASE
)


class Environments:
    """The folder of environments and of unpacked packages, usually `<home>/runtimes`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def python(self, name: str, lock: Sequence[str]) -> Path:
        """The interpreter of an environment with exactly these pins, which is made when it is missing.

        Raises:
            ConfigError: uv is missing, or a pin does not exist.
            SourceUnavailable: the package index did not answer.
        """
        pins = sorted(line.strip() for line in lock if line.strip() and not line.startswith("#"))
        folder = self.root / f"{name}-{_digest(pins)}"

        def build(making: Path) -> None:
            _uv("venv", "--relocatable", "--python", sys.executable, str(making))
            pinned = making / "requirements.txt"
            pinned.write_text("\n".join(pins) + "\n", encoding="utf-8")
            _uv("pip", "install", "--no-deps", "--python", str(making / "bin" / "python"), "--requirement", str(pinned))

        return self._made(folder, build) / "bin" / "python"

    def lock(self, requirement: str) -> list[str]:
        """The pins for a package that the repository holds no lock of: resolved once, and kept beside the environments."""
        path = self.root / "locks" / f"{requirement.replace('==', '-')}.txt"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(resolved([requirement]), encoding="utf-8")
            temporary.replace(path)
        return path.read_text(encoding="utf-8").splitlines()

    def package(self, requirement: str, hashes: Sequence[str] = ()) -> Path:
        """The folder that one package was unpacked into, without what it depends on. `hashes` are checked when there are any."""
        line = " ".join([requirement, *(f"--hash={one}" for one in hashes)])
        folder = self.root / "packages" / f"{requirement.replace('==', '-')}-{_digest([line])}"

        def build(making: Path) -> None:
            making.mkdir(parents=True)
            pinned = making / "requirements.txt"
            pinned.write_text(line + "\n", encoding="utf-8")
            options = ["--require-hashes"] if hashes else []
            where = ["--target", str(making), "--python-version", TARGET_PYTHON]
            _uv("pip", "install", "--no-deps", "--only-binary", ":all:", *where, *options, "--requirement", str(pinned))

        return self._made(folder, build)

    def _made(self, folder: Path, build: Builder) -> Path:
        from filelock import FileLock

        if folder.is_dir():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            if not folder.is_dir():
                making = folder.with_name(folder.name + ".making")
                shutil.rmtree(making, ignore_errors=True)
                build(making)
                making.rename(folder)
        return folder


def read_lock(name: str) -> list[str]:
    """The pins of a lock of the repository."""
    return (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def resolved(requirements: Sequence[str], *options: str) -> str:
    """Exact pins for the requirements and what they need on this platform, one a line, as uv resolves them now."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "asked.in"
        asked.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        plain = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")
        return _uv("pip", "compile", str(asked), "--python-version", TARGET_PYTHON, *plain, *options)


def uv() -> str:
    """Where uv is: in the project's tools, else on the PATH."""
    own = PROJECT_ROOT / ".tools" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if not found:
        raise ConfigError("uv is missing, which makes the environments of connectors: run `make setup`")
    return found


def _uv(*arguments: str) -> str:
    try:
        command = [uv(), *arguments, "--quiet"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=SETUP_S, check=False)  # noqa: S603 -- uv, with pins of the repository
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailable(f"uv {arguments[0]} did not finish within {SETUP_S} s; try again") from error
    if run.returncode == 0:
        return run.stdout
    told = " ".join(run.stderr.split())[-600:]
    if _NO_SUCH.search(told):
        raise ConfigError(f"these pins cannot be installed: {told}")
    raise SourceUnavailable(f"the environment could not be made: {told}")


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:10]
