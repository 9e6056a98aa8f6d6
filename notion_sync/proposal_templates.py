"""Templates of proposals: JSON files of sections, texts, prices and terms, each checked before it is used.

Here belong reading, checking and choosing a template. What its placeholders mean is in `proposal_values`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from eco_assets.errors import ConfigError, RequestRefused
from notion_sync.records import Record, short_id, value_of

FOLDER = Path(__file__).parent / "templates" / "proposals"
SCHEMA = "proposal.schema.json"
PLACEHOLDERS = frozenset(
    {"agradecimento", "clientes", "data", "data_contato", "inicio", "numero", "parcelas", "publico", "termino", "validade"}
)


@dataclass(frozen=True)
class Template:
    """A template that passed its checks; `body` is the file's content, as `proposal.schema.json` describes it."""

    file: Path
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`name@version`."""
        return f"{self.body['name']}@{self.body['version']}"

    def fits(self, decision: Record) -> bool:
        """Return whether `decision` is one of those this template answers."""
        action = self.body["actions"].get(decision["action"], {})
        where = None if action.get("always") else self.body.get("where")
        is_kind = decision["policy"]["name"] == self.body["policy"] and decision["action"] in self.body["actions"]
        features = decision.get("features") or {}
        return is_kind and (where is None or value_of(features, where["more"]) >= value_of(features, where["than"]))


def load_template(file: Path) -> Template:
    """Return the template in `file`.

    Raises:
        ConfigError: the file cannot be read, breaks the schema, or names an unknown placeholder or action; says file and path.
    """
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    try:
        body = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"template {file} cannot be read: {error}") from error
    schema = json.loads((FOLDER / SCHEMA).read_text("utf-8"))
    faults = sorted(Draft202012Validator(schema).iter_errors(body), key=lambda fault: str(fault.json_path))
    if faults:
        raise ConfigError(f"template {file}, {faults[0].json_path}: {faults[0].message}")
    for path, text in _texts({name: body.get(name, []) for name in ("greeting", "title", "sections", "signature")}, "$"):
        _check_text(file, path, text, body)
    return Template(file, body)


@cache
def load_templates() -> tuple[Template, ...]:
    """Return every template of this installation; those with a condition come first."""
    files = [file for file in sorted(FOLDER.glob("*.json")) if file.name != SCHEMA]
    return tuple(sorted((load_template(file) for file in files), key=lambda template: "where" not in template.body))


def template_for(decision: Record) -> Template | None:
    """Return the template that answers `decision`, or None where it proposes nothing to a customer."""
    return next((template for template in load_templates() if template.fits(decision)), None)


def required_template(decision: Record) -> Template:
    """Return the template that answers `decision`.

    Raises:
        RequestRefused: the decision is of another kind.
    """
    template = template_for(decision)
    if template is None:
        what = f"{decision['policy']['name']} → {decision['action']}"
        known = ", ".join(sorted({f"{each.body['policy']} ({', '.join(each.body['actions'])})" for each in load_templates()}))
        raise RequestRefused(f"decision {short_id(decision)} ({what}) makes no proposal; those that do are {known}")
    return template


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for name, part in value.items():
                yield from _texts(part, f"{path}.{name}")
        case list():
            for number, part in enumerate(value):
                yield from _texts(part, f"{path}[{number}]")


def _check_text(file: Path, path: str, text: str, body: Mapping[str, Any]) -> None:
    if ".only[" in path:
        if text not in body["actions"]:
            raise ConfigError(f"template {file}, {path}: no action {text!r}; the known ones are {', '.join(body['actions'])}")
        return
    words = [set(action.get("words", {})) for action in body["actions"].values()]
    known = PLACEHOLDERS | set.intersection(*words)
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ConfigError(f"template {file}, {path}: {error}") from error
    if unknown := sorted(names - known):
        raise ConfigError(f"template {file}, {path}: unknown placeholder {unknown[0]!r}; the known ones are {', '.join(sorted(known))}")
