"""Numbers, money, dates and counts as Brazilians write them.

Every figure that a business reader sees passes through here; a missing figure (None or NaN) is an en dash. Words of one
report stay out. Money and units keep their no-break space, so that a line never ends between R$ and the amount.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_compact_currency, format_compact_decimal, format_currency, format_decimal

LOCALE = "pt_BR"
MISSING = "–"
NBSP = "\N{NO-BREAK SPACE}"

Number = int | float | Decimal


def is_missing(value: Number | None) -> bool:
    """Return whether there is no figure: None or NaN."""
    return value is None or math.isnan(value)


def number(value: Number | None, decimals: int = 0) -> str:
    """Return a number with exactly `decimals` places: `1.234,5`."""
    if value is None or is_missing(value):
        return MISSING
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return str(format_decimal(_settled(value, decimals), format=pattern, locale=LOCALE))


def measured(value: Number | None) -> str:
    """Return a number of unknown scale with about four significant digits: `12`, `0,03124`, `1.204,5`."""
    if value is None or is_missing(value):
        return MISSING
    if value == 0 or float(value).is_integer():
        return number(value)
    places = min(6, max(1, 3 - math.floor(math.log10(abs(float(value))))))
    shown = format_decimal(_settled(value, places), format="#,##0." + "#" * places, locale=LOCALE)
    return str(shown)


def brl(value: Number | None) -> str:
    """Return an amount in reais: `R$ 1.234,56`, `-R$ 3,20`."""
    if value is None or is_missing(value):
        return MISSING
    return str(format_currency(_settled(value, 2), "BRL", locale=LOCALE))


def usd(value: Number | None) -> str:
    """Return an amount in US dollars: `US$ 1.234,56`."""
    if value is None or is_missing(value):
        return MISSING
    return str(format_currency(_settled(value, 2), "USD", locale=LOCALE))


def brl_compact(value: Number | None) -> str:
    """Return an amount in reais for an axis: `R$ 12,3 mil`."""
    if value is None or is_missing(value):
        return MISSING
    if abs(float(value)) < 1000:
        return f"R${NBSP}{number(value, 0 if float(value).is_integer() else 2)}"
    return str(format_compact_currency(value, "BRL", locale=LOCALE, fraction_digits=1))


def compact(value: Number | None) -> str:
    """Return a number for an axis: `850`, `12,3 mil`."""
    if value is None or is_missing(value):
        return MISSING
    if abs(float(value)) < 1000:
        return measured(value)
    return str(format_compact_decimal(value, locale=LOCALE, fraction_digits=1))


def percent(share: Number | None, decimals: int = 1) -> str:
    """Return a share (0.123 is 12.3 %) as `12,3%`."""
    return MISSING if share is None or is_missing(share) else f"{number(Decimal(str(share)) * 100, decimals)}%"


def signed_percent(share: Number | None, decimals: int = 1) -> str:
    """Return a change as `+12,3%` or `-4,0%`; no sign for no change."""
    if share is None or is_missing(share):
        return MISSING
    text = percent(share, decimals)
    return f"+{text}" if _settled(float(share) * 100, decimals) > 0 else text


def percentage_points(difference: Number | None) -> str:
    """Return a difference of two shares as `+1,2 p.p.`."""
    if difference is None or is_missing(difference):
        return MISSING
    return f"{signed_percent(difference)[:-1]}{NBSP}p.p."


def date_long(day: date) -> str:
    """Return `31 de maio de 2018`; the first of a month is `1º de junho de 2018`."""
    text = str(format_date(day, "d 'de' MMMM 'de' y", locale=LOCALE))
    return text.replace("1", "1º", 1) if day.day == 1 else text


def date_short(day: date) -> str:
    """Return `31/05/2018`."""
    return str(format_date(day, "dd/MM/yyyy", locale=LOCALE))


def duration(milliseconds: Number | None) -> str:
    """Return a duration in its natural units: `350 ms`, `1,2 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`."""
    if milliseconds is None or is_missing(milliseconds):
        return MISSING
    seconds = float(milliseconds) / 1000
    if seconds < 1:
        return f"{number(milliseconds) if milliseconds >= 1 else measured(milliseconds)}{NBSP}ms"
    if round(seconds, 1) < 60:
        return f"{number(seconds, 1)}{NBSP}s"
    for size, unit, small_size, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        total = round(seconds / small_size)
        if total * small_size >= size:
            large, rest = divmod(total, size // small_size)
            return f"{large}{NBSP}{unit}" + (f" {rest}{NBSP}{small}" if rest else "")
    raise AssertionError("a minute or more always fits a unit")


def count(quantity: int, one: str, many: str) -> str:
    """Return a quantity with its noun: `1 decisão`, `2 decisões`, `1.500 decisões`."""
    return f"{number(quantity)} {plural(quantity, one, many)}"


def plural(quantity: int, one: str, many: str) -> str:
    """Return the form that agrees with `quantity`: `one` for 1 only, as readers expect of a written 0."""
    return one if quantity == 1 else many


def joined(words: Sequence[str]) -> str:
    """Return `a, b e c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} e {words[-1]}"


def measure(value: Number | None, unit: str) -> str:
    """Return a figure in its unit.

    Args:
        value: the figure; a `percent` is a share, so 0.123 is 12.3 %.
        unit: `brl`, `count`, `percent`, `days`, `hours`, `ms`; any other word is written after the figure.
    """
    if value is None or is_missing(value):
        return MISSING
    match unit:
        case "brl":
            return brl(value)
        case "count":
            return measured(value)
        case "percent":
            return percent(value)
        case "ms":
            return duration(value)
        case "days" | "hours":
            one, many = {"days": ("dia", "dias"), "hours": ("hora", "horas")}[unit]
            return f"{measured(value)} {one if abs(float(value)) < 2 else many}"  # 1,5 hora, 2 horas
        case _:
            return f"{measured(value)}{NBSP}{unit}"


def _settled(value: Number, decimals: int) -> Number:
    """Return `value` rounded half up, without the negative zero that would print as `-0`."""
    quantum = Decimal(1).scaleb(-decimals)
    rounded = Decimal(str(value)).quantize(quantum, rounding="ROUND_HALF_UP")
    return rounded if rounded else Decimal(0)
