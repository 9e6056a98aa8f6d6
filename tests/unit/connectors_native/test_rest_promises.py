"""REST shops where it hurts: rows that move between pages, storms, broken answers, late updates, deletes, lines inside orders."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from fake_shop import NOW, SECRET, FakeShop, iso

from eco_assets.aurion.connectors.protocol import OPERATION, Batch, State
from eco_assets.aurion.connectors.rest import RestConnector
from eco_assets.aurion.connectors.rest_http import Bucket, Limits, backoff_s, retry_after_s
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

DAY = 86_400.0


class Reader:
    """A connector of a shape on a fake shop."""

    def __init__(self, shop: FakeShop, shape: str, **more: Any) -> None:
        own = {
            "shopify": {"shop": "s", "access_token": SECRET, "base_url": f"{shop.url}/admin/api/v"},
            "woocommerce": {"store": "s", "consumer_key": "ck_key", "consumer_secret": SECRET, "base_url": f"{shop.url}/wp-json/wc/v3"},
            "vtex": {"account": "s", "app_key": "app-key", "app_token": SECRET, "base_url": shop.url},
            "rest": {"base_url": f"{shop.url}/wp-json/wc/v3", "auth": {"type": "http_basic", "username": "ck_key", "password": SECRET}},
        }[shape]
        size = {} if shape == "rest" else {"page_size": 10}
        self.config = {**own, **size, "requests_per_second": 0, "max_wait_s": 5, "compare_keys_every_s": 0, **more}
        self.connector = RestConnector(shape)

    def batches(self, state: State | None = None, *names: str) -> Iterator[Batch]:
        streams = [s for s in self.connector.discover(self.config) if s.name in (names or ("orders",))]
        return self.connector.read(self.config, streams, state or {})

    def read(self, state: State | None = None, *names: str) -> tuple[list[dict[str, Any]], State]:
        """All rows and the state after them, which went through JSON as in the lake."""
        rows: list[dict[str, Any]] = []
        last = dict(state or {})
        for batch in self.batches(state, *names):
            rows += batch.rows.to_pylist()
            last = json.loads(json.dumps(batch.state))
        return rows, last


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with FakeShop() as fake:
        for number in range(1, 41):
            fake.put(number, number * 60)
        yield fake


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return sorted(row["id"] for row in rows if row.get(OPERATION) != "delete")


NUMBERED = {
    "orders": {
        "path": "orders",
        "params": {"per_page": 10, "orderby": "id"},
        "paging": {"type": "page_number", "base_page": 1, "total_pages_header": "X-WP-TotalPages"},
        "key": ["id"],
        "fields": {"id": "bigint", "date_modified_gmt": "timestamp_utc"},
    }
}


@pytest.mark.parametrize("shape", ["shopify", "woocommerce"])
def test_rows_that_move_between_pages_while_they_are_read_are_not_lost(shop: FakeShop, shape: str) -> None:
    reader = Reader(shop, shape)
    moved = iter([3, 14, 25, 36])

    def change_one(number: int, path: str) -> None:
        if path.endswith(("orders", "orders.json")) and number > 3 and (order := next(moved, None)):
            shop.put(order, DAY + order)  # it goes to the end; a row behind it moves up into a page that was read

    shop.before = change_one
    rows, state = reader.read()
    shop.before = lambda number, path: None
    rows += reader.read(state)[0]
    latest = {row["id"]: row for row in rows}
    assert sorted(latest) == list(range(1, 41))
    assert Counter(ids(rows)).most_common(1)[0][1] <= 2, "the old and the new state of a row at most"


def test_a_list_without_order_is_read_again_until_it_holds_still(shop: FakeShop) -> None:
    reader = Reader(shop, "rest", streams=NUMBERED)
    pages = []

    def delete_one(number: int, path: str) -> None:
        pages.append(path)
        if len(pages) == 5:  # discover, the clock, page 1, page 2, and before page 3:
            shop.delete(1)  # number 31 moves up to page 2... 21 to page 2, which was read

    shop.before = delete_one
    rows, _ = reader.read()
    assert set(range(2, 41)) <= set(ids(rows))
    assert max(Counter(ids(rows)).values()) == 1


def test_a_list_that_never_holds_still_is_unavailable(shop: FakeShop) -> None:
    reader = Reader(shop, "rest", streams=NUMBERED)
    gone = iter(range(1, 40))
    shop.before = lambda number, path: shop.delete(next(gone))
    with pytest.raises(SourceUnavailable, match="changed during each"):
        reader.read()


def test_a_list_that_only_grows_is_read_while_it_grows(shop: FakeShop) -> None:
    reader = Reader(shop, "rest", streams=NUMBERED)
    new = iter(range(1000, 9999))
    shop.before = lambda number, path: shop.put(next(new), 0)
    rows, _ = reader.read()
    assert set(range(1, 41)) <= set(ids(rows))


def test_a_kill_between_two_pages_of_one_moment_brings_nothing_twice(shop: FakeShop) -> None:
    for number in range(101, 116):
        shop.put(number, 40 * 60)
    for shape in ("shopify", "woocommerce"):
        reader = Reader(shop, shape, lookback=60)
        _, state = reader.read()
        shop.put(50, 40 * 60)  # on the first page of what is read again; pages of the same moment follow
        first = next(batch for batch in reader.batches(state) if batch.rows.num_rows)
        rest, state = reader.read(json.loads(json.dumps(first.state)))
        assert (ids(first.rows.to_pylist()), rest) == ([50], []), shape
        shop.delete(50)


def test_more_rows_of_one_moment_than_fit_a_page_come_once(shop: FakeShop) -> None:
    for number in range(101, 146):
        shop.put(number, 10_000)
    reader = Reader(shop, "woocommerce")
    rows, state = reader.read()
    assert ids(rows) == [*range(1, 41), *range(101, 146)]
    assert reader.read(state)[0] == []


def test_a_row_that_moves_inside_a_moment_of_many_pages_is_not_lost(shop: FakeShop) -> None:
    for number in range(101, 146):
        shop.put(number, 10_000)
    reader = Reader(shop, "woocommerce")

    def change_one(number: int, path: str) -> None:
        if "page=3" in shop.requests[-1] and shop.orders[102]["changed"] < NOW + DAY:
            shop.put(102, DAY)  # every later row of the moment moves up by one, over the borders of pages

    shop.before = change_one
    assert set(ids(reader.read()[0])) == {*range(1, 41), *range(101, 146)}


def test_rows_that_are_out_of_the_promised_order_are_refused(shop: FakeShop) -> None:
    streams = {"orders": {**NUMBERED["orders"], "cursor": {"field": "date_modified_gmt", "type": "timestamp_utc", "is_ordered": True}}}
    shop.put(1, DAY)  # the list is ordered by id
    with pytest.raises(SourceRefused, match="not give its rows in the order"):
        Reader(shop, "rest", streams=streams).read()


@pytest.mark.parametrize("shape", ["shopify", "woocommerce", "vtex"])
@pytest.mark.parametrize("fault", ["429:0.3", "429date:1", "500", "503", "reset", "truncated"])
def test_what_passes_is_ridden_out(shop: FakeShop, shape: str, fault: str) -> None:
    for number in range(5, 41):
        shop.delete(number)
    reader = Reader(shop, shape)
    shop.faults.extend(["", "", fault, fault, "", fault])
    rows, _ = reader.read()
    assert len(rows) == 4
    assert not shop.faults or shape == "shopify"


def test_a_source_is_not_asked_before_the_time_it_told(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify")
    shop.faults.append("429:1.5")
    reader.connector.check(reader.config)
    began = time.monotonic()
    shop.faults.append("429:1.5")
    reader.connector.check(reader.config)
    assert time.monotonic() - began >= 1.5


def test_a_wait_that_is_longer_than_we_may_is_given_up_at_once(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify")
    shop.faults.append("429:3600")
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match="wait for 3600"):
        reader.connector.check(reader.config)
    assert time.monotonic() - began < 3


def test_a_leaky_bucket_is_respected_by_our_own_limit(shop: FakeShop) -> None:
    shop.leak_per_s = 20
    reader = Reader(shop, "shopify", requests_per_second=15)
    rows, _ = reader.read()
    assert len(rows) == 40
    bucket = Bucket(Limits(per_second=50, burst=2))
    began = time.monotonic()
    for _ in range(7):
        bucket.take()
    assert time.monotonic() - began >= 0.08, "two at once, then five at 50 a second"


def test_retry_after_is_read_in_all_its_forms() -> None:
    from email.utils import formatdate

    assert (retry_after_s("2.0"), retry_after_s("7"), retry_after_s(None), retry_after_s("soon"), retry_after_s("-1")) == (
        2,
        7,
        None,
        None,
        0,
    )
    assert 28 < (retry_after_s(formatdate(time.time() + 30, usegmt=True)) or 0) <= 31
    waits = [backoff_s(attempt, 0.5) for attempt in range(1, 20)]
    assert all(0.25 <= wait <= 60 for wait in waits)


def test_a_page_that_is_no_json_is_refused_and_names_what_it_is(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify")
    shop.faults.append("html")
    with pytest.raises(SourceRefused, match="text/html"):
        reader.connector.check(reader.config)


def test_an_answer_without_its_rows_is_refused_not_taken_for_the_end(shop: FakeShop) -> None:
    streams = {"orders": {**NUMBERED["orders"], "data": "data.items"}}
    with pytest.raises(SourceRefused, match=r"without `data\.items`"):
        Reader(shop, "rest", streams=streams).read()


def test_a_slow_source_is_waited_for_within_its_timeout(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify", timeout_s=0.4)
    shop.faults.append("slow:1")
    reader.connector.check(reader.config)


def test_late_updates_within_the_look_back_come_and_nothing_twice(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify", lookback=1200)
    _, state = reader.read()
    shop.put(500, 40 * 60 - 900)  # shown late, with an older moment than the newest
    shop.put(501, 40 * 60 - 1500)  # too late
    rows, state = reader.read(state)
    assert ids(rows) == [500]
    assert reader.read(state)[0] == []


def test_an_order_of_vtex_is_told_again_when_its_list_entry_changes(shop: FakeShop) -> None:
    reader = Reader(shop, "vtex")
    rows, state = reader.read()
    assert len(rows) == 40
    assert {len(json.loads(row["items"])) for row in rows} == {2}, "each was asked for in detail"
    asked = len(shop.requests)
    shop.put(7, DAY, status="canceled")  # created long ago, changed now
    rows, state = reader.read(state)
    assert [(row["orderId"], row["status"]) for row in rows] == [("7-01", "canceled")]
    details = [path for path in shop.requests[asked:] if "/orders/" in path]
    assert details == ["/api/oms/pvt/orders/7-01"], "only what changed is asked for in detail"


def test_more_pages_than_vtex_shows_of_a_query_are_read(shop: FakeShop) -> None:
    for number in range(100, 500):
        shop.put(number, number * 60)
    rows, _ = Reader(shop, "vtex", page_size=10).read()
    assert len(rows) == 440, "44 pages; a query shows 30"


def test_lines_of_an_order_are_rows_of_their_own_and_survive_a_kill_between_the_two(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify")
    both = list(reader.batches(None, "orders", "order_lines"))
    lines = [row for batch in both if batch.stream == "order_lines" for row in batch.rows.to_pylist()]
    assert len(lines) == 80
    assert {(row["order_id"], row["id"]) for row in lines} == {(n, n * 10 + line) for n in range(1, 41) for line in (0, 1)}
    assert lines[0]["price"] == Decimal("9.90")
    for cut in range(len(both)):
        taken: Counter[tuple[str, int]] = Counter()
        for batch in [*both[: cut + 1], *reader.batches(json.loads(json.dumps(both[cut].state)), "orders", "order_lines")]:
            taken.update((batch.stream, row["id"]) for row in batch.rows.to_pylist())
        assert set(taken.values()) == {1} and len(taken) == 120


def test_compared_keys_tell_what_is_gone_and_ask_before_they_tell(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify")
    _, state = reader.read()
    shop.delete(4)
    asked = len(shop.requests)
    rows, state = reader.read(state)
    assert [(row["id"], row[OPERATION]) for row in rows] == [(4, "delete")]
    assert [path for path in shop.requests[asked:] if "/orders/" in path] == ["/admin/api/v/orders/4.json"]
    assert reader.read(state)[0] == []


def test_a_row_that_was_read_between_two_comparisons_is_missed_when_it_goes(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify")
    _, state = reader.read()
    shop.put(77, DAY)
    rarely = Reader(shop, "shopify", compare_keys_every_s=86_400)
    _, state = rarely.read(state)
    _, state = rarely.read(state)
    shop.delete(77)
    assert [(row["id"], row[OPERATION]) for row in reader.read(state)[0]] == [(77, "delete")]


def test_a_list_of_deletions_tells_what_is_gone(shop: FakeShop) -> None:
    reader = Reader(shop, "shopify")
    _, state = reader.read(None, "products")
    shop.delete(9)
    shop.events.append({"id": 1, "subject_id": 9, "verb": "destroy", "created_at": iso(NOW + DAY)})
    rows, state = reader.read(state, "products")
    assert [(row["id"], row[OPERATION]) for row in rows] == [(9, "delete")]
    assert reader.read(state, "products")[0] == []


def test_a_mark_in_a_row_tells_a_delete(shop: FakeShop) -> None:
    cursor = {
        "field": "date_modified_gmt",
        "type": "timestamp_utc",
        "params": {"modified_after": "{from}"},
        "time_format": "%Y-%m-%dT%H:%M:%S",
    }
    streams = {"orders": {**NUMBERED["orders"], "cursor": cursor, "deletes": {"field": "status", "values": ["trash"]}}}
    reader = Reader(shop, "rest", streams=streams)
    rows, state = reader.read()
    assert {row[OPERATION] for row in rows} == {"upsert"}
    shop.put(3, DAY, status="trash")
    assert [(row["id"], row[OPERATION]) for row in reader.read(state)[0]] == [(3, "delete")]


def test_values_are_exact_and_new_fields_are_kept(shop: FakeShop) -> None:
    shop.orders.clear()
    shop.put(1, 60, total="12345678901234.56", loyalty={"points": 7}, channel="app")
    rows, _ = Reader(shop, "shopify").read()
    [batch] = [batch for batch in Reader(shop, "shopify").batches() if batch.rows.num_rows]
    assert batch.rows.schema.field("total_price").type == pa.decimal128(18, 2)
    assert rows[0]["total_price"] == Decimal("12345678901234.56")
    assert rows[0]["updated_at"].timestamp() == NOW + 60, "told as -03:00, the same moment"
    assert (rows[0]["channel"], rows[0]["loyalty"]) == ("app", '{"points":7}')


def test_a_value_that_does_not_fit_makes_its_column_text(shop: FakeShop) -> None:
    shop.put(1, DAY, total="free")
    rows, _ = Reader(shop, "shopify").read()
    assert {row["id"]: row["total_price"] for row in rows}[1] == "free"
    assert len(rows) == 40


def test_a_stream_without_a_cursor_is_read_whole_every_time(shop: FakeShop) -> None:
    reader = Reader(shop, "woocommerce")
    rows, state = reader.read(None, "customers")
    assert len(rows) == 40
    assert len(reader.read(state, "customers")[0]) == 40


def test_the_beginning_can_be_configured(shop: FakeShop) -> None:
    rows, _ = Reader(shop, "shopify", start=iso(NOW + 31 * 60)).read()
    assert ids(rows) == list(range(31, 41))


def test_shapes_are_checked_before_anything_is_asked(shop: FakeShop) -> None:
    order = NUMBERED["orders"]
    for streams, words in [
        ({"orders": {**order, "paging": {"type": "pages"}}}, "paging.type"),
        ({"orders": {**order, "fields": {"id": "number"}}}, "no type `number`"),
        ({"orders": {**order, "key": ["number"]}}, "no `number`"),
        ({"orders": {**order, "deletes": {"compare_keys": {}}}}, "needs a key and a cursor"),
        ({"orders": {"fields": {}}}, "path"),
    ]:
        with pytest.raises(ConfigError, match=words):
            RestConnector().check({"base_url": shop.url, "streams": streams})
    with pytest.raises(ConfigError, match=r"auth\.location"):
        RestConnector().check({"base_url": shop.url, "streams": NUMBERED, "auth": {"type": "api_key", "api_key": "k", "location": "query"}})
    with pytest.raises(ConfigError, match="shopify"):
        RestConnector("magento")
    assert shop.requests == []
