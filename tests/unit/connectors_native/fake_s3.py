"""An object store on loopback that speaks as much of S3 as listing and reading takes: ListObjectsV2, HEAD and GET, and whom it lets in."""

from __future__ import annotations

import hashlib
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from servers import HttpServer

ACCESS_KEY = "AKIACONFORMANCE"


class FakeS3(HttpServer):
    """One bucket, `lake`. A context manager."""

    def __init__(self, access_key: str = ACCESS_KEY) -> None:
        self.access_key = access_key
        self.objects: dict[str, tuple[bytes, float]] = {}
        super().__init__(_handler(self))

    def put(self, key: str, content: bytes, age_s: float = 0) -> None:
        """Write an object."""
        self.objects[key] = (content, time.time() - age_s)

    def listing(self, prefix: str, delimiter: str) -> bytes:
        """ListObjectsV2."""
        found = {key: value for key, value in sorted(self.objects.items()) if key.startswith(prefix)}
        folders = sorted(
            {
                prefix + key.removeprefix(prefix).split(delimiter)[0] + delimiter
                for key in found
                if delimiter and delimiter in key[len(prefix) :]
            }
        )
        files = [key for key in found if not any(key.startswith(folder) for folder in folders)]
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_time(found[key][1])}</LastModified><ETag>&quot;{_etag(found[key][0])}&quot;</ETag>"
            f"<Size>{len(found[key][0])}</Size></Contents>"
            for key in files
        )
        groups = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
        return (
            f'<?xml version="1.0"?><ListBucketResult><Name>lake</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(files)}</KeyCount>'
            f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{rows}{groups}</ListBucketResult>"
        ).encode()


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def _etag(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _handler(store: FakeS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65_536

        def do_GET(self) -> None:
            found = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(found.query).items()}
            key = unquote(found.path).removeprefix("/lake").lstrip("/")
            if f"Credential={store.access_key}/" not in self.headers.get("Authorization", ""):
                self._send(403, b"<Error><Code>InvalidAccessKeyId</Code><Message>Forbidden</Message></Error>", {})
            elif not key:
                self._send(200, store.listing(query.get("prefix", ""), query.get("delimiter", "")), {"Content-Type": "application/xml"})
            elif key not in store.objects:
                self._send(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", {})
            else:
                content, at = store.objects[key]
                told = {"ETag": f'"{_etag(content)}"', "Last-Modified": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at))}
                asked = self.headers.get("Range", "").removeprefix("bytes=")
                if asked:
                    first, _, last = asked.partition("-")
                    part = content[int(first) : int(last or len(content)) + 1]
                    self._send(206, part, {**told, "Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"})
                else:
                    self._send(200, content, told)

        def do_HEAD(self) -> None:
            self.do_GET()

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
