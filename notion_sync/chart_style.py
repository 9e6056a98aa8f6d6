"""The one look of every chart: size, colours, type, and a canvas that is drawn without matplotlib's global state.

Kinds of chart stay out: they are in `charts`.
"""

from __future__ import annotations

import io
from typing import Any

INK, MUTED, GRID = "#1B2733", "#66727F", "#E4E8EC"
ACCENT, BAND, ALARM = "#1F6FB2", "#D3E4F3", "#C8452B"
SERIES = (ACCENT, "#E0A13A", "#2F8F6B", "#7A5BA6")
TEXT = 12.5
_TITLE = 17
_DPI = 120
_WIDTH = 10.0  # inches; × 120 dpi = 1,200 pixels
_FAMILY = "DejaVu Sans"  # ships inside matplotlib, so every machine draws the same letters


class Canvas:
    """A titled figure with one plotting area, ready for a chart.

    Attributes:
        axes: the matplotlib axes to draw on.
    """

    def __init__(self, title: str, *, subtitle: str = "", rows: int | None = None, has_legend: bool = False) -> None:
        """Prepare the figure; `rows` horizontal bars set its height, otherwise it is 4.6 inches."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        top = 0.75 + (0.28 if subtitle else 0.0) + (0.42 if has_legend else 0.0)
        height = 4.6 if rows is None else top + 0.25 + 0.46 * max(rows, 1)
        self._figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(self._figure)
        bottom = 0.62 if rows is None else 0.15
        left = 0.9 if rows is None else 3.1
        area = (left / _WIDTH, bottom / height, (_WIDTH - left - 0.35) / _WIDTH, (height - top - bottom) / height)
        self.axes: Any = self._figure.add_axes(area)
        self._margin = 0.35 / _WIDTH
        self._legend_at = (height - top + 0.42) / height
        self._text(title, 1 - 0.25 / height, size=_TITLE, weight="bold", color=INK)
        if subtitle:
            self._text(subtitle[:1].upper() + subtitle[1:], 1 - 0.62 / height, size=TEXT, weight="normal", color=MUTED)
        self._dress()

    def _text(self, text: str, height: float, **look: Any) -> None:
        self._figure.text(self._margin, height, literal(text), ha="left", va="top", family=_FAMILY, **look)

    def _dress(self) -> None:
        for side in ("top", "right", "left"):
            self.axes.spines[side].set_visible(False)
        for side in ("bottom", "left"):
            self.axes.spines[side].set_color("#B8C0C8")
        self.axes.grid(visible=True, axis="y", color=GRID, linewidth=1)
        self.axes.set_axisbelow(True)
        self.axes.tick_params(length=0, pad=8, labelsize=TEXT, labelcolor=INK, labelfontfamily=_FAMILY)

    def legend(self, columns: int) -> None:
        """Place the legend between the title and the plot, in one line."""
        self.axes.legend(
            loc="upper left", bbox_to_anchor=(self._margin, self._legend_at), bbox_transform=self._figure.transFigure,
            ncols=columns, frameon=False, labelcolor=INK, borderpad=0, borderaxespad=0, handlelength=1.4,
            columnspacing=1.8, prop={"family": _FAMILY, "size": TEXT},
        )  # fmt: skip

    def png(self) -> bytes:
        """Return the figure as PNG bytes without metadata, so that equal figures are equal bytes."""
        buffer = io.BytesIO()
        self._figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        return buffer.getvalue()


def literal(text: str) -> str:
    """Return `text` so that matplotlib does not read `R$ … R$` as a formula."""
    return text.replace("$", r"\$")
