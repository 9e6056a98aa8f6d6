"""Which rung is asked first: the worthiest, two times in a hundred another, with the probability that it had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_openai import FakeOpenAI
from gateway_house import SureHead, gateway, question

from eco_assets.mcp.gateway.router import EPSILON, choose
from eco_assets.mcp.questions import Question


class Fixed:
    """A router that knows what each rung is worth."""

    def __init__(self, **worth: float | None) -> None:
        self.known = worth

    def worth(self, asked: Question, rungs: Sequence[str]) -> list[float | None]:
        """As given, by the rung's first word."""
        return [self.known.get(rung.split("/")[0]) for rung in rungs]


RUNGS = ["p0/m", "p1/m", "head/sure"]


def test_the_worthiest_permitted_rung_goes_first_and_the_rest_follow_as_declared() -> None:
    keyed = next(question(at) for at in range(100) if choose(question(at), RUNGS, [0, 1, 2], None).propensity > 0.5)
    assert choose(keyed, RUNGS, [0, 1, 2], Fixed(p0=0.1, p1=0.9)).order == (1, 0, 2)
    assert choose(keyed, RUNGS, [0, 2], Fixed(p0=0.1, p1=0.9, head=0.5)).order == (2, 0, 1)
    assert choose(keyed, RUNGS, [1, 2], None).order == (0, 1, 2)  # the first cannot be asked, and says so in its place
    assert choose(keyed, RUNGS, [], None).order == (0, 1, 2)
    assert choose(keyed, RUNGS, [0, 1, 2], Fixed(p1=None)).order == (0, 1, 2)


def test_two_in_a_hundred_explore_and_the_propensities_are_what_they_say() -> None:
    found = [choose(question(at), RUNGS, [0, 1, 2], Fixed(p0=0.1, p1=0.9)) for at in range(6_000)]
    firsts = [chosen.order[0] for chosen in found]
    assert sorted({chosen.propensity for chosen in found}) == pytest.approx([EPSILON / 3, 1 - EPSILON * 2 / 3])
    assert firsts.count(0) == pytest.approx(6_000 * EPSILON / 3, abs=22)
    assert firsts.count(2) == pytest.approx(6_000 * EPSILON / 3, abs=22)
    assert all(chosen.propensity < 0.01 for chosen in found if chosen.order[0] != 1)


def test_the_draw_depends_on_the_key_alone() -> None:
    assert all(
        choose(question(at), RUNGS, [0, 1, 2], None) == choose(question(at, text="other"), RUNGS, [0, 1, 2], None) for at in range(200)
    )


def test_a_rung_that_is_shut_off_is_never_drawn() -> None:
    assert all(choose(question(at), RUNGS, [0, 2], None).order[0] != 1 for at in range(2_000))


def test_the_gateway_takes_the_routers_word_and_logs_the_propensity(tmp_path: Path) -> None:
    with FakeOpenAI() as one, FakeOpenAI(choice="b") as other:
        held = gateway(tmp_path, one, other, heads=[SureHead()], router=Fixed(p0=0.1, p1=0.9))
        answers = held.answer_all([question(at) for at in range(8)])
        held.close()
    assert [answer.provider for answer in answers].count("p1") >= 7
    assert all(answer.propensity in (pytest.approx(1 - EPSILON * 2 / 3), pytest.approx(EPSILON / 3)) for answer in answers)
