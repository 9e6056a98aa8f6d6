"""Local heads: models of this installation that answer a question without any provider, in milliseconds and for nothing.

A head answers the questions whose choices are among its classes. Add one as a class with `name`, `version`, `is_for` and
`probabilities`, and list it in `champion_heads`. Training belongs to `ml/`; what a head may decide belongs to the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from eco_assets.errors import NotFound
from eco_assets.mcp.questions import Question

if TYPE_CHECKING:
    from ml.tracking import Registry

SENTIMENT_MODEL, COMPLAINT_MODEL = "varejo_review_sentiment", "varejo_complaint_class"
KNOWN_S, MISSING_S = 300.0, 60.0
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

    def __init__(self, model: Callable[[], Any]) -> None:
        self._model = model

    def is_for(self, question: Question) -> bool:
        """Two choices, one of each word, and a text among the evidence."""
        values = [choice.value for choice in question.choices]
        return len(values) == 2 and _is_pair(values) and bool(text_of(question))

    def probabilities(self, question: Question) -> dict[str, float]:
        """See `Head.probabilities`."""
        import pandas as pd

        negative = float(self._model().predict(pd.DataFrame({"text": [text_of(question)]}))["p_negative"].iloc[0])
        return {choice.value: negative if choice.value in NEGATIVE else 1.0 - negative for choice in question.choices}


class ComplaintHead:
    """The champion of complaint classes: choices among its classes about one text."""

    name = COMPLAINT_MODEL

    def __init__(self, model: Callable[[], Any]) -> None:
        self._model = model

    def is_for(self, question: Question) -> bool:
        """Choices that are all complaint classes, and a text among the evidence."""
        from ml.language.complaints import CLASSES

        return {choice.value for choice in question.choices} <= set(CLASSES) and bool(text_of(question))

    def probabilities(self, question: Question) -> dict[str, float]:
        """See `Head.probabilities`; among the choices alone, so they sum to 1."""
        import pandas as pd

        row = self._model().predict(pd.DataFrame({"text": [text_of(question)]})).iloc[0]
        found = {choice.value: float(row[f"p_{choice.value}"]) for choice in question.choices}
        total = sum(found.values())
        return {value: share / total for value, share in found.items()}


class Champion:
    """The champion of a model family, loaded when first asked for; a new one is found within five minutes, the first within one."""

    def __init__(self, registry: Callable[[], Registry], name: str, clock: Callable[[], float] = monotonic) -> None:
        self._registry, self._name, self._clock = registry, name, clock
        self._lock = Lock()
        self._model: Any = None
        self._version, self._until, self._missing = "", -1.0, ""

    def __call__(self) -> Any:
        """The model.

        Raises:
            NotFound: there is no champion; it is looked for once a minute, because that takes as long as ten questions.
        """
        with self._lock:
            if self._clock() >= self._until:
                self._look()
            if self._model is None:
                raise NotFound(self._missing)
            return self._model

    def _look(self) -> None:
        try:
            found = self._registry().latest(self._name)
            if found.version != self._version:
                self._model, self._version = self._registry().load(self._name)[0], found.version
            self._until = self._clock() + KNOWN_S
        except NotFound as error:
            self._missing, self._until = str(error), self._clock() + (MISSING_S if self._model is None else KNOWN_S)


def champion_heads(registry: Callable[[], Registry]) -> tuple[Head, ...]:
    """Heads of the registry's champions; nothing is opened before the first question that one of them is for."""
    return (SentimentHead(Champion(registry, SENTIMENT_MODEL)), ComplaintHead(Champion(registry, COMPLAINT_MODEL)))


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
