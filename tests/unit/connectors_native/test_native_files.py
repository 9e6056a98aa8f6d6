"""The filesystem connector: conformance on a folder of gzipped CSV and on an object store of Parquet; files that grow."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance import SECRET, WRONG_SECRET, Credentials, Incremental, Row, Subject, Unreachable
from fake_s3 import FakeS3
from native_servers import free_port

from eco_assets.aurion.connectors.files import FilesConnector
from eco_assets.errors import ConfigError, SourceRefused

CONNECTOR = FilesConnector()
ENDINGS = {"csv": "csv.gz", "jsonl": "jsonl", "parquet": "parquet"}


def content(rows: Sequence[Row], kind: str) -> bytes:
    """Rows as a file of one format."""
    flat = [{**row, "updated_at": row["updated_at"].isoformat()} for row in rows]
    if kind == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(flat), sink)
        return bytes(sink.getvalue())
    if kind == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in flat).encode()
    lines = [",".join(flat[0]), *(",".join(map(str, row.values())) for row in flat)]
    return gzip.compress(("\n".join(lines) + "\n").encode())


class FolderSubject(Subject):
    """A folder of files of one format, 20 rows each."""

    factory = "eco_assets.aurion.connectors.files:FilesConnector"
    cursor = "_file_modified"
    has_secret = False

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__()
        self.folder, self.kind, self.count = folder, kind, 0

    def config(self) -> dict[str, Any]:
        return {"url": str(self.folder), "settle_s": 0, "streams": {"items": {"glob": f"*.{ENDINGS[self.kind]}", "key": ["id"]}}}

    def write(self, rows: Sequence[Row]) -> None:
        for at in range(0, len(rows), 20):
            self.count += 1
            self.save(f"{self.count:03}.{ENDINGS[self.kind]}", content(rows[at : at + 20], self.kind))

    def save(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)


class S3Subject(FolderSubject):
    """A bucket."""

    has_secret = True

    def __init__(self, store: FakeS3) -> None:
        super().__init__(Path("lake"), "parquet")
        self.store = store
        store.put("data/.keep", b"")

    def config(self) -> dict[str, Any]:
        client = {"endpoint_url": self.store.url, "client_kwargs": {"region_name": "us-east-1"}}
        quick = {"config_kwargs": {"retries": {"max_attempts": 1}, "connect_timeout": 2}}
        own = super().config()
        return {
            **own,
            "url": "s3://lake/data",
            "options": {**client, **quick},
            "secret_options": {"key": self.store.access_key, "secret": SECRET},
        }

    def wrong_config(self) -> dict[str, Any]:
        return {**self.config(), "secret_options": {"key": "AKIAWRONG", "secret": WRONG_SECRET}}

    def unreachable_config(self) -> dict[str, Any]:
        own = self.config()
        return {**own, "options": {**own["options"], "endpoint_url": f"http://127.0.0.1:{free_port()}"}}

    def save(self, name: str, data: bytes) -> None:
        self.store.put(f"data/{name}", data)


class TestCsv(Incremental):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        return _folder(tmp_path, "csv")


class TestS3(Incremental, Credentials, Unreachable):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with FakeS3() as store:
            yield S3Subject(store)


def _folder(tmp_path: Path, kind: str) -> Subject:
    folder = tmp_path / "files"
    folder.mkdir()
    return FolderSubject(folder, kind)


def read(folder: Path, state: dict[str, Any] | None = None, **more: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All rows of the stream `all` and the state after them."""
    stream = {"glob": "**", **more.pop("stream", {})}
    config = {"url": str(folder), "settle_s": 0, "streams": {"all": stream}, **more}
    streams = CONNECTOR.discover(config)
    rows, last = [], dict(state or {})
    for batch in CONNECTOR.read(config, streams, last):
        rows += batch.rows.to_pylist()
        last = json.loads(json.dumps(batch.state))
    return rows, last


