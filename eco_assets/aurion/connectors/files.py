"""The filesystem connector: CSV, JSON lines and Parquet files of a folder or of any fsspec address (s3://, gs://, sftp://...).

A file is known by its path, size and etag (or time of change): a new or changed file is read whole, a known one is not opened. It is first
copied aside and looked at again: one that changed meanwhile, or a moment ago (`settle_s`), is still being written and is left for the next
reading. dlt's filesystem source was left out: it goes by time of change only, so a file that is moved in with an older time is never read,
and it reads files in place while they grow.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa

from eco_assets.aurion.connectors.files_formats import FORMATS, columns_of, format_of, tables_of
from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.aurion.connectors.rows import arrow_type, moment
from eco_assets.aurion.connectors.scrub import scrubber
from eco_assets.aurion.connectors.validation import validate
from eco_assets.errors import ConfigError, EcoError, SourceRefused, SourceUnavailable

MODIFIED = "_file_modified"  # the cursor: when the row's file changed
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modifiedTime", "created")  # where implementations of fsspec keep it
_ETAGS = ("ETag", "etag", "md5Hash")
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
_STREAM: Mapping[str, Any] = {
    "type": "object",
    "required": ["glob"],
    "additionalProperties": False,
    "properties": {
        "glob": {"type": "string", "description": "below `url`, such as orders/*.csv.gz or **/orders-*.parquet"},
        "format": {"enum": [*FORMATS], "description": "by the files' ending where it is not given"},
        "key": {"type": "array", "items": {"type": "string"}},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}, "description": "column: type word; others come as text"},
        "delimiter": {"type": "string", "default": ","},
        "encoding": {"type": "string", "default": "utf-8"},
        "null_strings": {"type": "array", "items": {"type": "string"}, "default": [""]},
    },
}
_SECRETS = ("key", "secret", "token", "username", "password", "account_key", "sas_token", "connection_string", "client_secret")
_SECRET: Mapping[str, Any] = {"type": "string", "writeOnly": True}
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["url", "streams"],
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string", "description": "a folder, or an fsspec address such as s3://bucket/folder"},
        "options": {"type": "object", "description": "fsspec's options of the address, such as endpoint_url or anon"},
        "secret_options": {"type": "object", "additionalProperties": False, "properties": dict.fromkeys(_SECRETS, _SECRET)},
        "settle_s": {
            "type": "number",
            "minimum": 0,
            "default": 5,
            "description": "a file that changed later than this is left for next time",
        },
        "batch_rows": {"type": "integer", "minimum": 1, "default": 50_000},
        "streams": {"type": "object", "additionalProperties": dict(_STREAM)},
    },
}


@dataclass(frozen=True)
class _File:
    path: str
    name: str  # below the root, as it is in the state
    size: int
    modified: dt.datetime
    mark: str  # what changes when the file does


class FilesConnector:
    """Files as streams, one glob a stream."""

    def spec(self) -> Spec:
        """The configuration that it takes."""
        return Spec(_SCHEMA)

    def check(self, config: Config) -> None:
        """See whether the folder is there and may be listed."""
        validate(config, self.spec())
        with _opened(self, config) as folder:
            folder.must_be_there()

    def discover(self, config: Config) -> Sequence[Stream]:
        """The configured streams; columns are those of the newest file."""
        self.check(config)
        with _opened(self, config) as folder:
            return [self._stream(folder, name, options) for name, options in config["streams"].items()]

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Generator[Batch]:
        """Rows of files that are new or changed. A file that cannot be read is told after all others were."""
        validate(config, self.spec())
        state, broken = dict(state), list[str]()
        with _opened(self, config) as folder:
            folder.must_be_there()
            for stream in streams:
                options = config["streams"].get(stream.name)
                if options is None:
                    raise SourceRefused(
                        f"there is no stream `{stream.name}` in the configuration; there are {', '.join(config['streams'])}"
                    )
                for file in folder.files(options["glob"]):
                    try:
                        for batch in _rows(folder, stream.name, options, file, state):
                            state = batch.state
                            yield batch
                    except SourceRefused as error:
                        broken.append(str(error))
        if broken:
            raise SourceRefused("; ".join(broken[:3]) + (f" and {len(broken) - 3} more files" if len(broken) > 3 else ""))

    def _stream(self, folder: _Folder, name: str, options: Mapping[str, Any]) -> Stream:
        declared = {column: arrow_type(word) for column, word in options.get("fields", {}).items()}
        newest = max(folder.files(options["glob"]), key=lambda file: file.modified, default=None)
        found = dict(declared)
        if newest is not None:
            with folder.copied(newest) as copy:
                found |= columns_of(copy, format_of(newest.name, options), options) if copy else {}
        schema = pa.schema(
            [*((column, declared.get(column, kind)) for column, kind in found.items()), (MODIFIED, pa.timestamp("us", "UTC"))]
        )
        return Stream(name, schema, tuple(options.get("key", ())), MODIFIED)


class _Folder:
    def __init__(self, filesystem: Any, root: str, config: Config) -> None:
        self.filesystem, self.root, self.config = filesystem, root.rstrip("/"), config
        self.batch_rows = int(config.get("batch_rows", 50_000))

    def must_be_there(self) -> None:
        if not self.filesystem.isdir(self.root or "/"):
            raise SourceRefused(f"there is no folder {self.root}, or we may not list it")

    def files(self, glob: str) -> list[_File]:
        """Files of a glob, oldest first. Hidden ones and those with an ending of unfinished downloads are none."""
        self.filesystem.invalidate_cache()
        listed = self.filesystem.glob(f"{self.root}/{glob}", detail=True)
        found = [self._file(path, info) for path, info in listed.items() if info.get("type") != "directory"]
        chosen = [f for f in found if not f.name.rpartition("/")[2].startswith((".", "_")) and not f.name.endswith(_UNFINISHED)]
        return sorted(chosen, key=lambda file: (file.modified, file.name))

    def _file(self, path: str, info: Mapping[str, Any]) -> _File:
        told = next((info[name] for name in _TIMES if info.get(name) is not None), None)
        mark = next((info[name] for name in _ETAGS if info.get(name)), told)
        size = int(info.get("size") or 0)
        return _File(path, path.removeprefix(self.root).lstrip("/"), size, _moment(told), f"{size}:{mark}")

    @contextmanager
    def copied(self, file: _File) -> Iterator[IO[bytes] | None]:
        """A copy of the file; None where the file is still being written."""
        age_s = (dt.datetime.now(dt.UTC) - file.modified).total_seconds()
        with tempfile.TemporaryFile() as copy:
            if age_s < self.config.get("settle_s", 5):
                yield None
                return
            with self.filesystem.open(file.path, "rb") as source:
                while chunk := source.read(1 << 20):
                    copy.write(chunk)
            self.filesystem.invalidate_cache()
            is_same = self._file(file.path, self.filesystem.info(file.path)).mark == file.mark and copy.tell() == file.size
            copy.seek(0)
            yield copy if is_same else None


def _moment(told: Any) -> dt.datetime:
    """A time of change as implementations of fsspec tell it: seconds, a datetime or ISO 8601. The epoch where none is told."""
    if isinstance(told, int | float):
        return dt.datetime.fromtimestamp(told, dt.UTC)
    return dt.datetime.fromtimestamp(0, dt.UTC) if told is None else moment(told, naive="utc")


def _rows(folder: _Folder, name: str, options: Mapping[str, Any], file: _File, state: State) -> Iterator[Batch]:
    entry = state.get(name) or {}
    done = entry.get("files", {})
    if done.get(file.name) == file.mark:
        return
    under_way = entry.get("under_way") or {}
    taken = under_way["rows"] if (under_way.get("file"), under_way.get("mark")) == (file.name, file.mark) else 0
    with folder.copied(file) as copy:
        if copy is None:
            return
        reached = 0
        for rows in tables_of(copy, file.name, format_of(file.name, options), options, folder.batch_rows):
            reached += rows.num_rows
            fresh = rows.slice(max(0, taken - (reached - rows.num_rows)))
            if fresh.num_rows:
                at = {"file": file.name, "mark": file.mark, "rows": reached}
                yield _batch(folder, name, file, fresh, {**state, name: {"files": done, "under_way": at}})
        finished = {**state, name: {"files": {**done, file.name: file.mark}, "under_way": None}}
        yield _batch(folder, name, file, None, finished)


def _batch(folder: _Folder, name: str, file: _File, rows: pa.Table | None, state: State) -> Batch:
    changed = file.modified.isoformat()
    if rows is None:
        rows = pa.schema([(MODIFIED, pa.timestamp("us", "UTC"))]).empty_table()
    else:
        rows = rows.append_column(MODIFIED, pa.array([file.modified] * rows.num_rows, pa.timestamp("us", "UTC")))
    return Batch(name, rows, state, f"{folder.root}/{file.name}", changed, changed, {"file": file.name, "bytes": file.size})


@contextmanager
def _opened(connector: FilesConnector, config: Config) -> Iterator[_Folder]:
    """The folder; what goes wrong with it as errors of ours, without a secret."""
    import fsspec  # type: ignore[import-untyped]

    scrub = scrubber(connector.spec(), config)
    try:
        filesystem, root = fsspec.core.url_to_fs(config["url"], **config.get("options", {}), **config.get("secret_options", {}))
    except (ValueError, ImportError, TypeError) as error:
        raise ConfigError(f"`url` or `options`: {scrub(str(error)[:200])}") from None
    try:
        yield _Folder(filesystem, root, config)
    except EcoError:
        raise
    except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError) as error:
        raise SourceRefused(f"{scrub(config['url'])}: {scrub(str(error)[:200])}") from None
    except Exception as error:  # noqa: BLE001 -- filesystems raise what their libraries do
        raise SourceUnavailable(f"{scrub(config['url'])}: {scrub(str(error)[:200])}; try again later") from None
