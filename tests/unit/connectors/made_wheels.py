"""Wheels made by a test, and uv told to know nothing else: a package index that needs no network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest


def make_wheel(folder: Path, name: str, version: str, files: Mapping[str, str], scripts: Mapping[str, str] | None = None) -> Path:
    """A wheel with these files (path to text) and console scripts (name to `module:function`)."""
    plain = name.replace("-", "_")
    dist = f"{plain}-{version}.dist-info"
    held = {
        **files,
        f"{dist}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n",
        f"{dist}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        held[f"{dist}/entry_points.txt"] = "[console_scripts]\n" + "".join(f"{key} = {value}\n" for key, value in scripts.items())
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in held.items()) + f"{dist}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plain}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inside, text in {**held, f"{dist}/RECORD": record}.items():
            wheel.writestr(inside, text)
    return path


def only_these(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Packages are found in the folder and nowhere else."""
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(folder / "cache"))


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
