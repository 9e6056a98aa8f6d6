"""A text in Portuguese to a known goal with its parameters: by declared words first, by a model's choice among known goals second.

A model may only choose one of the known goals; parameters are always read by rules and checked. What is not understood is said, with
what was.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from eco_assets.mcp.mega.goals import Parameter, Template, out_of_bounds
from eco_assets.mcp.mega.models import Goal, Scalar
from eco_assets.mcp.questions import Answer, AskLimits, Choice, Question

NOBODY = "nenhum"
MIN_CONFIDENCE = 0.8
MAX_TEXT = 2000
STATES = {
    "AC": "acre", "AL": "alagoas", "AP": "amapa", "AM": "amazonas", "BA": "bahia", "CE": "ceara", "DF": "distrito federal",
    "ES": "espirito santo", "GO": "goias", "MA": "maranhao", "MT": "mato grosso", "MS": "mato grosso do sul", "MG": "minas gerais",
    "PA": "para", "PB": "paraiba", "PR": "parana", "PE": "pernambuco", "PI": "piaui", "RJ": "rio de janeiro",
    "RN": "rio grande do norte", "RS": "rio grande do sul", "RO": "rondonia", "RR": "roraima", "SC": "santa catarina",
    "SP": "sao paulo", "SE": "sergipe", "TO": "tocantins",
}  # fmt: skip
_NUMBER = r"(\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?)"
_PERCENT = re.compile(_NUMBER + r"\s*(?:%|por cento)")
_THOUSANDS = r"(mil|milhao|milhoes)"
_MONEY = re.compile(rf"(?:r\$\s*{_NUMBER}(?:\s*{_THOUSANDS})?|{_NUMBER}\s*(?:{_THOUSANDS}\s*)?(?:de\s+)?reais)")
_TIMES = {"mil": 1e3, "milhao": 1e6, "milhoes": 1e6}


class Answers(Protocol):
    """What answers questions: the gateway, as far as this module needs it."""

    def answer_all(self, questions: list[Question]) -> list[Answer]:
        """One answer a question, in order; never raises for a provider's fault."""
        ...


@dataclass(frozen=True)
class Understanding:
    """What a text means. `goal` is None where it is not known, or where a parameter is missing or wrong: `problems` says so.

    `by` is `words`, `model` or `nobody`; `tokens` is what asking a model took.
    """

    text: str
    goal: Goal | None = None
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    by: str = "nobody"
    confidence: float = 0.0
    tokens: int = 0

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "text": self.text,
            "goal": self.goal.id if self.goal else None,
            "parameters": dict(self.parameters),
            "problems": list(self.problems),
            "candidates": list(self.candidates),
            "by": self.by,
            "confidence": self.confidence,
            "tokens": self.tokens,
        }


def folded(text: str) -> str:
    """Lower case without accents, one space between words."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(each))
    return re.sub(r"\s+", " ", plain).strip()


def understand(
    text: str,
    templates: Mapping[str, Template],
    values: Callable[[Parameter], list[str]] = lambda _: [],
    gateway: Answers | None = None,
) -> Understanding:
    """What a text asks for.

    Args:
        text: as a person wrote it, at most 2,000 characters.
        templates: the known goals; events are not asked for by text.
        values: the known values of a parameter that has a query; an empty list is no limit.
        gateway: asked to choose among the known goals where words leave none or several; None asks nobody.
    """
    if len(text) > MAX_TEXT:
        return Understanding(text[:MAX_TEXT], problems=(f"o texto passa de {MAX_TEXT} caracteres: resuma o objetivo em uma frase",))
    goals = {name: template for name, template in templates.items() if template.kind == "goal"}
    plain = folded(text)
    found = sorted(name for name, template in goals.items() if _means(plain, template))
    if len(found) == 1:
        return _filled(text, goals[found[0]], values, "words", 1.0)
    answer = _asked(text, {name: goals[name] for name in found or goals}, gateway)
    if answer is not None and answer.choice in goals:
        understood = _filled(text, goals[answer.choice], values, "model", answer.confidence)
        return Understanding(**{**vars(understood), "tokens": answer.tokens})
    return _unknown(text, plain, goals, found, answer)


def _means(plain: str, template: Template) -> bool:
    words = set(re.findall(r"[a-z0-9]+", plain))
    return all(any(_has(folded(word), words, plain) for word in group) for group in template.words)


def _has(word: str, words: set[str], plain: str) -> bool:
    """`atras*` stands for a word's beginning; several words stand for themselves together."""
    if word.endswith("*"):
        return any(each.startswith(word[:-1]) for each in words)
    return word in words if " " not in word else f" {word} " in f" {plain} "


def _filled(text: str, template: Template, values: Callable[[Parameter], list[str]], by: str, confidence: float) -> Understanding:
    read: dict[str, Scalar] = {}
    problems: list[str] = []
    for parameter in template.parameters:
        found = list(dict.fromkeys(_values_in(text, parameter, values)))
        if len(found) > 1:
            problems.append(f"{parameter.label}: o texto diz {' e '.join(map(str, found))}; escolha um")
        elif found and isinstance(found[0], _Unknown):
            problems.append(f"{parameter.label} «{found[0].said}» não é conhecido; os conhecidos são {', '.join(found[0].known[:20])}")
        elif found:
            read[parameter.name] = found[0]
        elif parameter.is_required and parameter.default is None:
            problems.append(f"falta dizer: {parameter.label} (por exemplo, «{template.examples[0]}»)")
        value = read.get(parameter.name, parameter.default)
        if value is not None and (wrong := out_of_bounds(parameter, value)):
            problems.append(f"{parameter.label} {_limits(parameter)}" if "between" in wrong else f"{parameter.label}: {wrong}")
    shown = {parameter.name: read.get(parameter.name, parameter.default) for parameter in template.parameters}
    goal = None if problems else template.goal(read, source="text", text=text, why=f"entendido por {_BY[by]}")
    return Understanding(text, goal, shown, tuple(problems), (template.id,), by, confidence)


