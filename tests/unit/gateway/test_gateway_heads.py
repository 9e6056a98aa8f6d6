"""Local heads: real models of this installation behind the questions that they are for."""

from __future__ import annotations

import pandas as pd
import pytest
from gateway_house import question

from eco_assets.errors import NotFound
from eco_assets.mcp.gateway import open_gateway
from eco_assets.mcp.gateway.heads import SENTIMENT_MODEL, Champion, ComplaintHead, SentimentHead, best
from eco_assets.mcp.questions import Choice
from eco_assets.platform import Platform
from ml.language import complaints, sentiment
from ml.model import Trained

FEELINGS = (Choice("negativo"), Choice("positivo"))
BAD, GOOD = "não recebi, péssimo, quero o dinheiro de volta", "adorei, chegou rápido, recomendo muito"


def reviews(rows: int = 120) -> pd.DataFrame:
    """Comments that are plainly one or the other."""
    said = [(BAD, 1) if at % 2 else (GOOD, 5) for at in range(rows)]
    return pd.DataFrame(
        {
            "review_id": [f"r{at}" for at in range(rows)],
            "text": [f"{text} {at}" for at, (text, _) in enumerate(said)],
            "score": [score for _, score in said],
        }
    )


def test_the_sentiment_champion_answers_what_it_is_for(platform: Platform) -> None:
    held = platform.gateway
    asked = question(choices=FEELINGS, evidence={"review_comment_message": BAD, "score": 1})
    (nobody,) = held.answer_all([asked])
    assert (nobody.choice, [hop.outcome for hop in nobody.hops]) == (None, ["NotFound"])  # no champion yet
    found: Trained = sentiment.train(reviews(), seed=0)
    platform.registry.train_if_changed(
        SENTIMENT_MODEL, reviews(), lambda _: found, code_version="1", as_of=pd.Timestamp("2018-05-31").date(), tags={}
    )
    held.close()
    del platform.gateway
    (answer,) = platform.gateway.answer_all([asked])
    (other,) = platform.gateway.answer_all([question()])
    platform.gateway.close()
    assert (answer.choice, answer.provider, answer.model) == ("negativo", "head", SENTIMENT_MODEL)
    assert answer.confidence > 0.8
    assert answer.cost_micro_usd == answer.tokens == 0
    assert other.hops == ()  # `a` and `b` are no feelings


def test_the_complaint_head_chooses_among_the_classes_that_were_asked_for() -> None:
    said = {
        complaints.DELIVERY: "não recebi o produto, atrasou",
        complaints.QUALITY: "veio quebrado, com defeito",
        complaints.CONTENT: "ótimo, recomendo",
    }
    frame = pd.DataFrame(
        [{"review_id": f"{name}{at}", "text": f"{text} {at}", "complaint_class": name} for name, text in said.items() for at in range(25)]
    )
    head = ComplaintHead(lambda: complaints.fit(frame, seed=0))
    asked = question(choices=(Choice(complaints.DELIVERY), Choice(complaints.QUALITY)), evidence={"texto": "chegou quebrado e com defeito"})
    assert head.is_for(asked)
    assert not head.is_for(question())
    found = head.probabilities(asked)
    assert best(found)[0] == complaints.QUALITY
    assert sum(found.values()) == pytest.approx(1)


def test_a_head_is_for_texts_alone() -> None:
    head = SentimentHead(lambda: None)
    assert not head.is_for(question(choices=FEELINGS, evidence={"score": 1}))
    assert not head.is_for(question(choices=(*FEELINGS, Choice("neutro"))))


def test_a_missing_champion_is_looked_for_once_a_minute_and_a_new_one_found() -> None:
    class Shelf:
        """A registry's two calls, counted."""

        looks, version = 0, ""

        def latest(self, name: str) -> Shelf:
            """What is there."""
            self.looks += 1
            if not self.version:
                raise NotFound(f"no {name}")
            return self

        def load(self, name: str) -> tuple[str, Shelf]:
            """The model itself."""
            return f"{name} {self.version}", self

    now, shelf = [0.0], Shelf()
    champion = Champion(lambda: shelf, "m", lambda: now[0])  # type: ignore[arg-type, return-value]
    for _ in range(5):
        with pytest.raises(NotFound, match="no m"):
            champion()
    assert shelf.looks == 1
    now[0], shelf.version = 61.0, "1"
    assert champion() == "m 1"
    shelf.version = "2"
    assert champion() == "m 1"
    now[0] += 301
    assert champion() == "m 2"


def test_a_gateway_without_anybody_abstains() -> None:
    from eco_assets.settings import Settings

    assert open_gateway(Settings(home="/nowhere")).answer_all([question()])[0].choice is None  # type: ignore[arg-type]
