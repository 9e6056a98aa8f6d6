"""Local heads: models of this installation that answer a question without any provider, in milliseconds and for nothing.

A head answers the questions whose choices are among its classes. Add one as a class with `name`, `version`, `is_for` and
`probabilities`, and list it in `champion_heads`. Training belongs to `ml/`; what a head may decide belongs to the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from eco_assets.errors import NotFound
from eco_assets.mcp.questions import Question

if TYPE_CHECKING:
    from ml.tracking import Registry

SENTIMENT_MODEL, COMPLAINT_MODEL = "varejo_review_sentiment", "varejo_complaint_class"
NEGATIVE, POSITIVE = ("negative", "negativo"), ("positive", "positivo")


class Head(Protocol):
    """A local model that answers some questions."""

    @property
    def name(self) -> str:
        """Stands in `Hop.provider` as `head` and in `Hop.model` with its version."""
        ...

    def is_for(self, question: Question) -> bool:
        """Whether the question is one that this head can answer; cheap, and nothing is loaded for it."""
        ...

    def probabilities(self, question: Question) -> Mapping[str, float]:
        """Probability of each choice, by its value.

        Raises:
            EcoError: the head has no model, or its model cannot read the evidence.
        """
        ...


class SentimentHead:
    """The champion of review sentiment: choices `negative` and `positive` (or `negativo` and `positivo`) about one text."""

    name = SENTIMENT_MODEL

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load

    @cached_property
    def _model(self) -> Any:
        return self._load()

    def is_for(self, question: Question) -> bool:
        """Two choices, one of each word, and a text among the evidence."""
        values = [choice.value for choice in question.choices]
        return len(values) == 2 and _is_pair(values) and bool(text_of(question))

    def probabilities(self, question: Question) -> dict[str, float]:
        """See `Head.probabilities`."""
        import pandas as pd

        negative = float(self._model.predict(pd.DataFrame({"text": [text_of(question)]}))["p_negative"].iloc[0])
        return {choice.value: negative if choice.value in NEGATIVE else 1.0 - negative for choice in question.choices}


class ComplaintHead:
    """The champion of complaint classes: choices among its classes about one text."""

    name = COMPLAINT_MODEL

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load

    @cached_property
    def _model(self) -> Any:
        return self._load()

    def is_for(self, question: Question) -> bool:
        """Choices that are all complaint classes, and a text among the evidence."""
        from ml.language.complaints import CLASSES

        return {choice.value for choice in question.choices} <= set(CLASSES) and bool(text_of(question))

    def probabilities(self, question: Question) -> dict[str, float]:
        """See `Head.probabilities`; among the choices alone, so they sum to 1."""
        import pandas as pd

        row = self._model.predict(pd.DataFrame({"text": [text_of(question)]})).iloc[0]
        found = {choice.value: float(row[f"p_{choice.value}"]) for choice in question.choices}
        total = sum(found.values())
        return {value: share / total for value, share in found.items()}


def champion_heads(registry: Callable[[], Registry]) -> tuple[Head, ...]:
    """Heads of the registry's champions; a champion is loaded when the first question comes, and asked for again while there is none."""

    def loader(name: str) -> Callable[[], Any]:
        return lambda: registry().load(name)[0]

    return (SentimentHead(loader(SENTIMENT_MODEL)), ComplaintHead(loader(COMPLAINT_MODEL)))


def text_of(question: Question) -> str:
    """The longest text of the evidence: what a person wrote, where something was written."""
    return max((value for value in question.evidence.values() if isinstance(value, str)), key=len, default="")


def best(probabilities: Mapping[str, float]) -> tuple[str, float]:
    """The likeliest choice and its probability.

    Raises:
        NotFound: there is no choice.
    """
    if not probabilities:
        raise NotFound("a head gave no probability: it must give one for each choice")
    value = max(probabilities, key=lambda name: probabilities[name])
    return value, float(probabilities[value])


def _is_pair(values: list[str]) -> bool:
    return any(value in NEGATIVE for value in values) and any(value in POSITIVE for value in values)
