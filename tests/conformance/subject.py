"""What is under test: a connector, its configuration, and a source that the suite fills and alters.

The suite's rows have four columns: `id` (whole number, the key), `name`, `amount` (a number with cents) and `updated_at` (a UTC moment that
grows with every change). A source may store them as it likes and add columns; rows are compared by these four.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypedDict

from eco_assets.aurion.connectors.protocol import Connector, Stream

SECRET = "conformance-s3cret-5f1e9c"  # noqa: S105 -- a made-up one, to look for in logs
WRONG_SECRET = "conformance-wr0ng-77ab12"  # noqa: S105
FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Row(TypedDict, total=False):
    """A row of the source. `channel` is there only after the schema has drifted."""

    id: int
    name: str
    amount: float
    updated_at: datetime
    channel: str


class Subject(ABC):
    """A connector and its source. Make one for each test; `put`, `remove` and `widen` alter the source.

    `factory` ("module:callable", with `arguments`) must be importable in another process: the suite kills readers.
    """

    factory: str
    stream: str = "items"
    key: tuple[str, ...] = ("id",)
    cursor: str | None = "updated_at"
    has_secret: bool = True
    many: int = 60  # rows that are put for tests that read in several batches
    batches: int = 3  # batches that `many` rows come in at least, with `config()`
    is_inclusive: bool = False  # a reading from a state may deliver rows again whose cursor equals the state's; never others

    def __init__(self) -> None:
        self.truth: dict[int, Row] = {}
        self.arguments: dict[str, Any] = {}
        self._known: Stream | None = None

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """A configuration that works; its secret is `SECRET`."""

    def wrong_config(self) -> dict[str, Any]:
        """The same with wrong credentials: `WRONG_SECRET`. Needed by `Credentials`."""
        raise NotImplementedError

    def unreachable_config(self) -> dict[str, Any]:
        """The same with nobody at the address. Needed by `Unreachable`."""
        raise NotImplementedError

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Insert the rows into the source, or overwrite them by id."""

    def delete(self, ids: Sequence[int]) -> None:
        """Delete rows in the source. Needed by `Deletes`."""
        raise NotImplementedError

    def widen(self) -> None:  # noqa: B027 -- most sources need nothing
        """Make the source ready for rows with a text column `channel`; nothing for a source without a fixed schema."""

    def storm(self, status: int, times: int, retry_after_s: float | None = None) -> None:
        """Answer the next `times` requests with `status`. Needed by `Storms` and `EndlessStorm`."""
        raise NotImplementedError

    # From here on nothing needs to be overridden.

    def connector(self) -> Connector:
        """A fresh connector."""
        return make(self.factory, self.arguments)

    def put(self, rows: Iterable[Row]) -> None:
        """Write rows and remember them."""
        chosen = list(rows)
        self.write(chosen)
        self.truth.update({row["id"]: row for row in chosen})

    def remove(self, ids: Sequence[int]) -> None:
        """Delete rows and forget them."""
        self.delete(ids)
        for number in ids:
            del self.truth[number]

    def found(self, connector: Connector, *, again: bool = False) -> Stream:
        """The stream under test as it was discovered first, or is now: a foreign runtime takes seconds to tell."""
        if self._known is None or again:
            streams = {stream.name: stream for stream in connector.discover(self.config())}
            assert self.stream in streams, f"discover offers {sorted(streams)}, not {self.stream}"
            self._known = streams[self.stream]
        return self._known

    def expected(self) -> Counter[tuple[Any, ...]]:
        """What the source holds, ready to be compared."""
        return Counter(comparable(row) for row in self.truth.values())


def make(factory: str, arguments: Mapping[str, Any]) -> Connector:
    """The connector that "module:callable" makes."""
    module, _, name = factory.partition(":")
    connector: Connector = getattr(importlib.import_module(module), name)(**arguments)
    return connector


def rows_from(first: int, count: int, start: datetime = FIRST_MOMENT) -> list[Row]:
    """Rows with ids from `first` on, a quarter of a day apart; two neighbours share their moment, as real changes do."""
    return [
        Row(id=n, name=f"row {n} é", amount=round(n * 1.25, 2), updated_at=start + timedelta(hours=6 * ((n - first) // 2)))
        for n in range(first, first + count)
    ]


def comparable(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The suite's columns of a row in one form, whatever types the connector gives them."""
    return int(row["id"]), str(row["name"]), round(float(row["amount"]), 2), moment(row["updated_at"])


def moment(value: Any) -> datetime:
    """A moment in UTC from what connectors give: a datetime, a date, ISO 8601 text or epoch seconds."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
