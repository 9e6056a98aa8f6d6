"""A shop on loopback that answers as Shopify, WooCommerce and VTEX do, with a store that tests alter and a plan of what goes wrong.

What it takes from each: how pages are found, how changes are asked for, how it lets in, how it limits. `faults` are taken one a request:
`429:1` and `429date:2` (Retry-After), `500`, `reset` (the connection breaks in the middle of the body), `truncated` (half a JSON of the
right length), `slow:1`, `html`. `before` is called with the number of every request, so that a test can alter the store between two pages.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from servers import HttpServer

SECRET = "conformance-s3cret-5f1e9c"  # noqa: S105 -- a made-up one, to look for in logs
NOW = 1_767_225_600  # 2026-01-01T00:00:00Z


class FakeShop(HttpServer):
    """The shop. A context manager: `with FakeShop() as shop: shop.url`."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret = secret
        self.orders: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.times: list[float] = []
        self.faults: deque[str] = deque()
        self.before: Callable[[int, str], None] = lambda number, path: None
        self.leak_per_s: float | None = None  # with a bucket of 4: as Shopify limits
        self._level, self._at = 0.0, time.monotonic()
        self._lock = threading.RLock()
        super().__init__(_handler(self))

    def put(self, number: int, at: float, **more: Any) -> None:
        """Make or change an order; `at` in seconds after 2026-01-01."""
        with self._lock:
            old = self.orders.get(number, {"created": NOW + at})
            self.orders[number] = {**old, "id": number, "changed": NOW + at, **more}

    def delete(self, number: int) -> None:
        """Forget an order."""
        with self._lock:
            del self.orders[number]

    def answer(self, method: str, target: str, headers: Any) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body for one request."""
        with self._lock:
            self.requests.append(target)
            self.times.append(time.monotonic())
            found = urlsplit(target)
            self.before(len(self.requests), found.path)
            if self._is_full():
                return 429, {"Retry-After": "0.5"}, {"errors": "Exceeded 2 calls per second for api client."}
            query = {name: values[0] for name, values in parse_qs(found.query).items()}
            path = unquote(found.path)
            if path.startswith("/admin/api/"):
                return self._shopify(path.removeprefix("/admin/api/").split("/", 1)[1], query, headers)
            if path.startswith("/wp-json/wc/v3/"):
                return self._woocommerce(path.removeprefix("/wp-json/wc/v3/"), query, headers)
            if path.startswith("/api/oms/pvt/orders"):
                return self._vtex(path.removeprefix("/api/oms/pvt/orders").strip("/"), query, headers)
            return 404, {}, {"error": "nothing here"}

    def _is_full(self) -> bool:
        if self.leak_per_s is None:
            return False
        now = time.monotonic()
        self._level, self._at = max(0.0, self._level - (now - self._at) * self.leak_per_s), now
        if self._level >= 4:
            return True
        self._level += 1
        return False

    def _shopify(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, dict[str, str], Any]:
        if headers.get("X-Shopify-Access-Token") != self.secret:
            return 401, {}, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}
        if path == "shop.json":
            return 200, {}, {"shop": {"id": 1}}
        if path == "events.json":
            return 200, {}, {"events": [e for e in self.events if e["created_at"] >= query.get("created_at_min", "")]}
        if path.startswith("orders/"):
            order = self.orders.get(int(path.removeprefix("orders/").removesuffix(".json")))
            return (200, {}, {"order": _shopify_order(order)}) if order else (404, {}, {"errors": "Not Found"})
        if path not in ("orders.json", "products.json"):
            return 404, {}, {"errors": "Not Found"}
        name = path.removesuffix(".json")
        if "page_info" in query:
            if set(query) - {"page_info", "limit"}:
                return 400, {}, {"errors": "only limit may go with page_info"}
            query = json.loads(base64.urlsafe_b64decode(query["page_info"]))
        by = "id" if query.get("order", "").startswith("id") else "changed"
        rows = sorted(self.orders.values(), key=lambda row: (row[by], row["id"]))
        if "updated_at_min" in query:
            rows = [row for row in rows if row["changed"] >= _epoch(query["updated_at_min"])]
        if "after" in query:
            rows = [row for row in rows if [row[by], row["id"]] > list(query["after"])]
        size = int(query.get("limit", 50))
        page, more = rows[:size], len(rows) > size
        answer = [_shopify_order(row) for row in page]
        if query.get("fields") == "id":
            answer = [{"id": row["id"]} for row in answer]
        link = {}
        if more:
            info = base64.urlsafe_b64encode(json.dumps({**query, "after": [page[-1][by], page[-1]["id"]]}).encode()).decode()
            link = {"Link": f'<{self.url}/admin/api/v/{path}?limit={size}&page_info={info}>; rel="next"'}
        return 200, link, {name: answer}

    def _woocommerce(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, dict[str, str], Any]:
        wanted = "Basic " + base64.b64encode(f"ck_key:{self.secret}".encode()).decode()
        if headers.get("Authorization") != wanted:
            return 401, {}, {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}
        if path.startswith("orders/"):
            order = self.orders.get(int(path.removeprefix("orders/")))
            return (200, {}, _woo_order(order)) if order else (404, {}, {"code": "woocommerce_rest_shop_order_invalid_id"})
        if path not in ("orders", "customers"):
            return 404, {}, {"code": "rest_no_route"}
        by = "id" if query.get("orderby") == "id" else "changed"
        rows = sorted(self.orders.values(), key=lambda row: (int(row[by]), row["id"]))
        if "modified_after" in query:
            rows = [row for row in rows if int(row["changed"]) > _epoch(query["modified_after"] + "Z")]
        page, size = int(query.get("page", 1)), int(query.get("per_page", 10))
        told = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(-(-len(rows) // size))}
        chosen = [_woo_order(row) for row in rows[(page - 1) * size : page * size]]
        return 200, told, [{"id": row["id"]} for row in chosen] if query.get("_fields") == "id" else chosen

    def _vtex(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, dict[str, str], Any]:
        if headers.get("X-VTEX-API-AppToken") != self.secret or headers.get("X-VTEX-API-AppKey") != "app-key":
            return 403, {}, {"error": {"code": "OMS007", "message": "Access Denied"}}
        if path:
            order = self.orders.get(int(path.split("-")[0]))
            return (200, {}, _vtex_detail(order)) if order else (404, {}, {"error": {"message": "Order Not Found"}})
        rows = sorted(self.orders.values(), key=lambda row: (row["created"], row["id"]))
        if "f_creationDate" in query:
            since, until = query["f_creationDate"].removeprefix("creationDate:[").removesuffix("]").split(" TO ")
            rows = [row for row in rows if _epoch(since) <= row["created"] <= _epoch(until)]
        page, size = int(query.get("page", 1)), int(query.get("per_page", 15))
        if page > 30:
            return 400, {}, {"error": {"message": "Max page exceed"}}
        pages = -(-len(rows) // size)
        chosen = [_vtex_entry(row) for row in rows[(page - 1) * size : page * size]]
        return 200, {}, {"list": chosen, "paging": {"total": len(rows), "pages": pages, "currentPage": page, "perPage": size}}


def iso(seconds: float, zone: str = "Z") -> str:
    """Seconds since 1970 as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + zone


