"""The catalogue as one SQLite file with full-text search (FTS5): accents and case do not matter, a word finds what begins with it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.catalog import words
from eco_assets.errors import NotFound

if TYPE_CHECKING:
    from eco_assets.catalog.datasets import Dataset

_SCHEMA = """
CREATE TABLE datasets (name TEXT PRIMARY KEY, position INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE words USING fts5(name, description, columns, people, readers, tokenize = "unicode61 remove_diacritics 2");
"""
_WEIGHTS = "10.0, 4.0, 3.0, 2.0, 1.0"  # a name says more than a reader's name


class Index:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, home: Path) -> Index:
        """The search of a home's catalogue."""
        return cls(home / "catalog.db")

    def write(self, datasets: Iterable[Dataset]) -> None:
        """Make the index anew; readers see the old file or the new one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        with _open(draft) as db:
            db.executescript(_SCHEMA)
            for position, dataset in enumerate(datasets):
                body = json.dumps({**asdict(dataset), **_derived(dataset)}, ensure_ascii=False, sort_keys=True)
                db.execute("INSERT INTO datasets VALUES (?, ?, ?)", (dataset.name, position, body))
                db.execute(
                    "INSERT INTO words (rowid, name, description, columns, people, readers) VALUES (?, ?, ?, ?, ?, ?)",
                    (position, *_texts(dataset)),
                )
        draft.replace(self._path)

    def everything(self) -> list[dict[str, Any]]:
        """Every dataset, by layer and name."""
        with self._read() as db:
            return [json.loads(body) for (body,) in db.execute("SELECT body FROM datasets ORDER BY position")]

    def get(self, name: str) -> dict[str, Any]:
        """One dataset, by its name or by its last part where only one has it.

        Raises:
            NotFound: no dataset or several are called that; names the near ones.
        """
        with self._read() as db:
            query = "SELECT name, body FROM datasets WHERE name = ?1 OR name LIKE '%.' || ?1 ORDER BY name <> ?1, position"
            found = db.execute(query, (name,)).fetchall()
        if found and (found[0][0] == name or len(found) == 1):
            return dict(json.loads(found[0][1]))
        near = [row[0] for row in found] or [dataset["name"] for dataset in self.search(name)[:5]]
        raise NotFound(f"no dataset {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "; `eco catalog list` names all"))

    def search(self, text: str) -> list[dict[str, Any]]:
        """Datasets in which every word begins some word, the best first."""
        terms = " ".join('"' + word.replace('"', '""') + '"*' for word in text.split())
        if not terms:
            return []
        query = f"""SELECT body FROM words JOIN datasets ON datasets.position = words.rowid
                    WHERE words MATCH ? ORDER BY bm25(words, {_WEIGHTS}), position"""
        with self._read() as db:
            return [json.loads(body) for (body,) in db.execute(query, (terms,))]

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            raise NotFound("there is no catalogue yet: `eco catalog build` makes it, and so does every main run")
        with _open(self._path) as db:
            yield db


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path)
    try:
        with db:
            yield db
    finally:
        db.close()


def _derived(dataset: Dataset) -> dict[str, Any]:
    return {"classification": dataset.classification, "has_personal_data": dataset.has_personal_data}


def _texts(dataset: Dataset) -> tuple[str, str, str, str, str]:
    columns = " ".join(f"{column.name} {column.description}" for column in dataset.columns)
    people = f"{dataset.owner} {dataset.domain} {words.LAYERS[dataset.layer]} {'dados pessoais' if dataset.has_personal_data else ''}"
    readers = " ".join(f"{words.READERS[reader.kind]} {reader.name}" for reader in dataset.readers)
    return dataset.name, dataset.description, columns, people, readers
