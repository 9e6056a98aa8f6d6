"""A Markdown page as a search sees it: what it is about (front matter, path) and its text without marks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml

from eco_assets.settings import AGENTS

LONGEST = 2_000_000  # characters of a page that are searched
_WRITERS = (*AGENTS, "mega-agente")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^# +(.+?)[ #]*$", re.MULTILINE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_COMMENT = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>\n]{0,300}>", re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?: \"[^\"]*\")?\)")
_LINE_MARKS = re.compile(
    r"^[ \t]*(?:#{1,6} +|>+ ?|[-*+] +(?:\[[ xX]\] +)?|\d+[.)] +|(?:```|~~~).*$|[|:\- \t]+$|(?:\* *){3,}$)", re.MULTILINE
)
_INLINE_MARKS = re.compile(r"\*\*|__|~~|`+|(?<!\\)(?<!\w)[*_](?=\S)|(?<=\S)(?<!\\)[*_](?!\w)| *(?<!\\)\| *")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Page:
    """What is searched of a page.

    Attributes:
        title: its first heading, or the name of its file.
        kind: `tipo` of its front matter, or the first folder of its path.
        agent: who it is about; empty where it is about none.
        day: ISO; empty where it has none.
        facts: the words of its path and properties.
        body: its text without Markdown, a line a block.
    """

    title: str
    kind: str
    agent: str
    day: str
    facts: str
    body: str


def read_page(path: str, text: str) -> Page:
    """The page at `path` (relative, forward slashes). Front matter that is no YAML mapping is text like the rest."""
    text = text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    properties, text = _front_matter(text)
    pure = PurePosixPath(path)
    heading = _TITLE.search(text)
    title = without_marks(heading.group(1)) if heading else ""
    rest = text[: heading.start()] + text[heading.end() :] if heading else text
    folder = pure.parts[0] if len(pure.parts) > 1 else "pagina"
    agent = properties.get("agente") or (pure.stem if pure.stem in _WRITERS else "")
    facts = [path.removesuffix(".md"), *(word for value in properties.values() for word in _words(value))]
    return Page(
        title or pure.stem, str(properties.get("tipo") or folder), str(agent), _day(properties, path), " ".join(facts), without_marks(rest)
    )


def without_marks(text: str) -> str:
    """Markdown as plain text: links are their text, tables are lines, escapes are what they stand for."""
    text = _LINK.sub(r"\1", _COMMENT.sub(" ", text))
    text = _ESCAPE.sub(r"\1", _INLINE_MARKS.sub(lambda found: " · " if "|" in found.group() else "", _LINE_MARKS.sub("", text)))
    lines = (line.strip(" \t·") for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    found = _FRONT_MATTER.match(text)
    if not found:
        return {}, text
    try:
        values = yaml.load(found.group(1), Loader=_LOADER)  # noqa: S506 -- both loaders are safe ones
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a day such as 2026-13-45
        return {}, text
    return ({str(key): value for key, value in values.items()}, text[found.end() :]) if isinstance(values, dict) else ({}, text)


def _day(properties: dict[str, Any], path: str) -> str:
    given = properties.get("data")
    if isinstance(given, datetime):
        given = given.date()
    found = _DAY.search(str(given)) if given else _DAY.search(path)
    try:
        return date.fromisoformat(found.group()).isoformat() if found else ""
    except ValueError:
        return ""


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [word for each in value for word in _words(each)]
    return [] if value is None or isinstance(value, bool | dict) else [str(value)]
