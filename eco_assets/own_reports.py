"""Reports that a user adds: one YAML file each under `eco_assets/reports/<agent>/`, with a query a section.

    title: Cupons do dia
    description: Coupons of the day, for the retail team.
    sections:
      - heading: Por loja
        text: Quanto cada loja usou.
        query: SELECT seller_id AS "Loja", sum(amount_brl) AS "Valor" FROM marts.mart_varejo__coupons WHERE as_of = $as_of GROUP BY 1
        chart: bars

What a section shows is its query's rows, the columns' names as the header; `chart: bars` draws the first column against the second.
Personal and confidential values are masked as on every page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.errors import ConfigError, PermanentError
from eco_assets.settings import AGENTS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from notion_sync.documents.tree import Block
    from notion_sync.records import Rendered

FOLDER = Path(__file__).parent / "reports"
MOST_ROWS = 100


class Section(BaseModel):
    """A heading, words, and the rows of a query. The query may use `$as_of`, the business day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heading: str = Field(min_length=1)
    text: str = ""
    query: str = Field(min_length=1)
    chart: Literal["bars", "none"] = "none"


class Report(BaseModel):
    """One file: a page a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    sections: tuple[Section, ...] = Field(min_length=1)


@dataclass(frozen=True)
class OwnReport:
    """A report with where it comes from: `agent` and `name` are its folder's and its file's."""

    agent: str
    name: str
    path: Path
    content: Report


def read_reports(folder: Path = FOLDER) -> Iterator[OwnReport]:
    """All reports, by agent and name.

    Raises:
        ConfigError: a file is malformed, or lies in no agent's folder; names it and says what is wrong.
    """
    import yaml

    for path in sorted(folder.glob("*/*.yaml")):
        agent = path.parent.name
        if agent not in AGENTS:
            raise ConfigError(f"{path}: no agent {agent!r}; move it to a folder of {', '.join(AGENTS)}")
        try:
            content = Report.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (yaml.YAMLError, ValidationError) as error:
            raise ConfigError(f"{path}: {error}") from error
        yield OwnReport(agent, path.stem, path, content)


def page(report: OwnReport, db: DuckDBPyConnection, as_of: date) -> Rendered:
    """The report's page of a day.

    Raises:
        PermanentError: a query fails; names the section and says why.
    """
    from notion_sync.charts import draw
    from notion_sync.documents.tree import Document, Heading, Image, Paragraph, Property
    from notion_sync.records import Rendered

    blocks: list[Block] = []
    images: dict[str, bytes] = {}
    for number, section in enumerate(report.content.sections, start=1):
        blocks.append(Heading(2, section.heading))
        if section.text:
            blocks.append(Paragraph(section.text))
        names, rows = _rows(report, section, db, as_of)
        if section.chart == "bars" and rows:
            image = f"{report.agent}-{report.name}-{number}.png"
            images[image] = draw(_bars(section, names, rows))
            blocks.append(Image(image, section.heading))
        blocks += _table(names, rows)
    properties: dict[str, Property] = {"tipo": "relatorio", "agente": report.agent, "data": as_of}
    path = f"relatorios/{as_of.isoformat()}/{report.agent}-{report.name}.md"
    return Rendered(path, Document(report.content.title, properties, tuple(blocks)), images)


def _rows(report: OwnReport, section: Section, db: DuckDBPyConnection, as_of: date) -> tuple[list[str], list[tuple[Any, ...]]]:
    import duckdb

    try:
        found = db.execute(section.query, {"as_of": as_of} if "$as_of" in section.query else {})
        return [str(column[0]) for column in found.description or ()], found.fetchmany(MOST_ROWS + 1)
    except duckdb.Error as error:
        raise PermanentError(f"{report.path.name}, section {section.heading!r}: {error}") from error


def _table(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[Block]:
    from notion_sync.documents.tree import Paragraph, Table

    if not rows:
        return [Paragraph("Sem dados neste dia.")]
    right = frozenset(index for index, value in enumerate(rows[0]) if _is_number(value))
    shown = tuple(tuple(map(_shown, row, names)) for row in rows[:MOST_ROWS])
    more: list[Block] = [Paragraph(f"Só as primeiras {MOST_ROWS} linhas.")] if len(rows) > MOST_ROWS else []
    return [Table(tuple(names), shown, right=right), *more]


def _bars(section: Section, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Any:
    from notion_sync.charts import BarChart

    if len(names) < 2 or not all(_is_number(row[1]) for row in rows):
        raise PermanentError(f"section {section.heading!r}: `chart: bars` needs a name and a number as its first two columns")
    return BarChart("own", section.heading, tuple(_shown(row[0], names[0]) for row in rows), tuple(float(row[1]) for row in rows))


def _shown(value: Any, column: str) -> str:
    from notion_sync.formatting import date_short, measured
    from notion_sync.privacy import HIDDEN, is_free_text, shown_text

    if value is None:
        return "–"
    if isinstance(value, bool):
        return "sim" if value else "não"
    if _is_number(value):
        return measured(float(value))
    if isinstance(value, date):
        return date_short(value)
    return HIDDEN if is_free_text(column, value) else shown_text(str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
