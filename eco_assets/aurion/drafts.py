"""A draft of a contract for a stream that a connector discovered: a start for whoever owns the data, and valid as it is.

What it cannot know it says plainly: every column is `internal` until its owner decides, and one whose name says that it is about a person
is marked as personal data and `confidential`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pyarrow as pa

from eco_assets.aurion.connectors.protocol import OPERATION, Stream
from eco_assets.errors import ContractError

# Words of English and Portuguese column names that are about a person.
PERSONAL = re.compile(
    r"(^|_)(e?_?mail|phone|telephone|mobile|telefone|fone|celular|whatsapp|fax|cpf|rg|cnh|passport|passaporte|ssn|birth|birthday|birthdate|nascimento|address|endereco"
    r"|street|rua|zip|cep|postcode|postal_code|latitude|longitude|ip_address|first_name|last_name|full_name|nome_completo|sobrenome|nickname"
    r"|username|user_name|login|gender|sexo|iban|card_number|avatar)(_|$)"
)


def draft(stream: Stream, domain: str, entity: str, connector: str) -> dict[str, Any]:
    """The contract as a document. Raises `ContractError` where a stream is read by changes and has no key to apply them by."""
    if stream.cursor is not None and not stream.key:
        raise ContractError(
            f"stream {stream.name} is read by changes and has no key: name its key columns with --key {stream.name}=column,..."
        )
    mode = "replace_file" if stream.cursor is None else "upsert"
    custom = {"onInvalidRow": "quarantine_row", "clock": "live", "cadence": "daily", "loadMode": mode}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"urn:eco:contract:{domain}:{entity}",
        "name": f"{domain}.{entity}",
        "version": "1.0.0",
        "status": "draft",
        "domain": domain,
        "dataProduct": f"{domain}-raw",
        "description": {
            "purpose": f"Stream {stream.name} of the connector {connector}, as the source describes it.",
            "limitations": "Drafted from the source's own catalogue; no owner has confirmed meanings, ranges or classification.",
            "usage": "Read it raw until its owner has confirmed it.",
        },
        "team": {"name": f"team:{domain}", "members": [{"username": f"team:{domain}", "role": "owner"}]},
        "servers": [{"server": "connection", "type": "custom", "description": "Rows are read by a connector.", "format": "parquet"}],
        "customProperties": [{"property": name, "value": value} for name, value in custom.items()],
        "schema": [
            {
                "name": entity,
                "physicalName": stream.name,
                "physicalType": "table",
                "logicalType": "object",
                "description": f"Rows of the stream {stream.name}.",
                "properties": _properties(stream),
            }
        ],
    }


def identifier(name: str) -> str:
    """A name in snake case that SQL takes without quotes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    found = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "column"
    return f"c_{found}" if found[0].isdigit() else found


def _properties(stream: Stream) -> list[dict[str, Any]]:
    columns = [field for field in stream.schema if field.name != OPERATION]
    named: dict[str, str] = {}
    for field in columns:
        name = identifier(field.name)
        while name in named.values():
            name += "_"
        named[field.name] = name
    return [_property(stream, field, named[field.name]) for field in columns]


def _property(stream: Stream, field: pa.Field, name: str) -> dict[str, Any]:
    sql, logical = _types(field.type)
    is_personal = bool(PERSONAL.search(name))
    found: dict[str, Any] = {"name": name, "logicalType": logical, "physicalType": sql}
    if name != field.name:
        found["physicalName"] = field.name
    if field.name in stream.key:
        found |= {"required": True, "primaryKey": True, "primaryKeyPosition": stream.key.index(field.name) + 1}
    found |= {"classification": "confidential" if is_personal else "internal"}
    if is_personal:
        found["tags"] = ["personal_data"]
    role = "Key. " if field.name in stream.key else "Grows with every change. " if field.name == stream.cursor else ""
    return {**found, "description": f"{role}Column {field.name} of the source."}


def _types(kind: pa.DataType) -> tuple[str, str]:
    types = pa.types
    if types.is_boolean(kind):
        return "BOOLEAN", "boolean"
    if types.is_integer(kind):
        is_small = kind.bit_width < 32 or (kind.bit_width == 32 and types.is_signed_integer(kind))
        return ("INTEGER" if is_small else "BIGINT"), "integer"
    if types.is_floating(kind):
        return "DOUBLE", "number"
    if types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})", "number"
    if types.is_date(kind):
        return "DATE", "date"
    if types.is_timestamp(kind):
        return "TIMESTAMP", "timestamp"
    return "VARCHAR", "string"
