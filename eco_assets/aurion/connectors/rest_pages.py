"""Lists of a REST source, whole, although their rows move while they are read.

Where pages are found by number, a row that changes moves to another page and those behind it close up: one of them is on no page that is
still to be read. Three ways out, by what the source can do:

    steady   pages are found by what the source gave before (a link, a cursor): page after page
    seek     rows come by growing cursor: only first pages are read, each from the last cursor of the one before
    settled  neither: the list is read again until a pass surely missed nothing, then delivered

dlt's `rest_api` source reads page after page in every case, and its incremental hides rows that it takes for known.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.connectors.rest_http import WHOLE, body
from eco_assets.aurion.connectors.rest_shape import Cursor, Endpoint, dig
from eco_assets.aurion.connectors.rest_words import paginator
from eco_assets.aurion.connectors.rows import write_json
from eco_assets.aurion.connectors.seen import digest
from eco_assets.errors import SourceRefused, SourceUnavailable

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client import RESTClient

Row = Mapping[str, Any]
PASSES = 5  # over a list that moves while it is read


@dataclass(frozen=True)
class Item:
    """A row, its cursor value and its digest."""

    row: Row
    value: float | None
    digest: bytes


@dataclass(frozen=True)
class Chunk:
    """Rows that were read. `reached`: every row up to that cursor value was; None where nothing can be said before the end."""

    items: list[Item]
    reached: float | None = None


@dataclass(frozen=True)
class _Page:
    items: list[Item]
    has_next: bool
    total: int | None


class Lists:
    """The lists of one source."""

    def __init__(self, client: RESTClient, scrub: Callable[[str], str]) -> None:
        self.client, self.scrub = client, scrub

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The answer to one request, whatever its status."""
        return self.client.get(path.lstrip("/"), params=dict(params or {}), hooks={"response": []})

    def one(self, path: str) -> Any:
        """One object; None where it is gone (404, 410)."""
        answer = self.get(path)
        return None if answer.status_code in (404, 410) else body(answer, self.scrub)

    def chunks(self, endpoint: Endpoint, since: float | None, until: float | None, *, is_rough: bool = False) -> Generator[Chunk]:
        """The rows of a list from a cursor value on, or all of them.

        Args:
            endpoint: the list.
            since: the cursor value to begin at.
            until: the source's time now, for lists that are asked for by a window.
            is_rough: page after page in any case; rows may be missed.
        """
        cursor = endpoint.cursor
        if endpoint.is_steady or is_rough:
            is_ordered = cursor is not None and cursor.is_ordered
            highest = None
            for page in self._pages(endpoint, since, until):
                highest = _highest(page.items, highest) if is_ordered else None
                yield Chunk(page.items, highest)
        elif cursor is not None and cursor.is_ordered:
            yield from self._seek(endpoint, cursor, since, until)
        else:
            settled = self._settled(endpoint, since, until)
            for at in range(0, len(settled), 1000):
                yield Chunk(settled[at : at + 1000])

    def _seek(self, endpoint: Endpoint, cursor: Cursor, since: float | None, until: float | None) -> Iterator[Chunk]:
        anchor, is_over = since, False
        while not is_over:
            items, is_over, pages = self._from_anchor(endpoint, anchor, until)
            if pages > 1:  # more rows of one cursor value than fit a page: their pages may have moved
                items = self._again_until_settled(endpoint, items, partial(self._seen_from, endpoint, anchor, until))
            reached = _highest(items, anchor)
            yield Chunk(items, reached)
            is_over = is_over or reached == anchor
            anchor = reached

    def _from_anchor(self, endpoint: Endpoint, anchor: float | None, until: float | None) -> tuple[list[Item], bool, int]:
        """Rows from the anchor on, up to the first page that goes beyond it; whether that was the last; how many pages it took."""
        items: list[Item] = []
        count = 0
        for page in self._pages(endpoint, anchor, until):
            count += 1
            items += [item for item in page.items if item.value is None or anchor is None or item.value >= anchor]
            values = [item.value for item in items if item.value is not None]
            if not page.has_next:
                return items, True, count
            if values and (max(values) > anchor if anchor is not None else max(values) > min(values)):
                return items, False, count
        return items, True, count

    def _seen_from(self, endpoint: Endpoint, anchor: float | None, until: float | None) -> list[Item]:
        return self._from_anchor(endpoint, anchor, until)[0]

    def _settled(self, endpoint: Endpoint, since: float | None, until: float | None) -> list[Item]:
        items, is_still = self._pass(endpoint, since, until)
        return items if is_still else self._again_until_settled(endpoint, items, lambda: self._pass(endpoint, since, until)[0])

    def _pass(self, endpoint: Endpoint, since: float | None, until: float | None) -> tuple[list[Item], bool]:
        """One pass, and whether the list surely held still: it was one page, or as long at the end as at the beginning and as its rows."""
        pages = list(self._pages(endpoint, since, until))
        items = [item for page in pages for item in page.items]
        return items, len([page for page in pages if page.items]) <= 1 or {page.total for page in pages} == {len(items)}

    def _again_until_settled(self, endpoint: Endpoint, items: list[Item], read: Callable[[], list[Item]]) -> list[Item]:
        """The newest state of every row of all passes, once a pass surely missed none.

        A pass misses a row only if one that it had read left its place: it was deleted, then the next pass is without it, or it moved
        behind, then it was met twice. Rows that are added meanwhile do no harm.

        Raises:
            SourceUnavailable: it never holds still.
        """
        newest = {_identity(endpoint, item): item for item in items}
        for _ in range(PASSES):
            following = read()
            names = {_identity(endpoint, item) for item in items}
            is_whole = len(names) == len({item.digest for item in items}) and names <= {_identity(endpoint, item) for item in following}
            newest |= {_identity(endpoint, item): item for item in following}
            if is_whole:
                return list(newest.values())
            items = following
        raise SourceUnavailable(f"a list changed during each of {PASSES + 1} passes over it; try again when the source is quieter")

    def _pages(self, endpoint: Endpoint, since: float | None, until: float | None) -> Iterator[_Page]:
        cursor = endpoint.cursor
        params = {**endpoint.params, **(cursor.query(since, until) if cursor else {})}
        asked: set[str] = set()
        try:
            for page in self.client.paginate(
                endpoint.path.lstrip("/"),
                params=params,
                paginator=paginator(endpoint.paging),
                data_selector=endpoint.data or WHOLE,
                hooks={"response": []},
            ):
                address = str(page.response.url)
                if address in asked:
                    raise SourceUnavailable(f"{address.split('?')[0]}: the pages go in a circle; try again later")
                asked.add(address)
                items = [Item(row, _value(cursor, row, endpoint), digest(write_json(row))) for row in page]
                if cursor is not None and cursor.is_ordered:
                    _refuse_disorder(items, endpoint)
                yield _Page(items, page.paginator.has_next_page, _total(endpoint, page.response))
        except ValueError as error:  # dlt's paginators: a total or a cursor that is not where it was said to be
            raise SourceRefused(f"{endpoint.path}: {self.scrub(str(error)[:200])}") from None