_BY = {"words": "palavras declaradas do objetivo", "model": "escolha de um modelo entre os objetivos conhecidos"}


def _limits(parameter: Parameter) -> str:
    low, high = parameter.minimum or 0.0, parameter.maximum or 0.0
    if parameter.type == "percent":
        return f"deve ficar entre {low * 100:g} % e {high * 100:g} %"
    return f"deve ficar entre R$ {low:,.0f} e R$ {high:,.0f}".replace(",", ".")


@dataclass(frozen=True)
class _Unknown:
    """A value that the text names and the query does not know."""

    said: str
    known: tuple[str, ...]


def _values_in(text: str, parameter: Parameter, values: Callable[[Parameter], list[str]]) -> Iterator[Any]:
    plain = folded(text)
    if parameter.type == "state":
        yield from _states(text, plain)
    elif parameter.type == "percent":
        yield from (round(_number(found) / 100, 6) for found in _PERCENT.findall(plain))
    elif parameter.type == "money":
        for first, thousand, second, million in _MONEY.findall(plain):
            yield _number(first or second) * _TIMES.get(thousand or million, 1.0)
    else:
        yield from _named(plain, parameter, values(parameter))


def _states(text: str, plain: str) -> Iterator[str]:
    """Codes in capitals (PA, not the word `pa`), and names; Pará only with its accent: without it the word is a preposition."""
    yield from (code for code in re.findall(r"\b([A-Z]{2})\b", text) if code in STATES)
    names = sorted(((name, code) for code, name in STATES.items()), key=lambda pair: -len(pair[0]))
    rest = f" {re.sub(r'[^a-z ]', ' ', plain)} "
    for name, code in names:
        spelled = f" {name} "
        is_said = bool(re.search(r"\bpará\b", text.lower())) if name == "para" else spelled in rest
        if is_said:
            rest = rest.replace(spelled, " ")
            yield code


def _named(plain: str, parameter: Parameter, known: list[str]) -> Iterator[str | _Unknown]:
    """A known value anywhere in the text, or the word that follows one of `after`."""
    spelled = {folded(value.replace("_", " ")): value for value in known}
    hits = [value for name, value in spelled.items() if f" {name} " in f" {re.sub(r'[^a-z0-9 ]', ' ', plain)} "]
    if hits:
        yield from hits
        return
    for word in parameter.after:
        for said in re.findall(rf"\b{re.escape(folded(word))} (?:de |do |da |no |na )?[«\"']?([a-z0-9_\-]+)", plain):
            yield said if not known else _Unknown(said, tuple(known))


def _number(text: str) -> float:
    """`1.234,5` and `10` as Brazilians write them; a single point with one or two digits after it is a decimal point."""
    if "," in text:
        return float(text.replace(".", "").replace(",", "."))
    return float(text.replace(".", "")) if re.fullmatch(r"\d{1,3}(\.\d{3})+", text) else float(text)


def _asked(text: str, goals: Mapping[str, Template], gateway: Answers | None) -> Answer | None:
    """A model's choice among the known goals, or nobody's."""
    if gateway is None:
        return None
    choices = (*(Choice(name, template.description) for name, template in sorted(goals.items())), Choice(NOBODY, "nenhum destes objetivos"))
    question = Question(
        id="goal",
        key=f"mega/{hashlib.sha256(text.encode()).hexdigest()[:32]}/goal",
        agent="mega",
        point="goal",
        subject="text",
        kind="choice",
        text="Qual destes objetivos o pedido descreve?",
        choices=choices,
        evidence={"pedido": text},
        min_confidence=MIN_CONFIDENCE,
        limits=AskLimits(deadline_ms=5000, max_output_tokens=60, max_cost_micro_usd=2000),
    )
    (answer,) = gateway.answer_all([question])
    return answer


def _unknown(text: str, plain: str, goals: Mapping[str, Template], found: list[str], answer: Answer | None) -> Understanding:
    read = {"estado": list(_states(text, plain)), "percentual": [f"{_number(n):g} %" for n in _PERCENT.findall(plain)]}
    heard = "; ".join(f"{name}: {', '.join(dict.fromkeys(said))}" for name, said in read.items() if said)
    examples = "; ".join(f"«{template.examples[0]}»" for name, template in goals.items() if not found or name in found)
    if found:
        problem = f"o texto serve a mais de um objetivo ({', '.join(goals[name].description.rstrip('.') for name in found)}): diga qual"
    else:
        problem = "não sei qual é o objetivo" + (f"; entendi {heard}" if heard else "")
    return Understanding(
        text,
        problems=(f"{problem}. Exemplos do que conheço: {examples}",),
        candidates=tuple(found or goals),
        confidence=answer.confidence if answer else 0.0,
        tokens=answer.tokens if answer else 0,
    )
