"""The conformance suite on the REST connector: the generic shape on the suite's own shop, and each named shape on a shop of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from conformance import SECRET, WRONG_SECRET, Credentials, Deletes, EndlessStorm, HttpSource, Row, Storms, Subject, Unreachable
from fake_shop import NOW, FakeShop
from native_servers import free_port

QUICK = {"max_wait_s": 3, "max_attempts": 6, "requests_per_second": 0, "compare_keys_every_s": 0}


class GenericSubject(Subject):
    """The suite's shop, its shape in the configuration."""

    factory = "eco_assets.aurion.connectors.rest:RestConnector"

    def __init__(self, source: HttpSource) -> None:
        super().__init__()
        self.source = source
        self.storm = source.storm  # type: ignore[method-assign]

    def config(self) -> dict[str, Any]:
        return {
            "base_url": self.source.url,
            "auth": {"type": "bearer", "token": SECRET},
            "check": {"path": "health"},
            "streams": {
                "items": {
                    "path": "items",
                    "data": "items",
                    "params": {"per_page": 7},
                    "paging": {"type": "page_number", "base_page": 1, "total_path": "total_pages"},
                    "key": ["id"],
                    "cursor": {"field": "updated_at", "params": {"updated_since": "{from}"}, "is_ordered": True, "lookback": 3600},
                    "deletes": {"compare_keys": {}},
                    "fields": {"id": "bigint", "name": "text", "amount": "decimal(12,2)", "updated_at": "timestamptz"},
                }
            },
            **QUICK,
        }

    def wrong_config(self) -> dict[str, Any]:
        return {**self.config(), "auth": {"type": "bearer", "token": WRONG_SECRET}}

    def unreachable_config(self) -> dict[str, Any]:
        return {**self.config(), "base_url": f"http://127.0.0.1:{free_port()}", "max_wait_s": 1}

    def write(self, rows: Sequence[Row]) -> None:
        self.source.write(rows)

    def delete(self, ids: Sequence[int]) -> None:
        self.source.delete(ids)


class ShopSubject(Subject):
    """A shop of one kind."""

    factory = "eco_assets.aurion.connectors.rest:RestConnector"
    stream = "orders"
    shape = ""

    def __init__(self, shop: FakeShop) -> None:
        super().__init__()
        self.shop, self.arguments = shop, {"shape": self.shape}

    def own(self) -> dict[str, Any]:
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        return {**self.own(), "page_size": 20, **QUICK}

    def wrong_config(self) -> dict[str, Any]:
        return {name: WRONG_SECRET if value == SECRET else value for name, value in self.config().items()}

    def unreachable_config(self) -> dict[str, Any]:
        return {**self.config(), "base_url": f"http://127.0.0.1:{free_port()}", "max_wait_s": 1}

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            at = row["updated_at"].timestamp()
            self.shop.put(row["id"], at - NOW, **{**row, "updated_at": row["updated_at"].isoformat()})  # kept as an extra field

    def delete(self, ids: Sequence[int]) -> None:
        for number in ids:
            self.shop.delete(number)

    def storm(self, status: int, times: int, retry_after_s: float | None = None) -> None:
        self.shop.faults.extend([f"{status}:{retry_after_s:g}" if retry_after_s is not None else str(status)] * min(times, 1000))


class ShopifySubject(ShopSubject):
    shape = "shopify"

    def own(self) -> dict[str, Any]:
        return {"shop": "loja", "access_token": SECRET, "base_url": f"{self.shop.url}/admin/api/v"}


class WooSubject(ShopSubject):
    shape = "woocommerce"
    cursor = "date_modified_gmt"

    def own(self) -> dict[str, Any]:
        return {"store": "loja", "consumer_key": "ck_key", "consumer_secret": SECRET, "base_url": f"{self.shop.url}/wp-json/wc/v3"}


class VtexSubject(ShopSubject):
    shape = "vtex"
    cursor = "creationDate"
    key = ("orderId",)

    def own(self) -> dict[str, Any]:
        return {"account": "loja", "app_key": "app-key", "app_token": SECRET, "base_url": self.shop.url}


class TestGeneric(Deletes, Credentials, Unreachable, Storms, EndlessStorm):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with HttpSource() as source:
            yield GenericSubject(source)


class TestShopify(Deletes, Credentials, Unreachable, Storms, EndlessStorm):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with FakeShop() as shop:
            subject = ShopifySubject(shop)
            yield subject


class TestWooCommerce(Deletes, Credentials, Unreachable, Storms, EndlessStorm):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with FakeShop() as shop:
            yield WooSubject(shop)


class TestVtex(Credentials, Unreachable, Storms, EndlessStorm):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with FakeShop() as shop:
            yield VtexSubject(shop)
