"""`plan` as a pure function: whatever the order and grouping of ticks, every accepted change is asked for once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sensors.decision_changes import BEGINNING, Cursor, plan, request_for
from sensors.verdicts import Change, Verdict

ASSETS = ("decisions/varejo/replenishment", "decisions/varejo/review_recovery")
FINAL: tuple[Verdict, ...] = ("accepted", "rejected", "done")
WAITING: tuple[Verdict, ...] = ("pending", "held")


@dataclass(frozen=True)
class Fate:
    """A change, the tick that first sees it, how many ticks it waits and as what, and its verdict then."""

    change: Change
    seen_at: int
    waits: int
    waits_as: Verdict
    final: Verdict

    def at(self, tick: int) -> Verdict:
        """The verdict at a tick."""
        return self.final if tick >= self.seen_at + self.waits else self.waits_as


@st.composite
def fates(draw: st.DrawFn) -> list[Fate]:
    """A history: changes in the log's order, seen in that order a group at a time."""
    size = draw(st.integers(0, 20))
    ticks = sorted(draw(st.lists(st.integers(0, 5), min_size=size, max_size=size)))
    return [
        Fate(
            Change(number * 3 + 1, draw(st.sampled_from(ASSETS)), f"2018-05-0{draw(st.integers(1, 3))}", f"run-{number}"),
            tick,
            draw(st.integers(0, 4)),
            draw(st.sampled_from(WAITING)),
            draw(st.sampled_from(FINAL)),
        )
        for number, tick in enumerate(ticks)
    ]


@dataclass
class Told:
    """What all ticks of a history asked for and refused."""

    requested: Counter[Change]
    rejected: Counter[Change]
    keys: list[str]
    cursor: Cursor


def play(history: list[Fate], shuffled: st.DataObject) -> Told:
    """Tick through a history; the cursor is written down and read between two ticks."""
    by_change = {fate.change: fate for fate in history}
    told = Told(Counter(), Counter(), [], BEGINNING)
    for tick in range(12):
        fresh = shuffled.draw(st.permutations([fate.change for fate in history if fate.seen_at == tick]))
        todo = plan(Cursor.loads(told.cursor.dumps()), fresh, lambda change, tick=tick: by_change[change].at(tick))
        for day, asked in todo.days.items():
            assert {change.day for change in asked} == {day}
            told.requested.update(asked)
            told.keys.append(str(request_for("varejo", day, asked).run_key))
        told.rejected.update(todo.rejected)
        told.cursor = todo.cursor
    return told


@given(fates(), st.data())
def test_every_accepted_change_is_asked_for_once_and_no_other(history: list[Fate], shuffled: st.DataObject) -> None:
    told = play(history, shuffled)
    assert told.requested == Counter(fate.change for fate in history if fate.final == "accepted")
    assert told.rejected == Counter(fate.change for fate in history if fate.final == "rejected")
    assert told.cursor.pending == ()
    assert len(told.keys) == len(set(told.keys)), "Dagster runs a run key once, so two requests must not share one"


@given(fates(), st.data())
def test_the_cursor_ends_at_the_newest_change_of_each_asset(history: list[Fate], shuffled: st.DataObject) -> None:
    newest: dict[str, int] = {}
    for fate in history:
        newest[fate.change.asset] = max(newest.get(fate.change.asset, 0), fate.change.storage_id)
    assert play(history, shuffled).cursor.after == newest


@given(fates(), st.data())
def test_reading_everything_again_asks_only_for_run_keys_that_are_known(history: list[Fate], shuffled: st.DataObject) -> None:
    known = play(history, shuffled).keys
    verdicts = {fate.change: fate.final for fate in history}
    again = plan(BEGINNING, verdicts, verdicts.__getitem__)
    assert {str(request_for("varejo", day, asked).run_key) for day, asked in again.days.items()} <= set(known)


@given(fates(), st.integers(0, 5))
def test_a_change_that_waits_is_kept_until_it_does_not(history: list[Fate], tick: int) -> None:
    verdicts = {fate.change: fate.at(tick) for fate in history if fate.seen_at <= tick}
    todo = plan(BEGINNING, verdicts, verdicts.__getitem__)
    assert set(todo.cursor.pending) == {change for change, verdict in verdicts.items() if verdict in WAITING}


def test_a_request_names_the_runs_that_it_answers() -> None:
    asked = (Change(4, ASSETS[0], "2018-05-01", "b"), Change(9, ASSETS[1], "2018-05-01", "a"))
    request = request_for("varejo", "2018-05-01", asked)
    assert (request.run_key, request.partition_key, request.tags["eco/asked_by"]) == ("varejo:2018-05-01:9", "2018-05-01", "a,b")
