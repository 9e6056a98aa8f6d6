"""JSON templates of pages, each checked against the JSON Schema beside it before anything is made of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from eco_assets.errors import ConfigError

FOLDER = Path(__file__).resolve().parents[1] / "templates"


def load(file: Path, schema: Path) -> dict[str, Any]:
    """Return the content of `file`.

    Raises:
        ConfigError: the file cannot be read or breaks the schema; says file and path.
    """
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    try:
        body: dict[str, Any] = json.loads(file.read_text("utf-8"))
        rules = json.loads(schema.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"template {file} cannot be read: {error}") from error
    faults = sorted(Draft202012Validator(rules).iter_errors(body), key=lambda fault: str(fault.json_path))
    if faults:
        raise ConfigError(f"template {file}, {faults[0].json_path}: {faults[0].message}")
    return body


@cache
def of_folder(name: str, schema: str) -> tuple[dict[str, Any], ...]:
    """Return every template of a folder by file name; `schema` is the file that all of them keep."""
    rules = FOLDER / name / schema
    return tuple(load(file, rules) for file in sorted((FOLDER / name).glob("*.json")) if file != rules)
