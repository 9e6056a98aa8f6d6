"""What a page may show of a person: shortened ids, no addresses, no free text.

Every value that comes from data passes through here before it reaches a page. The full values stay in the ledger.
"""

from __future__ import annotations

import re

from eco_assets.personal_data import CNPJ, CPF, EMAIL, OPAQUE, PHONE

ID_LENGTH = 8
HIDDEN = "(texto omitido)"

_FREE_TEXT = re.compile(
    r"(?:^|_)(?:text|texto|comment|comentario|message|mensagem|review|body|email|phone|telefone)s?$"
    r"|^(?:(?:customer|client|contact|lead|person|seller)_)?(?:name|nome)$"
)
_LONGEST = 60


def shown_text(text: str) -> str:
    """Return `text` with opaque ids cut to 8 characters, and e-mails, tax ids and telephones hidden."""
    text = EMAIL.sub("(e-mail omitido)", text)
    text = CPF.sub("(documento omitido)", CNPJ.sub(_hidden_cnpj, text))
    text = PHONE.sub("(telefone omitido)", text)
    return OPAQUE.sub(lambda match: match.group()[:ID_LENGTH], text)


def _hidden_cnpj(match: re.Match[str]) -> str:
    """Only what is written as one: 14 letters and digits in a row are more often an id."""
    return "(documento omitido)" if "/" in match.group() else match.group()


def is_free_text(name: str, value: object) -> bool:
    """Return whether a field holds what a person wrote or is called: by its name, or because it is long."""
    return isinstance(value, str) and (len(value) > _LONGEST or _FREE_TEXT.search(name) is not None)
