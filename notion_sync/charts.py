"""The charts of a report: what each shows, as frozen values, and `draw`, which turns one into PNG bytes.

Here belong the kinds of chart and the bytes. One look for all of them is in `chart_style`; what a chart is about stays in
the report. Equal charts give equal bytes: no clock, no user settings, no state shared between calls.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from notion_sync import chart_style as style
from notion_sync.formatting import brl, compact, measure, measured


@dataclass(frozen=True)
class BarChart:
    """Quantities side by side, the largest on top, at most twelve: the rest is summed as "Outros".

    Attributes:
        name: file name without suffix: ASCII letters, digits and hyphens.
        title: what the reader should see in it.
        labels: one per bar; values: their lengths, in `unit` (see `formatting.measure`).
    """

    name: str
    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str = "count"


@dataclass(frozen=True)
class ForecastChart:
    """What happened and what is expected, with its band.

    Attributes:
        actual_days, actual: the past, one value a day.
        forecast_days, low, middle, high: the forecast; low and high bound the band (p10 and p90).
        unit: what a value counts, in words, on the axis.
    """

    name: str
    title: str
    actual_days: tuple[date, ...]
    actual: tuple[float, ...]
    forecast_days: tuple[date, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    unit: str = ""


@dataclass(frozen=True)
class TimelineChart:
    """A score over time, and where it is an alarm: at `threshold` or above."""

    name: str
    title: str
    times: tuple[datetime, ...]
    scores: tuple[float, ...]
    threshold: float
    unit: str = "índice de anomalia"


@dataclass(frozen=True)
class CostChart:
    """Costs in reais, one stacked bar per label. `parts`: name of the part → one amount per label."""

    name: str
    title: str
    labels: tuple[str, ...]
    parts: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class DayChart:
    """Quantities a day, one stacked column each, in the order of time.

    Attributes:
        days: the columns; parts: name of the part → one value a day; `unit` as `formatting.measure`.
    """

    name: str
    title: str
    days: tuple[date, ...]
    parts: tuple[tuple[str, tuple[float, ...]], ...]
    unit: str = "count"


Chart = BarChart | ForecastChart | TimelineChart | CostChart | DayChart

_MOST_BARS = 12


def draw(chart: Chart) -> bytes:
    """Return `chart` as a PNG, 1,200 pixels wide; equal charts give equal bytes."""
    match chart:
        case BarChart():
            return _bars(chart)
        case ForecastChart():
            return _forecast(chart)
        case TimelineChart():
            return _timeline(chart)
        case CostChart():
            return _costs(chart)
        case DayChart():
            return _days(chart)


def _bars(chart: BarChart) -> bytes:
    bars = sorted(zip(chart.labels, chart.values, strict=True), key=lambda bar: (-bar[1], bar[0]))
    if len(bars) > _MOST_BARS:
        kept = bars[: _MOST_BARS - 1]
        bars = [*kept, ("Outros", sum(value for _, value in bars[_MOST_BARS - 1 :]))]
    canvas = style.Canvas(chart.title, rows=len(bars))
    values = [value for _, value in bars]
    drawn = canvas.axes.barh(range(len(bars)), values, height=0.62, color=style.ACCENT)
    labels = [style.literal(measure(value, chart.unit)) for value in values]
    canvas.axes.bar_label(drawn, labels=labels, padding=6, color=style.INK, fontsize=style.TEXT)
    _name_rows(canvas, [label for label, _ in bars])
    return canvas.png()


def _costs(chart: CostChart) -> bytes:
    canvas = style.Canvas(chart.title, rows=len(chart.labels), has_legend=True)
    left = [0.0] * len(chart.labels)
    if len(chart.parts) > len(style.SERIES):
        raise ValueError(f"a cost chart tells {len(style.SERIES)} parts apart, not {len(chart.parts)}")
    for (name, amounts), color in zip(chart.parts, style.SERIES, strict=False):
        canvas.axes.barh(range(len(left)), amounts, left=left, height=0.62, color=color, label=style.literal(name))
        left = [start + amount for start, amount in zip(left, amounts, strict=True)]
    for row, total in enumerate(left):
        canvas.axes.annotate(
            style.literal(brl(total)), (total, row), (6, 0), textcoords="offset points", va="center", color=style.INK, fontsize=style.TEXT
        )
    _name_rows(canvas, list(chart.labels))
    canvas.legend(columns=len(chart.parts))
    return canvas.png()


def _days(chart: DayChart) -> bytes:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if len(chart.parts) > len(style.SERIES):
        raise ValueError(f"a chart of days tells {len(style.SERIES)} parts apart, not {len(chart.parts)}")
    subtitle = "Reais" if chart.unit == "brl" else ""
    canvas = style.Canvas(chart.title, subtitle=subtitle, has_legend=len(chart.parts) > 1)
    axes, columns = canvas.axes, range(len(chart.days))
    below = [0.0] * len(chart.days)
    for (name, values), color in zip(chart.parts, style.SERIES, strict=False):
        axes.bar(columns, values, bottom=below, width=0.62, color=color, label=style.literal(name))
        below = [start + value for start, value in zip(below, values, strict=True)]
    step = max(1, math.ceil(len(chart.days) / 11))
    axes.set_xticks([*columns][::step], [day.strftime("%d/%m") for day in chart.days[::step]])
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    if len(chart.parts) > 1:
        canvas.legend(columns=len(chart.parts))
    return canvas.png()


def _name_rows(canvas: style.Canvas, labels: list[str]) -> None:
    """Label horizontal bars, the first on top; the figures at their ends stand for the axis."""
    axes = canvas.axes
    axes.set_yticks(range(len(labels)), [style.literal(textwrap.shorten(label, 34, placeholder="…")) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.margins(x=0.2)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(True)


def _forecast(chart: ForecastChart) -> bytes:
    from matplotlib.dates import date2num

    canvas = style.Canvas(chart.title, subtitle=chart.unit, has_legend=True)
    axes = canvas.axes
    past, ahead = date2num(chart.actual_days), date2num(chart.forecast_days)
    axes.fill_between(ahead, chart.low, chart.high, color=style.BAND, linewidth=0, label="Faixa de 80%")
    axes.plot(past, chart.actual, color=style.INK, linewidth=2, label="Realizado")
    axes.plot(ahead, chart.middle, color=style.ACCENT, linewidth=2.4, label="Previsto")
    if len(past) and len(ahead) and ahead[0] > past[-1]:
        axes.plot([past[-1], ahead[0]], [chart.actual[-1], chart.middle[0]], color=style.ACCENT, linewidth=1, linestyle=":")
    axes.set_ylim(bottom=min((0.0, *chart.actual, *chart.low)))
    _days_and_quantities(canvas)
    canvas.legend(columns=3)
    return canvas.png()


def _timeline(chart: TimelineChart) -> bytes:
    from matplotlib.dates import date2num

    canvas = style.Canvas(chart.title, subtitle=chart.unit, has_legend=True)
    axes = canvas.axes
    times = date2num(chart.times)
    alarms = [(time, score) for time, score in zip(times, chart.scores, strict=True) if score >= chart.threshold]
    axes.plot(times, chart.scores, color=style.ACCENT, linewidth=1.8, label="Índice")
    axes.axhline(chart.threshold, color=style.ALARM, linewidth=1.2, linestyle=(0, (5, 4)), label="Limite de alarme")
    if alarms:
        axes.plot(*zip(*alarms, strict=True), "o", color=style.ALARM, markersize=6, label=f"Alarmes ({len(alarms)})")
    axes.set_ylim(0, max((1.0, *chart.scores, chart.threshold)) * 1.04)
    _days_and_quantities(canvas, measured)
    canvas.legend(columns=3)
    return canvas.png()


def _days_and_quantities(canvas: style.Canvas, shown: Any = compact) -> None:
    from matplotlib.dates import AutoDateLocator, num2date
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes = canvas.axes
    low, high = axes.get_xlim()
    pattern = "%d/%m" if high - low > 3 else "%d/%m\n%Hh"
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=4, maxticks=9))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: num2date(value).strftime(pattern)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))
    axes.margins(x=0.01)
