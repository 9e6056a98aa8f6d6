"""Tasks and pages of the knowledge base: rows of a Notion data source, or Markdown files of a folder. Personal data is masked on the way.

Notion knows no keys, so every page holds its own in the property `Chave` and is looked for before it is made. Taken back, a page is
marked `Retirada`, never removed: people may have written on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from eco_assets.errors import ActionRefused, DoorUnavailable, EcoError
from eco_assets.jorge.doors import letters
from eco_assets.jorge.doors.door import Began, Form, Message, Unreached, short
from eco_assets.jorge.doors.masking import masked, shown
from eco_assets.jorge.doors.options import Notion

if TYPE_CHECKING:
    from notion_sync.documents.tree import Document

VERSION = "2026-03-11"
KEY, STATE, ROLE, DUE = "Chave", "Situação", "Responsável", "Prazo"
OPEN, PUBLISHED, WITHDRAWN = "Aberta", "Publicada", "Retirada"
_COLUMNS: dict[str, dict[str, Any]] = {KEY: {"rich_text": {}}, STATE: {"select": {}}, ROLE: {"rich_text": {}}, DUE: {"date": {}}}
_LATER = (409, 429, 529)


class NotionDoor:
    """A data source of Notion."""

    kind: ClassVar[str] = "notion"
    is_idempotent: ClassVar[bool] = True

    def __init__(self, options: Notion) -> None:
        self._options = options

    def send(self, key: str, message: Message, began: Began) -> str:
        """See `Door.send`."""
        document = document_of(key, message)
        found = self._find(key)
        if found is None:
            body = {"parent": {"data_source_id": self._options.data_source}, **self._content(document)}
            began()
            found = self._ask("POST", "pages", body)
        return f"Notion {found.get('url') or found['id']}"

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """Mark the page as withdrawn."""
        found = self._find(key)
        if found is None:
            return "no such page"
        self._ask("PATCH", f"pages/{found['id']}", {"properties": {STATE: {"select": {"name": WITHDRAWN}}}})
        return f"Notion {found.get('url') or found['id']}: {WITHDRAWN}"

    def check(self) -> str:
        """Read the data source."""
        source = self._ask("GET", f"data_sources/{self._options.data_source}", None)
        missing = [name for name in _COLUMNS if name not in source["properties"]]
        return "the data source answers" + (f"; columns made on first use: {', '.join(missing)}" if missing else "")

    @cached_property
    def _title(self) -> str:
        """Name of the data source's title; its missing columns are made."""
        source = self._ask("GET", f"data_sources/{self._options.data_source}", None)
        missing = {name: column for name, column in _COLUMNS.items() if name not in source["properties"]}
        if missing:
            self._ask("PATCH", f"data_sources/{self._options.data_source}", {"properties": missing})
        return next(str(name) for name, column in source["properties"].items() if column["type"] == "title")

    def _find(self, key: str) -> dict[str, Any] | None:
        title = self._title
        wanted = {"filter": {"property": KEY, "rich_text": {"equals": key}}, "page_size": 2}
        results = self._ask("POST", f"data_sources/{self._options.data_source}/query", wanted)["results"]
        return min(results, key=lambda page: str(page["created_time"])) if results and title else None

    def _content(self, document: Document) -> dict[str, Any]:
        from notion_sync.documents.notion_limits import appends
        from notion_sync.documents.notion_writer import rich_text, to_blocks

        requests = list(appends(to_blocks(document.blocks)))
        if len(requests) > 1 or any(request.below for request in requests):
            raise ActionRefused(f"the page {document.title!r} is longer than one request; a step's page must be short")
        properties: dict[str, Any] = {self._title: {"title": rich_text(document.title)}}
        for name, value in document.properties.items():
            column = next(iter(_COLUMNS[name]))
            properties[name] = {column: _value(column, str(value))}
        return {"properties": properties, "children": requests[0].children if requests else []}

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """One request; waits as long as Notion asks for, within the door's patience."""
        deadline = time.monotonic() + self._options.patience_s
        while True:
            try:
                return self._once(method, path, body)
            except _Wait as asked:
                if time.monotonic() + asked.seconds > deadline:
                    raise asked.error from asked.__cause__
                time.sleep(asked.seconds)

    def _once(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        import httpx
        from notion_client.errors import HTTPResponseError, RequestTimeoutError

        try:
            with self._client() as client:
                return dict(client.request(path, method, body=body))
        except HTTPResponseError as error:
            told = _told(error.status, str(error))
            wait = str(error.headers.get("Retry-After") or error.headers.get("retry-after") or "") if error.status == 429 else ""
            raise (_Wait(float(wait), told) if wait.isdigit() else told) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreached(f"Notion does not answer: {error}") from error
        except (httpx.TransportError, RequestTimeoutError, ValueError) as error:
            raise DoorUnavailable(f"no whole answer of Notion: {type(error).__name__}: {error}") from error

    def _client(self) -> Any:
        from notion_client import Client

        token, wait = self._options.token.get_secret_value(), int(self._options.timeout_s * 1000)
        return Client(auth=token, base_url=self._options.base_url, timeout_ms=wait, notion_version=VERSION, retry=False)


class FolderDoor:
    """The folder that stands in for Notion."""

    kind: ClassVar[str] = "notion"
    is_idempotent: ClassVar[bool] = True

    def __init__(self, options: Notion) -> None:
        self._options = options

    def send(self, key: str, message: Message, began: Began) -> str:
        """See `Door.send`."""
        return self._publish(key, message, document_of(key, message), began)

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """Mark the page as withdrawn; what a person wrote on it is kept beside it."""
        return f"{self._publish(key, message, document_of(key, message, is_withdrawal=True), began)}: {WITHDRAWN}"

    def check(self) -> str:
        """Look for the folder."""
        folder = self._options.folder
        if folder is None or not folder.is_dir():
            raise Unreached(f"the folder {folder} is not there")
        return f"{folder} is there"

    def _publish(self, key: str, message: Message, document: Document, began: Began) -> str:
        from notion_sync.workspace import FolderWorkspace

        began()
        path = page_path(key, message)
        try:
            FolderWorkspace(self._options.folder or "").publish(path, document)  # type: ignore[arg-type]
        except OSError as error:
            raise DoorUnavailable(f"the page {path} cannot be written: {error}") from error
        return f"página {path}"


def open_notion(options: Notion) -> NotionDoor | FolderDoor:
    """The door that the options ask for."""
    return FolderDoor(options) if options.folder is not None else NotionDoor(options)


def document_of(key: str, message: Message, *, is_withdrawal: bool = False) -> Document:
    """The page of a message, masked.

    Raises:
        PermanentError: its template lacks a field.
    """
    from notion_sync.documents.markdown_reader import read_blocks_of
    from notion_sync.documents.tree import Document
    from notion_sync.privacy import shown_text

    values = {name: masked(name, value) for name, value in {**message, **message.get("values", {})}.items() if name != "values"}
    template = str(message.get("template") or "tarefa")
    written = letters.write(template, values)
    is_task = bool(message.get("due"))
    state = WITHDRAWN if is_withdrawal else OPEN if is_task else PUBLISHED
    properties: dict[str, str] = {KEY: key, STATE: state}
    if message.get("role"):
        properties[ROLE] = str(message["role"])
    if is_task:
        properties[DUE] = str(message["due"])[:10]
    title = shown_text(str(message.get("title") or written.subject))
    return Document(title, properties, read_blocks_of(written.body))


def page_path(key: str, message: Message) -> str:
    """Where the page lies in the folder."""
    path = str(message.get("path") or f"tarefas/{message.get('due', '')}-{short(key)[:12]}".replace("/-", "/"))
    return path if path.endswith(".md") else f"{path}.md"


def form(key: str, message: Message, *, is_withdrawal: bool = False) -> Form:
    """The page as Markdown, with its properties."""
    from notion_sync.documents.markdown_writer import to_markdown

    text = to_markdown(document_of(key, message, is_withdrawal=is_withdrawal))
    return Form({"page": page_path(key, message)}, {"md": text.encode()})


class _Wait(Exception):
    """Notion asks for a pause of so many seconds; `error` is what to raise where that is too long."""

    def __init__(self, seconds: float, error: EcoError) -> None:
        super().__init__(seconds)
        self.seconds, self.error = seconds, error


def _value(column: str, value: str) -> Any:
    from notion_sync.documents.notion_writer import rich_text

    makers: dict[str, Callable[[], Any]] = {
        "rich_text": lambda: rich_text(value),
        "select": lambda: {"name": value},
        "date": lambda: {"start": value},
    }
    return makers[column]()


def _told(status: int, said: str) -> EcoError:
    if status in _LATER or status >= 500:
        return DoorUnavailable(f"Notion cannot take it now: {status} {shown(said)}")
    return ActionRefused(f"Notion refuses it: {status} {shown(said)}")
