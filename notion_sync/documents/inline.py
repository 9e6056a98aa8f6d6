"""Text inside a block: runs of one style, line breaks, inline equations and mentions, and their canonical form.

Here belongs what a run of text is. How it is written (Markdown, Notion rich text) stays with the writers.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal

_COLOR = re.compile(r"[a-z_]+")


@dataclass(frozen=True)
class Span:
    """A run of text in one style.

    Attributes:
        text: what the reader sees; one line, so line breaks and control characters become spaces (see `LINE_BREAK`).
        is_bold: whether the text is strong.
        is_code: whether the text is a technical name, shown as it is.
        link: where the text leads: an address, or a path relative to the page.
        is_italic, is_strike, is_underline: the other styles that a person may give.
        color: Notion's name of a colour or background, `default` for none.
        kind: `text`; `equation` (`text` is TeX); `mention` (`payload` says of what); `break` (a line break, without text).
        payload: a mention's object of the Notion API, as JSON; empty otherwise.
    """

    text: str
    is_bold: bool = False
    is_code: bool = False
    link: str | None = None
    is_italic: bool = False
    is_strike: bool = False
    is_underline: bool = False
    color: str = "default"
    kind: Literal["text", "equation", "mention", "break"] = "text"
    payload: str = ""

    def __post_init__(self) -> None:
        if not _COLOR.fullmatch(self.color):
            raise ValueError(f"a colour holds a-z and _ only, not {self.color!r}")

    @property
    def is_plain(self) -> bool:
        """Whether this is text without any style."""
        return self == Span(self.text)


Inline = str | Span | tuple[str | Span, ...]
"""Text inside a block: plain, one styled run, or a sequence of both."""

LINE_BREAK = Span("", kind="break")
"""A line break inside a block."""


def bold(text: str) -> Span:
    """Return `text` as a strong run."""
    return Span(text, is_bold=True)


def code(text: str) -> Span:
    """Return `text` as a technical name."""
    return Span(text, is_code=True)


def link(text: str, target: str) -> Span:
    """Return `text` as a link to `target`, an address or a path relative to the page."""
    return Span(text, link=target)


def formula(expression: str) -> Span:
    """Return TeX as an equation inside a line."""
    return Span(expression, kind="equation")


def mention(text: str, payload: str) -> Span:
    """Return a mention shown as `text`; `payload` is the API's `mention` object as JSON."""
    return Span(text, kind="mention", payload=payload)


def clean(text: str) -> str:
    """Return `text` as one line that any writer can keep: controls become spaces, lone surrogates U+FFFD."""
    return text if text.isprintable() else "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "\N{REPLACEMENT CHARACTER}" if category == "Cs" else character


def spans(inline: Inline) -> tuple[Span, ...]:
    """Return the canonical runs of `inline`.

    Cleaned, non-empty, neighbours of one style joined; spaces at the edges of a styled run are plain text beside it
    (Markdown knows no other way); spaces and line breaks at the outer edges are gone.
    """
    joined = _joined([_cleaned(part) for part in (inline if isinstance(inline, tuple) else (inline,))])
    return _trimmed(_joined([piece for run in joined for piece in _without_edge_spaces(run)]))


def _cleaned(part: str | Span) -> Span:
    if isinstance(part, str):
        return Span(clean(part))
    if part.kind == "break":
        return LINE_BREAK
    text = clean(part.text)
    if part.kind == "text":
        return replace(part, text=text, link=part.link or None, payload="")
    if part.kind == "equation":
        return Span(text.strip(), kind="equation")
    return Span(text.strip() or "@", kind="mention", payload=part.payload)


def _joined(runs: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for run in runs:
        if not run.text and run.kind != "break":
            continue
        if joined and run.kind == "text" and replace(joined[-1], text="") == replace(run, text=""):
            run = replace(run, text=joined.pop().text + run.text)
        joined.append(run)
    return joined


def _without_edge_spaces(run: Span) -> tuple[Span, ...]:
    core = run.text.strip()
    if run.kind != "text" or run.is_plain or core == run.text:
        return (run,)
    start = run.text.index(core) if core else len(run.text)
    return Span(run.text[:start]), replace(run, text=core), Span(run.text[start + len(core) :])


def _trimmed(runs: list[Span]) -> tuple[Span, ...]:
    while runs and _is_blank(runs[0]):
        runs.pop(0)
    while runs and _is_blank(runs[-1]):
        runs.pop()
    if runs and runs[0].is_plain:
        runs[0] = Span(runs[0].text.lstrip())
    if runs and runs[-1].is_plain:
        runs[-1] = Span(runs[-1].text.rstrip())
    return tuple(runs)


def _is_blank(run: Span) -> bool:
    return run.kind in ("text", "break") and not run.text.strip()


def plain(inline: Inline) -> str:
    """Return the visible characters of `inline`, without style; a line break is a line feed."""
    return "".join("\n" if span.kind == "break" else span.text for span in spans(inline))