def _epoch(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def _lines(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": row["id"] * 10 + n, "sku": f"S{n}", "quantity": n + 1, "price": "9.90"} for n in range(row.get("lines", 2))]


def _more(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("created", "changed", "lines", "total")}


def _shopify_order(row: dict[str, Any]) -> dict[str, Any]:
    local = iso(row["changed"] - 3 * 3600, "-03:00")  # shops tell times in their own zone
    total = {"total_price": row.get("total", "10.00")}
    return {"created_at": iso(row["created"]), "updated_at": local, "line_items": _lines(row), **total, **_more(row)}


def _woo_order(row: dict[str, Any]) -> dict[str, Any]:
    dates = {"date_modified_gmt": iso(row["changed"], ""), "date_created_gmt": iso(row["created"], "")}
    return {**dates, "total": row.get("total", "10.00"), "line_items": _lines(row), **_more(row)}


def _vtex_entry(row: dict[str, Any]) -> dict[str, Any]:
    dates = {"creationDate": iso(row["created"], ".0000000+00:00"), "lastChange": iso(row["changed"], ".0000000+00:00")}
    return {"orderId": f"{row['id']}-01", "status": row.get("status", "invoiced"), "totalValue": 1000, **dates}


def _vtex_detail(row: dict[str, Any]) -> dict[str, Any]:
    items = [{"uniqueId": f"U{line['id']}", "id": str(line["id"]), "quantity": line["quantity"], "price": 990} for line in _lines(row)]
    return {**_vtex_entry(row), "value": 1000, "items": items, **_more(row)}


def _handler(shop: FakeShop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
        wbufsize = 65_536

        def do_GET(self) -> None:
            fault = shop.faults.popleft() if shop.faults else ""
            kind, _, number = fault.partition(":")
            if kind in ("429", "500", "503"):
                self._send(int(kind), {"Retry-After": number} if number else {}, b'{"errors": "storm"}')
                return
            if kind == "429date":
                self._send(429, {"Retry-After": formatdate(time.time() + float(number), usegmt=True)}, b"{}")
                return
            if kind == "slow":
                time.sleep(float(number))
            status, headers, found = shop.answer("GET", self.path, self.headers)
            body = json.dumps(found).encode()
            if kind == "html":
                self._send(200, {"Content-Type": "text/html"}, b"<html>maintenance</html>")
            elif kind == "truncated":
                self._send(status, headers, body[: len(body) // 2])
            elif kind == "reset":
                self._send(status, headers, body[: len(body) // 2], length=len(body))
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            else:
                self._send(status, headers, body)

        def _send(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
