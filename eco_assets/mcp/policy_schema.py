"""The JSON Schema of policy files, for editors. Written from the model, so it is never edited by hand."""

from __future__ import annotations

import json
from pathlib import Path

from eco_assets.mcp.policies import POLICIES
from eco_assets.mcp.policy_model import Content

SCHEMA = POLICIES / "policy.schema.json"


def schema_text() -> str:
    """The schema as it must stand in the file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Content.model_json_schema(), "title": "eco/policy/v1"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schema(path: Path = SCHEMA) -> Path:
    """Write it and return where."""
    path.write_text(schema_text(), encoding="utf-8")
    return path
