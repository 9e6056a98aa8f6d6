"""Numbers, money and dates as Brazilians write them."""

from datetime import date
from decimal import Decimal

import pytest

from notion_sync import formatting as f


def spaced(text: str) -> str:
    return text.replace(f.NBSP, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.56, "R$ 1.234,56"), (0, "R$ 0,00"), (-0.001, "R$ 0,00"), (-3.2, "-R$ 3,20"), (2.675, "R$ 2,68"), (None, "–")],
)
def test_money_is_written_in_reais(value: float | None, text: str) -> None:
    assert spaced(f.brl(value)) == text


def test_money_never_breaks_after_the_symbol() -> None:
    assert f.NBSP in f.brl(1)


def test_an_unknown_figure_is_a_dash() -> None:
    missing = (f.brl, f.number, f.percent, f.measured, f.duration, f.compact, f.brl_compact, f.signed_percent)
    assert {show(float("nan")) for show in missing} | {show(None) for show in missing} == {"–"}


def test_dates_are_written_in_full_and_short() -> None:
    assert f.date_long(date(2018, 5, 31)) == "31 de maio de 2018"
    assert f.date_short(date(2018, 5, 31)) == "31/05/2018"


def test_the_first_of_a_month_is_an_ordinal_and_only_that_day() -> None:
    assert f.date_long(date(2018, 3, 1)) == "1º de março de 2018"
    assert f.date_long(date(2018, 3, 11)) == "11 de março de 2018"


def test_nouns_agree_with_their_number() -> None:
    said = [f.count(quantity, "decisão", "decisões") for quantity in (0, 1, 2, 1500)]
    assert said == ["0 decisões", "1 decisão", "2 decisões", "1.500 decisões"]


def test_shares_are_percentages_and_changes_carry_a_sign() -> None:
    assert [f.percent(0.1234), f.signed_percent(0.05), f.signed_percent(-0.05), f.signed_percent(0.0001)] == [
        "12,3%",
        "+5,0%",
        "-5,0%",
        "0,0%",
    ]
    assert spaced(f.percentage_points(0.012)) == "+1,2 p.p."


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0.31, "0,31 ms"),
        (350, "350 ms"),
        (1234, "1,2 s"),
        (59_960, "1 min"),
        (125_000, "2 min 5 s"),
        (3_599_900, "1 h"),
        (12_000_000, "3 h 20 min"),
        (190_000_000, "2 d 5 h"),
    ],
)
def test_durations_use_their_natural_units(milliseconds: float, text: str) -> None:
    assert spaced(f.duration(milliseconds)) == text


@pytest.mark.parametrize(("value", "text"), [(12.0, "12"), (0.031244, "0,03124"), (1204.54, "1.204,5"), (0, "0"), (Decimal("2.50"), "2,5")])
def test_a_number_of_unknown_scale_keeps_what_matters(value: float | Decimal, text: str) -> None:
    assert f.measured(value) == text


def test_a_figure_is_written_in_its_unit() -> None:
    units = [(5.5, "brl"), (3, "count"), (0.5, "percent"), (1, "days"), (1.5, "days"), (2, "hours"), (7, "unidades")]
    said = [spaced(f.measure(value, unit)) for value, unit in units]
    assert said == ["R$ 5,50", "3", "50,0%", "1 dia", "1,5 dia", "2 horas", "7 unidades"]


def test_axis_labels_are_short() -> None:
    said = [f.brl_compact(12_345), f.brl_compact(500), f.brl_compact(0.5), f.compact(12_345), f.compact(850)]
    assert [spaced(text) for text in said] == ["R$ 12,3 mil", "R$ 500", "R$ 0,50", "12,3 mil", "850"]


def test_words_are_joined_as_in_a_sentence() -> None:
    assert [f.joined([]), f.joined(["a"]), f.joined(["a", "b"]), f.joined(["a", "b", "c"])] == [
        "",
        "a",
        "a e b",
        "a, b e c",
    ]
