"""What reports over several days share: the words for a span of days, changes, and the sums of a span."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from notion_sync.formatting import LOCALE, MISSING, Number, brl, date_long, is_missing, number, percent, percentage_points, signed_percent
from notion_sync.records import Record, outcomes, total_value


@dataclass(frozen=True)
class DayRecords:
    """An agent's day: the decisions that stood, what was done about them, and its cost as `AgentCost.to_dict` gives it."""

    day: date
    decisions: Sequence[Record] = ()
    executions: Sequence[Record] = ()
    cost: Record | None = None

    @property
    def states(self) -> Counter[str]:
        """How many decisions stand how; see `records.outcomes`."""
        return Counter(outcomes(self.decisions, self.executions).values())

    @property
    def value_brl(self) -> float:
        """The value that the decisions expect."""
        return total_value(self.decisions)

    @property
    def cost_brl(self) -> float:
        """What the day cost in all."""
        return float((self.cost or {}).get("total_brl") or 0.0)


def states(days: Sequence[DayRecords]) -> Counter[str]:
    """How many decisions of the days stand how."""
    return sum((day.states for day in days), start=Counter())


def success_rate(found: Counter[str]) -> float | None:
    """The share of finished executions that completed or were undone safely; None where none finished."""
    finished = found["completed"] + found["compensated"] + found["failed"]
    return (finished - found["failed"]) / finished if finished else None


def span_words(first: date, last: date) -> str:
    """Return `25 a 31 de outubro de 2026`; month and year are said once where they are the same."""
    if first == last:
        return date_long(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{_ordinal(first)} a {date_long(last)}"
    pattern = "d 'de' MMMM" if first.year == last.year else "d 'de' MMMM 'de' y"
    text = str(format_date(first, pattern, locale=LOCALE))
    return f"{text.replace('1', '1º', 1) if first.day == 1 else text} a {date_long(last)}"


def month_words(day: date) -> str:
    """Return `outubro de 2026`."""
    return str(format_date(day, "MMMM 'de' y", locale=LOCALE))


def weekday_words(day: date) -> str:
    """Return `seg., 26/10`."""
    return str(format_date(day, "EEE, dd/MM", locale=LOCALE))


def _ordinal(day: date) -> str:
    return "1º" if day.day == 1 else str(day.day)


def change(now: Number | None, before: Number | None, *, is_share: bool = False) -> str:
    """Return how a figure changed: `+12,3%`, `-1,0 p.p.` of a share, an en dash where there is nothing to compare with."""
    if now is None or before is None or is_missing(now) or is_missing(before):
        return MISSING
    if is_share:
        return percentage_points(float(now) - float(before))
    return signed_percent((float(now) - float(before)) / abs(float(before))) if before else MISSING


def compared(label: str, now: Number | None, before: Number | None, unit: str) -> tuple[str, str, str, str]:
    """Return a row of a table of figures: this span, the span before, the change. `unit` is count, brl or percent."""
    shown: Callable[[Number | None], str] = {"count": number, "brl": brl, "percent": percent}[unit]  # type: ignore[assignment]
    return (label, shown(now), shown(before), change(now, before, is_share=unit == "percent"))


def timestamp_words(text: str) -> str:
    """Return `22/11/2026 às 19:12` of an ISO time, in São Paulo's time; a text that is none stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    local = moment.astimezone(ZoneInfo("America/Sao_Paulo")) if moment.tzinfo else moment
    return str(format_datetime(local, "dd/MM/yyyy 'às' HH:mm", locale=LOCALE))
