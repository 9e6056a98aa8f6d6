"""How text inside a block is written as Markdown: every character stays visible as it is, nothing in a text becomes markup.

CommonMark where its rules keep the style; inline HTML, which CommonMark allows, where they do not (a style inside a word,
underline, colours, mentions). Equations are `` $`x`$ ``, as GitHub and Notion write them.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import quote

from notion_sync.documents.inline import Inline, Span, spans

_SPECIAL = re.compile(r"[\\`*_\[\]<>~|]|&(?=[#A-Za-z])")
_LINE_START = re.compile(r"^(?:([#+=-])|(:)(?=-)|([0-9]{1,9})([.)]))")
_BACKTICKS = re.compile(r"`+")
_URL_SAFE = ":/?#@!$&*+,=%~-._"


def write_inline(text: Inline, *, is_cell: bool = False, is_label_kept: bool = True) -> str:
    """Return `text` as Markdown within a line.

    Args:
        text: what to write.
        is_cell: escape bars inside code and HTML, as tables demand.
        is_label_kept: False writes a strong first run as HTML, so that a quote is not read as a callout.
    """
    runs = spans(text)
    written = ""
    must_encode_next = False
    for position, run in enumerate(runs):
        following = runs[position + 1] if position + 1 < len(runs) else None
        if run.is_plain:
            written += _plain(run.text, following, must_encode_next)
            must_encode_next = False
            continue
        is_first_kept = is_label_kept or position > 0
        is_delimited = _is_only_bold(run) and is_first_kept
        is_open = _is_open(written, following) and is_first_kept
        piece = _bold(run.text) if is_delimited else _styled(run, is_open=is_open, is_cell=is_cell)
        if piece.startswith("[") and written.endswith("!"):
            written = f"{written[:-1]}\\!"  # else the link would be a picture
        if is_delimited and written and _is_mark(run.text[0]) and not _is_boundary(written[-1]):
            written = written[:-1] + character_reference(written[-1])
        must_encode_next = is_delimited and _is_mark(run.text[-1])
        written += piece
    return written


def write_line(text: Inline, *, is_label_kept: bool = True) -> str:
    """Return a text that starts a block: what would open a list, a heading or a rule there is escaped."""
    return _LINE_START.sub(_escaped_start, write_inline(text, is_label_kept=is_label_kept))


def write_heading(text: Inline) -> str:
    """Return a heading's text: `#` at its end would be dropped."""
    return re.sub(r"(^|\s)(#+)$", r"\1\\\2", write_inline(text))


def write_target(address: str) -> str:
    """Return an address as a link's destination; writing it twice changes nothing."""
    return quote(address, safe=_URL_SAFE)


def escape(text: str) -> str:
    """Return `text` with everything escaped that Markdown would read as markup."""
    return _SPECIAL.sub(lambda match: f"\\{match.group()}", text)


def fence_length(text: str, least: int) -> int:
    """How many backticks enclose `text`."""
    return max(least, max((len(run) for run in _BACKTICKS.findall(text)), default=0) + 1)


def character_reference(character: str) -> str:
    """Return the character as `&#x…;`: it reads the same, and `**` beside it sees punctuation, not a letter."""
    return f"&#x{ord(character):x};"


def _is_only_bold(run: Span) -> bool:
    """Whether bold is the only style of a text run, so that `**` can carry it anywhere."""
    return run == Span(run.text, is_bold=True)


def _escaped_start(match: re.Match[str]) -> str:
    mark, colon, digits, delimiter = match.groups()
    return f"{digits}\\{delimiter}" if digits else f"\\{mark or colon}"


def _plain(text: str, following: Span | None, must_encode: bool) -> str:
    head = ""
    if must_encode and not text[0].isspace():
        head, text = text[0], text[1:]
        head = character_reference(head) if not _is_boundary(head) else escape(head)
    if following is not None and following.is_code and text.endswith("$"):
        return head + escape(text[:-1]) + character_reference("$")  # else it would open an equation
    return head + escape(text)


def _bold(text: str) -> str:
    return f"**{escape(text)}**"


def _is_open(written: str, following: Span | None) -> bool:
    """Whether delimiters work here: nothing that is part of a word or of other markup touches them."""
    is_before = not written or written[-1].isspace() or written[-1] == "("
    return is_before and (following is None or (following.is_plain and (following.text[0].isspace() or following.text[0] in ".,;:!?)")))


def _styled(run: Span, *, is_open: bool, is_cell: bool) -> str:
    if run.kind == "break":
        return "<br>"
    if run.kind == "equation":
        return f"${_code_span(run.text, is_cell=is_cell)}$"
    if run.kind == "mention":
        said = html.escape(run.payload)
        return f'<mention data="{_barred(said) if is_cell else said}">{escape(run.text)}</mention>'
    text = _code_span(run.text, is_cell=is_cell) if run.is_code else escape(run.text)
    is_boxed = run.is_underline or run.color != "default"
    text = _emphasised(run, text, has_delimiters=is_open or is_boxed or bool(run.link))
    text = f"<u>{text}</u>" if run.is_underline else text
    text = f'<span color="{run.color}">{text}</span>' if run.color != "default" else text
    return f"[{text}]({write_target(run.link)})" if run.link else text


def _emphasised(run: Span, text: str, *, has_delimiters: bool) -> str:
    if run.is_italic:
        text = f"*{text}*" if has_delimiters else f"<em>{text}</em>"
    if run.is_bold:
        text = f"**{text}**" if has_delimiters else f"<strong>{text}</strong>"
    if run.is_strike:
        text = f"~~{text}~~" if has_delimiters else f"<del>{text}</del>"
    return text


def _barred(text: str) -> str:
    return text.replace("|", "\\|")


def _code_span(text: str, *, is_cell: bool) -> str:
    fence = "`" * fence_length(text, 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{_barred(text) if is_cell else text}{padding}{fence}"


def _is_mark(character: str) -> bool:
    """Whether `**` beside this character depends on its other neighbour (CommonMark 0.31, flanking delimiter runs)."""
    return unicodedata.category(character)[0] in "PS"


def _is_boundary(character: str) -> bool:
    is_ascii_mark = character.isascii() and _is_mark(character)
    return character.isspace() or is_ascii_mark or unicodedata.category(character)[0] == "P"
