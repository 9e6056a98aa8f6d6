"""Tokens of a line of Markdown, read as runs of text."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from notion_sync.documents.inline import LINE_BREAK, Span
from notion_sync.documents.markdown_writer import CALLOUT_LABELS, ICON_COMMENT

if TYPE_CHECKING:
    from markdown_it.token import Token

_STYLES = {"strong": "is_bold", "em": "is_italic", "s": "is_strike"}
_TAGS = {**_STYLES, "b": "is_bold", "i": "is_italic", "del": "is_strike", "u": "is_underline"}
_TAG = re.compile(r"<(/?)(\w+)>")
_COLOR = re.compile(r'<span color="([a-z_]+)">')
_MENTION = re.compile(r'<mention data="([^"]*)">')
_BREAK = re.compile(r"<br\s*/?>")


class Unsupported(Exception):
    """The tree has no word for this Markdown; never leaves the reader."""


@dataclass(frozen=True)
class Label:
    """The first words of a callout: its tone, its icon if it is not the tone's, and how many tokens they take."""

    kind: Literal["note", "success", "warning", "danger"]
    icon: str | None
    length: int


def read_label(tokens: Sequence[Token]) -> Label | None:
    """Return the label that makes a quote a callout, or None."""
    if [token.type for token in tokens[:3]] != ["strong_open", "text", "strong_close"]:
        return None
    for kind, label in CALLOUT_LABELS.items():
        if tokens[1].content == label:
            icon, length = _icon(tokens)
            return Label(cast("Literal['note', 'success', 'warning', 'danger']", kind), icon, length)
    return None


def _icon(tokens: Sequence[Token]) -> tuple[str | None, int]:
    is_spaced = len(tokens) > 4 and tokens[3].type == "text" and tokens[3].content == " "
    comment = tokens[4].content if is_spaced and tokens[4].type == "html_inline" else ""
    if not comment.startswith(ICON_COMMENT):
        return None, 3
    return comment.removeprefix(ICON_COMMENT).removesuffix(" -->").replace("\\u003c", "<").replace("\\u003e", ">"), 5


def read_runs(tokens: Sequence[Token]) -> tuple[Span, ...]:
    """Return the runs that tokens say.

    Raises:
        Unsupported: a picture, a link's title or an HTML tag that the tree cannot say.
    """
    return _Runs().read(tokens)


class _Runs:
    """The runs read so far and the style that is open."""

    def __init__(self) -> None:
        self.style = Span("")
        self.spans: list[Span] = []
        self.opened: list[tuple[str, Span]] = []

    def read(self, tokens: Sequence[Token]) -> tuple[Span, ...]:
        position = 0
        while position < len(tokens):
            if _is_equation(tokens, position):
                self._add(tokens[position].content[:-1])
                self.spans.append(Span(tokens[position + 1].content, kind="equation"))
                rest = tokens[position + 2].content[1:]
                tokens = [*tokens[: position + 2], replace(tokens[position + 2], content=rest), *tokens[position + 3 :]]
                position += 2
                continue
            position = self._token(tokens, position)
        if self.opened:
            raise Unsupported
        return tuple(self.spans)

    def _token(self, tokens: Sequence[Token], position: int) -> int:
        token = tokens[position]
        name, _, edge = token.type.rpartition("_")
        match token.type:
            case "text" | "text_special":
                self._add(token.content)
            case "softbreak":
                self._add(" ")
            case "hardbreak":
                self.spans.append(LINE_BREAK)
            case "code_inline":
                self.spans.append(replace(self.style, text=token.content, is_code=True))
            case "link_open":
                self._link(token)
            case "link_close":
                self.style = replace(self.style, link=None)
            case "html_inline":
                return self._html(tokens, position)
            case _ if name in _STYLES and edge in ("open", "close"):
                self.style = replace(self.style, **cast("Any", {_STYLES[name]: edge == "open"}))
            case _:
                raise Unsupported
        return position + 1

    def _add(self, text: str) -> None:
        self.spans.append(replace(self.style, text=text))

    def _link(self, token: Token) -> None:
        if token.attrs.get("title"):
            raise Unsupported
        self.style = replace(self.style, link=str(token.attrs.get("href", "")))

    def _html(self, tokens: Sequence[Token], position: int) -> int:
        tag = tokens[position].content
        if _BREAK.fullmatch(tag):
            self.spans.append(LINE_BREAK)
        elif found := _MENTION.fullmatch(tag):
            end = next((at for at in range(position, len(tokens)) if tokens[at].content == "</mention>"), None)
            if end is None:
                raise Unsupported
            said = "".join(token.content for token in tokens[position + 1 : end])
            self.spans.append(Span(said, kind="mention", payload=html.unescape(found.group(1))))
            return end + 1
        elif found := _COLOR.fullmatch(tag):
            self.opened.append(("span", self.style))
            self.style = replace(self.style, color=found.group(1))
        elif found := _TAG.fullmatch(tag):
            self._style(found.group(2), is_closing=bool(found.group(1)))
        else:
            raise Unsupported
        return position + 1

    def _style(self, name: str, *, is_closing: bool) -> None:
        if is_closing:
            if not self.opened or self.opened[-1][0] != name:
                raise Unsupported
            self.style = self.opened.pop()[1]
        elif name in _TAGS:
            self.opened.append((name, self.style))
            self.style = replace(self.style, **cast("Any", {_TAGS[name]: True}))
        else:
            raise Unsupported


def _is_equation(tokens: Sequence[Token], position: int) -> bool:
    """Whether `` $`x`$ `` starts in this token."""
    if position + 2 >= len(tokens):
        return False
    before, inside, after = tokens[position : position + 3]
    is_inside = before.type == "text" and inside.type == "code_inline" and after.type == "text"
    return is_inside and before.content.endswith("$") and after.content.startswith("$")
