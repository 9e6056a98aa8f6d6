"""Records become Arrow rows without losing a value, whatever type it was declared to have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from eco_assets.aurion.connectors import arrows
from eco_assets.aurion.connectors.arrows import Rows, arrow_type, schema_of, table_of, united

DECLARED = schema_of(
    {
        "properties": {
            "id": {"type": "integer"},
            "amount": {"type": ["null", "number"]},
            "is_open": {"type": "boolean"},
            "at": {"type": "string", "format": "date-time"},
            "local": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
            "day": {"type": ["string", "null"], "format": "date"},
            "tags": {"type": "array"},
            "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        }
    }
)


def test_types_come_from_the_json_schema() -> None:
    utc, local = pa.timestamp("us", tz="UTC"), pa.timestamp("us")
    types = [pa.int64(), pa.float64(), pa.bool_(), utc, local, pa.date32(), pa.string(), pa.int64()]
    assert list(DECLARED.types) == types
    assert arrow_type({"type": ["string", "integer"]}) == pa.string()
    assert arrow_type(True) == pa.string()


def test_values_arrive_in_their_types() -> None:
    record = {"id": 1, "amount": 2, "is_open": True, "at": "2026-01-02T03:04:05-03:00", "local": "2026-01-02T03:04:05", "day": "2026-01-02"}
    [row] = table_of([{**record, "tags": ["é", 1]}], DECLARED).to_pylist()
    assert (row["amount"], row["tags"], row["day"]) == (2.0, '["é", 1]', date(2026, 1, 2))
    assert row["at"] == datetime(2026, 1, 2, 6, 4, 5, tzinfo=UTC)
    assert row["local"] == datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 -- local time has no zone


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("id", [1, "12a"], ["1", "12a"]),
        ("id", [1, 2.5], ["1", "2.5"]),
        ("id", [2**70], [str(2**70)]),
        ("amount", [1.5, "n/a"], ["1.5", "n/a"]),
        ("is_open", [True, "maybe"], ["true", "maybe"]),
        ("at", ["2026-01-01T00:00:00Z", "soon"], ["2026-01-01T00:00:00Z", "soon"]),
        ("at", [1767225600], ["1767225600"]),
        ("day", ["01/02/2026", None], ["01/02/2026", None]),
    ],
)
def test_a_value_of_another_type_turns_its_column_into_text(column: str, values: list[Any], expected: list[Any]) -> None:
    assert table_of([{column: value} for value in values], DECLARED)[column].to_pylist() == expected


def test_columns_that_were_not_declared_are_kept() -> None:
    table = table_of([{"id": 1}, {"id": 2, "new": {"a": 1}, "empty": None}], DECLARED)
    assert table["new"].to_pylist() == [None, '{"a": 1}']
    assert table.schema.field("empty").type == pa.string()


def test_chunks_of_different_types_and_columns_are_united() -> None:
    table = united([table_of([{"id": 1}], DECLARED), table_of([{"id": "x", "new": 5}], DECLARED)])
    assert table["id"].to_pylist() == ["1", "x"]
    assert table["new"].to_pylist() == [None, 5]


def test_many_records_go_through_files_and_come_back_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrows, "CHUNK", 100)
    rows = Rows(DECLARED)
    for number in range(1_050):
        rows.add({"id": number, "note": f"row {number}"})
    assert len(rows) == 1_050
    table = rows.take()
    assert table["id"].to_pylist() == list(range(1_050))
    assert table["note"][1_049].as_py() == "row 1049"
    assert len(rows) == 0
    assert rows.take().num_rows == 0
