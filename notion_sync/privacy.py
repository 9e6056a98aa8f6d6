"""What a page may show of a person: shortened ids, no addresses, no free text.

Every value that comes from data passes through here before it reaches a page. The full values stay in the ledger.
"""

from __future__ import annotations

import re

ID_LENGTH = 8
HIDDEN = "(texto omitido)"

_OPAQUE = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{16,})(?![0-9A-Za-z])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TAX_ID = re.compile(r"\b\d{3}\.?\d{3}\.?\d{3}-?\d{2}\b|\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b")
_PHONE = re.compile(r"(?:\+55\s?)?\(\d{2}\)\s?9?\d{4}-?\d{4}\b")
_FREE_TEXT = re.compile(
    r"(?:^|_)(?:text|texto|comment|comentario|message|mensagem|review|body|email|phone|telefone)s?$"
    r"|^(?:(?:customer|client|contact|lead|person|seller)_)?(?:name|nome)$"
)
_LONGEST = 60


def shown_text(text: str) -> str:
    """Return `text` with opaque ids cut to 8 characters, and e-mails, tax ids and telephones hidden."""
    text = _EMAIL.sub("(e-mail omitido)", text)
    text = _TAX_ID.sub("(documento omitido)", text)
    text = _PHONE.sub("(telefone omitido)", text)
    return _OPAQUE.sub(lambda match: match.group()[:ID_LENGTH], text)


def is_free_text(name: str, value: object) -> bool:
    """Return whether a field holds what a person wrote or is called: by its name, or because it is long."""
    return isinstance(value, str) and (len(value) > _LONGEST or _FREE_TEXT.search(name) is not None)
