"""Portuguese texts of `templates/`: e-mails, tasks, pages and files. A template is `Assunto: ...`, an empty line, and what follows.

Texts are Jinja, in a sandbox; they get every field of the order. A field that may be missing is asked for with `is defined`: one that is
simply used must be there, else the step fails for good and says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from eco_assets.errors import ConfigError, PermanentError

FOLDER = Path(__file__).resolve().parent.parent / "templates"
SIGNATURE = "Mensagem enviada pelo Eco em nome da equipe. Referência: "
_SUBJECT = "Assunto:"
_MONTHS = ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"]


@dataclass(frozen=True)
class Letter:
    """A text with its subject, one line, and its body."""

    subject: str
    body: str


def names() -> list[str]:
    """Every template."""
    return sorted(file.stem for file in FOLDER.glob("*.txt"))


def write(template: str, values: Mapping[str, Any]) -> Letter:
    """Fill in a template.

    Raises:
        ConfigError: there is no such template, or it is malformed.
        PermanentError: it uses a field that `values` lacks.
    """
    from jinja2 import TemplateError, UndefinedError

    try:
        text = _template(template).render(values)
    except UndefinedError as error:
        raise PermanentError(f"template {template}: {error}; the order must have that field, or the text ask `is defined`") from error
    except (TemplateError, TypeError, ValueError) as error:
        raise ConfigError(f"template {template}: {type(error).__name__}: {error}") from error
    head, _, body = text.partition("\n")
    return Letter(" ".join(head.removeprefix(_SUBJECT).split()), body.strip() + "\n")


def brl(value: Any) -> str:
    """Reais as people write them: `R$ 1.234,50`."""
    return f"R$ {number(value, 2)}"


def number(value: Any, places: int = 0) -> str:
    """A number as people write it: `1.234,5`."""
    return f"{float(value):,.{places}f}".translate(str.maketrans(",.", ".,"))


def percent(value: Any, places: int = 0) -> str:
    """A share as people write it: 0.123 is `12 %`."""
    return f"{number(100 * float(value), places)} %"


def long_day(value: Any) -> str:
    """A day as people write it: `3 de outubro de 2026`."""
    day = date.fromisoformat(str(value)[:10])
    return f"{day.day} de {_MONTHS[day.month - 1]} de {day.year}"


def words(value: Any) -> str:
    """A machine's name as words: underscores become spaces."""
    return str(value).replace("_", " ")


@cache
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters |= {"brl": brl, "numero": number, "porcento": percent, "dia": long_day, "palavras": words}
    return environment


@cache
def _template(name: str) -> Any:
    from jinja2 import TemplateSyntaxError

    file = FOLDER / f"{name}.txt"
    if not name.replace("_", "").isalnum() or not file.is_file():
        raise ConfigError(f"there is no template {name!r} in {FOLDER.name}/; the known ones are: {', '.join(names())}")
    text = file.read_text(encoding="utf-8")
    if not text.startswith(_SUBJECT):
        raise ConfigError(f"{file.name}: its first line must be `{_SUBJECT} ...`")
    try:
        return _environment().from_string(text)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{file.name}, line {error.lineno}: {error.message}") from error
