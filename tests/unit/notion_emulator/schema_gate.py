"""The official OpenAPI document and the types of the official SDK, as validators of answers.

Relaxed, or real answers would not pass (measured: 27 % as the document stands): closed objects are opened, `oneOf` is `anyOf`.
Made strict where it says nothing: a page, block, database, data source or comment must be a whole one, not its partial form.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from eco_assets.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT.parent / "shared" / "notion"
OPENAPI, TYPES = FOLDER / "notion-openapi-2026-03-11.json", FOLDER / "notion-types.schema.json"
WHOLE = ("page", "block", "database", "datasource", "comment")
TYPE_OF = {
    "GET /v1/users/me": "GetSelfResponse", "GET /v1/users": "ListUsersResponse", "GET /v1/users/{id}": "GetUserResponse",
    "POST /v1/pages": "CreatePageResponse", "GET /v1/pages/{id}": "GetPageResponse", "PATCH /v1/pages/{id}": "UpdatePageResponse",
    "GET /v1/pages/{id}/markdown": "GetPageMarkdownResponse", "PATCH /v1/pages/{id}/markdown": "UpdatePageMarkdownResponse",
    "GET /v1/pages/{id}/properties/{key}": "GetPagePropertyResponse", "GET /v1/blocks/{id}": "GetBlockResponse",
    "PATCH /v1/blocks/{id}": "UpdateBlockResponse", "DELETE /v1/blocks/{id}": "DeleteBlockResponse",
    "GET /v1/blocks/{id}/children": "ListBlockChildrenResponse", "PATCH /v1/blocks/{id}/children": "AppendBlockChildrenResponse",
    "POST /v1/databases": "CreateDatabaseResponse", "GET /v1/databases/{id}": "GetDatabaseResponse",
    "PATCH /v1/databases/{id}": "UpdateDatabaseResponse", "POST /v1/data_sources": "CreateDataSourceResponse",
    "GET /v1/data_sources/{id}": "GetDataSourceResponse", "PATCH /v1/data_sources/{id}": "UpdateDataSourceResponse",
    "POST /v1/data_sources/{id}/query": "QueryDataSourceResponse", "POST /v1/search": "SearchResponse",
    "GET /v1/comments": "ListCommentsResponse", "POST /v1/comments": "CreateCommentResponse", "GET /v1/comments/{id}": "GetCommentResponse",
    "PATCH /v1/comments/{id}": "UpdateCommentResponse", "POST /v1/file_uploads": "CreateFileUploadResponse",
    "GET /v1/file_uploads": "ListFileUploadsResponse", "GET /v1/file_uploads/{id}": "GetFileUploadResponse",
    "POST /v1/file_uploads/{id}/send": "SendFileUploadResponse", "GET /v1/custom_emojis": "ListCustomEmojisResponse",
}  # fmt: skip


def relaxed(schema: Any) -> Any:
    """Return a schema that real answers pass."""
    if isinstance(schema, list):
        return [relaxed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: relaxed(value) for name, value in schema.items() if name not in ("additionalProperties", "unevaluatedProperties")}
    if isinstance(kept.get("deprecated"), str):  # the SDK's types say why, JSON Schema only whether
        del kept["deprecated"]
    if isinstance(kept.get("required"), list):  # the SDK's types are of 2025-09-03, which said `archived` beside `in_trash`
        kept["required"] = [name for name in kept["required"] if name != "archived"]
    if isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = relaxed(schema["additionalProperties"])
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    if isinstance(kept.get("anyOf"), list):
        kept["anyOf"] = [entry for entry in kept["anyOf"] if not _is_partial(entry)] or kept["anyOf"]
    return kept


def _is_partial(entry: Any) -> bool:
    name = str(entry.get("$ref", "")).rsplit("/", 1)[-1].lower() if isinstance(entry, dict) else ""
    return name in {f"partial{kind}objectresponse" for kind in WHOLE}


class Schemas:
    """Validators by operation and status, compiled when first needed."""

    def __init__(self) -> None:
        loaded = json.loads(OPENAPI.read_text("utf-8"))
        self.paths = loaded["paths"]
        self.components = relaxed(loaded["components"])
        self.types = relaxed(json.loads(TYPES.read_text("utf-8"))["definitions"])
        self.compiled: dict[tuple[str, int], list[tuple[str, Any]]] = {}

    def errors(self, operation: str, status: int, answer: Any) -> list[str]:
        """Return what the official schemas have against an answer; nothing where they do not know the operation."""
        key = (operation, status)
        if key not in self.compiled:
            self.compiled[key] = list(self._validators(operation, status))
        found = []
        for source, validator in self.compiled[key]:
            error = next(iter(validator.iter_errors(answer)), None)
            if error is not None:
                found.append(
                    f"{source}: {operation} {status}: at /{'/'.join(str(part) for part in error.instance_path)}: {str(error.message)[:200]}"
                )
        return found

    def _validators(self, operation: str, status: int) -> Any:
        import jsonschema_rs

        method, _, path = operation.partition(" ")
        described = next((spec for known, spec in self.paths.items() if _template(known) == _template(path)), {}).get(method.lower(), {})
        response = described.get("responses", {}).get(str(status), {}).get("content", {}).get("application/json", {}).get("schema")
        if response is not None:
            yield "OpenAPI", jsonschema_rs.validator_for({**relaxed(response), "components": self.components})
        name = TYPE_OF.get(operation)
        if status == 200 and name is not None:
            yield "types", jsonschema_rs.validator_for({"$ref": f"#/definitions/{name}", "definitions": self.types})


def _template(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@functools.cache
def schemas() -> Schemas:
    """The validators, loaded once."""
    return Schemas()
