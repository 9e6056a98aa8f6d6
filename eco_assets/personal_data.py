"""Finds personal data in text: e-mails, cards, CPF, CNPJ (letters too), telephones and long opaque ids. People's names are not found.

What has the written form of a document is one; bare digits are one only where their check digits hold. What is done about a find
(hidden on a page, replaced in a prompt) is the caller's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
CPF = re.compile(r"(?<![\dA-Za-z])\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)")
CNPJ = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{2}\.?[0-9A-Za-z]{3}\.?[0-9A-Za-z]{3}/?[0-9A-Za-z]{4}-?\d{2}(?![0-9A-Za-z])")
PHONE = re.compile(
    r"(?<![\d+])(?:\+?55[\s-]?)?"
    r"(?:\(\d{2}\)\s?9?\d{4}[-\s]?\d{4}|[1-9]{2}\s9\d{4}[-\s]?\d{4}|9\d{4}-\d{4}|[1-9]{2}9\d{8})(?!\d)"
)
CARD = re.compile(r"(?<![\dA-Za-z])[2-6](?:[ -]?\d){12,18}(?!\d)")
OPAQUE = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{16,})(?![0-9A-Za-z])")
_MARKS = frozenset("./-")
_SIGNAL = re.compile(r"[\d@]")  # whatever is found has one; most texts have none
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


def normal(text: str) -> str:
    """Compatibility forms folded and invisible characters dropped, so that a document written in full-width digits is still one."""
    return text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def replaced(text: str, by: Callable[[str, str], str]) -> str:
    """`text` with every find replaced by `by(kind, find)`.

    Args:
        text: as `normal` gives it.
        by: gets the kind (`EMAIL`, `CARD`, `CNPJ`, `CPF`, `PHONE` or `ID`) and what was found.
    """
    if _SIGNAL.search(text) is None:
        return text
    for finder in _FINDERS:
        text = _replaced_by(finder, text, by)
    return text


def _replaced_by(finder: tuple[str, re.Pattern[str], Callable[[str], bool]], text: str, by: Callable[[str, str], str]) -> str:
    kind, pattern, holds = finder
    return pattern.sub(lambda match: by(kind, match.group()) if holds(match.group()) else match.group(), text)


def _is_cpf(found: str) -> bool:
    return not _MARKS.isdisjoint(found) or bool(_document("CPF").validate(found))


def _is_cnpj(found: str) -> bool:
    return "/" in found or bool(_document("CNPJ").validate(found.upper()))


def _is_card(found: str) -> bool:
    """Luhn's check, from the right: every second digit doubled."""
    digits = [int(sign) for sign in reversed(found) if sign.isdigit()]
    return sum(digits[0::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10


def _always(_: str) -> bool:
    return True


@cache
def _document(name: str) -> Any:
    import validate_docbr

    return getattr(validate_docbr, name)()


_FINDERS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("EMAIL", EMAIL, _always),
    ("CARD", CARD, _is_card),
    ("CNPJ", CNPJ, _is_cnpj),
    ("CPF", CPF, _is_cpf),
    ("PHONE", PHONE, _always),
    ("ID", OPAQUE, _always),
)