def test_a_file_that_is_moved_in_with_an_older_time_is_read(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id\n1\n")
    _, state = read(tmp_path)
    (tmp_path / "a.csv").write_text("id\n2\n")
    os.utime(tmp_path / "a.csv", (1_000_000_000, 1_000_000_000))
    rows, state = read(tmp_path, state)
    assert [row["id"] for row in rows] == ["2"]
    (tmp_path / "b.csv").write_text("id\n1\n3\n")
    rows, state = read(tmp_path, state)
    assert [row["id"] for row in rows] == ["1", "3"], "a changed file is read whole"
    assert read(tmp_path, state)[0] == []


def test_a_file_that_was_written_a_moment_ago_is_left_for_the_next_reading(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    rows, state = read(tmp_path, settle_s=0.6)
    assert rows == []
    time.sleep(0.7)
    assert len(read(tmp_path, state, settle_s=0.6)[0]) == 1


def test_a_file_that_grows_while_it_is_read_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.local import LocalFileSystem

    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    opened = LocalFileSystem.open

    def open_and_grow(self: Any, name: str, *args: Any, **options: Any) -> Any:
        source = opened(self, name, *args, **options)
        with path.open("a") as writer:  # another process writes on, at the worst moment
            writer.write("2\n")
        return source

    monkeypatch.setattr(LocalFileSystem, "open", open_and_grow)
    rows, state = read(tmp_path)
    assert rows == [] and state == {}
    monkeypatch.setattr(LocalFileSystem, "open", opened)
    assert len(read(tmp_path, state)[0]) == 3, "two lines by the test above: discovery and reading each opened it"


def test_unfinished_and_hidden_files_are_none(tmp_path: Path) -> None:
    for name in (".a.csv", "_b.csv", "c.csv.tmp", "d.csv.part", "e.csv"):
        (tmp_path / name).write_text(f"id\n{name}\n")
    assert [row["id"] for row in read(tmp_path)[0]] == ["e.csv"]


def test_a_large_file_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(f'{{"id": {n}}}\n' for n in range(95)))
    config = {"url": str(tmp_path), "settle_s": 0, "batch_rows": 20, "streams": {"all": {"glob": "*", "fields": {"id": "bigint"}}}}
    streams = CONNECTOR.discover(config)
    batches = list(CONNECTOR.read(config, streams, {}))
    for cut in range(len(batches)):
        taken = [row["id"] for batch in batches[: cut + 1] for row in batch.rows.to_pylist()]
        rest = [row["id"] for batch in CONNECTOR.read(config, streams, batches[cut].state) for row in batch.rows.to_pylist()]
        assert taken + rest == list(range(95))


def test_values_are_exact(tmp_path: Path) -> None:
    fields = {"id": "text", "price": "decimal(20,4)", "at": "timestamptz", "day": "date"}
    (tmp_path / "a.csv").write_text('id,price,at,day,note\n007,0.1000,2026-03-01T10:00:00-03:00,2026-03-01,"a\n,b"\n008,,,,""\n')
    rows, _ = read(tmp_path, stream={"fields": fields})
    assert rows[0]["id"] == "007"
    assert rows[0]["price"] == Decimal("0.1000")
    assert (rows[0]["at"], rows[0]["day"]) == (dt.datetime(2026, 3, 1, 13, tzinfo=dt.UTC), dt.date(2026, 3, 1))
    assert (rows[0]["note"], rows[1]["note"], rows[1]["price"]) == ("a\n,b", "", None)
    (tmp_path / "a.csv").write_text("id,price,day\n1,1.23456,2026-02-30\n")
    rows, _ = read(tmp_path, stream={"fields": fields})
    assert (rows[0]["price"], rows[0]["day"]) == ("1.23456", "2026-02-30"), "what does not fit is text, not rounded"


def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id\n" + b"1\n" * 5000)[:-12])
    (tmp_path / "b.jsonl").write_text('{"id": "1"}\n{"id": \n')
    (tmp_path / "c.csv").write_text("id,name\n1,x\n2\n")
    (tmp_path / "d.csv").write_text("id\n9\n")
    config = {"url": str(tmp_path), "settle_s": 0, "streams": {"all": {"glob": "*"}}}
    rows: list[Any] = []
    with pytest.raises(SourceRefused) as told:
        for batch in CONNECTOR.read(config, CONNECTOR.discover({**config, "streams": {"all": {"glob": "d.csv"}}}), {}):
            rows += batch.rows.to_pylist()
    assert {"a.csv.gz", "b.jsonl, line 2", "c.csv"} <= {
        name for name in ("a.csv.gz", "b.jsonl, line 2", "c.csv") if name in str(told.value)
    }
    assert [row["id"] for row in rows if row["id"] == "9"] == ["9"]


def test_a_folder_that_is_not_there_is_refused_and_a_wrong_address_named(tmp_path: Path) -> None:
    streams = {"all": {"glob": "*"}}
    with pytest.raises(SourceRefused, match="no folder"):
        CONNECTOR.check({"url": str(tmp_path / "none"), "streams": streams})
    with pytest.raises(ConfigError, match="url"):
        CONNECTOR.check({"url": "nowhere://x", "streams": streams})
    with pytest.raises(ConfigError, match="glob"):
        CONNECTOR.check({"url": str(tmp_path), "streams": {"all": {}}})