def _identity(endpoint: Endpoint, item: Item) -> Any:
    return tuple(write_json(dig(item.row, name)) for name in endpoint.key) if endpoint.key else item.digest


def _value(cursor: Cursor | None, row: Row, endpoint: Endpoint) -> float | None:
    if cursor is None:
        return None
    try:
        return cursor.value_in(row)
    except ValueError:
        raise SourceRefused(f"{endpoint.path}: `{cursor.field}` of a row is no {cursor.type}: {str(dig(row, cursor.field))[:40]}") from None


def _refuse_disorder(items: list[Item], endpoint: Endpoint) -> None:
    values = [item.value for item in items if item.value is not None]
    if any(later < earlier for earlier, later in pairwise(values)):
        raise SourceRefused(f"{endpoint.path} does not give its rows in the order of its cursor: set `is_ordered` to false in its shape")


def _highest(items: list[Item], before: float | None) -> float | None:
    return max([item.value for item in items if item.value is not None] + ([] if before is None else [before]), default=None)


def _total(endpoint: Endpoint, answer: Any) -> int | None:
    told = answer.headers.get(endpoint.total["header"]) if "header" in endpoint.total else None
    if "path" in endpoint.total:
        told = dig(getattr(answer, "parsed", None), endpoint.total["path"])
    return int(str(told)) if str(told).isdigit() else None
