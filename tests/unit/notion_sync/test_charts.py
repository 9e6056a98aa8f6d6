"""Charts as PNG bytes."""

import struct
from datetime import date, datetime

import pytest

from notion_sync.charts import BarChart, Chart, CostChart, ForecastChart, TimelineChart, draw

DAYS = (date(2018, 5, 30), date(2018, 5, 31))
NEXT = (date(2018, 6, 1), date(2018, 6, 2))
CHARTS: list[Chart] = [
    BarChart("acoes", "Decisões por ação", ("Preço de R$ 5 a R$ 9", "Outra"), (3.0, 2.0), "brl"),
    BarChart("muitas", "Muitas barras", tuple(f"b{i}" for i in range(30)), tuple(float(i) for i in range(30))),
    ForecastChart("demanda", "Demanda", DAYS, (3.0, 4.0), NEXT, (2.0, 2.0), (3.0, 4.0), (5.0, 6.0), "unidades por dia"),
    ForecastChart("sem-passado", "Demanda", (), (), NEXT, (2.0, 2.0), (3.0, 4.0), (5.0, 6.0)),
    TimelineChart("alarme", "Índice", (datetime(2018, 5, 31), datetime(2018, 5, 31, 12)), (0.2, 0.9), 0.5),  # noqa: DTZ001
    TimelineChart("calmo", "Índice", (datetime(2018, 5, 30), datetime(2018, 6, 30)), (0.2, 0.3), 0.5),  # noqa: DTZ001
    CostChart("custos", "Custo", ("Varejo",), (("Processamento", (1.0,)), ("Ações", (2.0,)))),
]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_the_same_png_every_time_and_1200_pixels_wide(chart: Chart) -> None:
    image = draw(chart)
    assert image == draw(chart)
    assert image.startswith(b"\x89PNG")
    assert struct.unpack(">I", image[16:20]) == (1200,)
    assert b"matplotlib" not in image


def test_a_cost_chart_with_more_parts_than_colours_is_refused() -> None:
    parts = tuple((f"p{i}", (1.0,)) for i in range(5))
    with pytest.raises(ValueError, match="4 parts apart, not 5"):
        draw(CostChart("c", "Custo", ("a",), parts))
