"""What the emulated workspace holds: pages, blocks, databases, comments; who may see them; how the API shows them."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import quote
from uuid import UUID

from notion_sync.testing.content import Draft, plain
from notion_sync.testing.wire import Json, MinuteClock, invalid, minute, not_found, precise

Kind = Literal["page", "block", "database", "data_source", "comment", "file_upload"]
BOT_ID = "00000000-0000-4000-8000-0000000000b0"
WORKSPACE_ID = "00000000-0000-4000-8000-0000000000f0"


@dataclass
class Node:
    """Anything with an id. `data` is what the API says about it, without what every object has; `children` are ids in order."""

    id: str
    kind: Kind
    parent: Json
    created: datetime
    edited: datetime
    created_by: str
    edited_by: str
    data: Json
    type: str = ""
    children: list[str] = field(default_factory=list)
    in_trash: bool = False


class Store:
    """All objects, in memory. Not locked: the server handles one request at a time."""

    def __init__(self, clock: MinuteClock, seed: int = 0) -> None:
        self.clock = clock
        self.random = random.Random(seed)  # noqa: S311 - ids of a test
        self.nodes: dict[str, Node] = {}
        self.unshared: set[str] = set()
        self.users: dict[str, Json] = {BOT_ID: _bot()}
        self.comment_capability = True
        self.search_lag_s = 0.0

    def new_id(self) -> str:
        """Return an id that was never used, reproducible by the seed."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def property_id(self) -> str:
        """Return an id for a property, as the API writes them: four characters, percent-encoded."""
        return quote("".join(self.random.choices(string.ascii_letters + string.digits + ":?<>[]~", k=4)), safe="~")

    def add(self, kind: Kind, parent: Json, data: Json, *, by: str, type: str = "", at: int | None = None) -> Node:
        """Create an object below `parent`, at a position among its children or at their end."""
        now = self.clock.now
        node = Node(self.new_id(), kind, parent, now, now, by, by, data, type)
        self.nodes[node.id] = node
        owner = self.nodes.get(_owner_id(parent)) if kind != "comment" else None
        if owner is not None:
            owner.children.insert(len(owner.children) if at is None else at, node.id)
        return node

    def add_drafts(self, parent: Node, drafts: list[Draft], *, by: str, at: int | None = None) -> list[Node]:
        """Create blocks and what is below them."""
        made: list[Node] = []
        reference: Json = {"type": f"{'page' if parent.kind == 'page' else 'block'}_id"}
        reference[reference["type"]] = parent.id
        for offset, draft in enumerate(drafts):
            node = self.add(
                "block", dict(reference), self.attached(draft.content), by=by, type=draft.kind, at=None if at is None else at + offset
            )
            self.add_drafts(node, draft.children, by=by)
            made.append(node)
        return made

    def attached(self, content: Json) -> Json:
        """Return content in which an upload has become a file of Notion's own."""
        if content.get("type") != "file_upload":
            return content
        upload = self.find(content["file_upload"]["id"], "file_upload")
        if upload.data["status"] != "uploaded":
            raise invalid(f"File upload {upload.id} has not been uploaded: its status is {upload.data['status']}.")
        address = f"https://prod-files-secure.s3.us-west-2.amazonaws.com/{WORKSPACE_ID}/{upload.id}/{quote(upload.data['filename'])}?X-Amz-Expires=3600"
        rest = {name: value for name, value in content.items() if name not in ("type", "file_upload")}
        return {**rest, "type": "file", "file": {"url": address, "expiry_time": minute(self.clock.now)}}

    def find(self, identity: str, *kinds: Kind, trashed: bool = True) -> Node:
        """Return an object that the integration may see.

        Raises:
            ApiError: there is none, it is not shared, or it is in the trash and must not be.
        """
        node = self.nodes.get(identity)
        name = kinds[0] if kinds else "block"
        if node is None or (kinds and node.kind not in kinds) or not self.is_shared(node):
            raise not_found(name, identity, BOT_ID)
        if not trashed and self.is_trashed(node):
            raise invalid(f"Can't edit {name} that is archived. You must unarchive the {name} before editing.")
        return node

    def owner(self, node: Node) -> Node | None:
        """Return what an object stands in, None at the top of the workspace."""
        return self.nodes.get(_owner_id(node.parent))

    def lineage(self, node: Node) -> Iterator[Node]:
        """Yield the object and everything it stands in."""
        at: Node | None = node
        while at is not None:
            yield at
            at = self.owner(at)

    def is_trashed(self, node: Node) -> bool:
        """Whether the object or anything it stands in is in the trash."""
        return any(each.in_trash for each in self.lineage(node))

    def is_shared(self, node: Node) -> bool:
        """Whether the integration may see the object."""
        return not any(each.id in self.unshared for each in self.lineage(node))

    def living(self, node: Node) -> list[Node]:
        """Return the children that are not in the trash."""
        return [child for child in (self.nodes[identity] for identity in node.children) if not child.in_trash]

    def touch(self, node: Node, by: str) -> None:
        """Note an edit: of the object and, for a block, of the page it is on."""
        for each in self.lineage(node):
            each.edited, each.edited_by = self.clock.now, by
            if each.kind == "page" or node.kind in ("database", "data_source"):
                return

    def data_source_of(self, page: Node) -> Node | None:
        """Return the data source whose row a page is."""
        owner = self.owner(page)
        return owner if owner is not None and owner.kind == "data_source" else None

    def title(self, node: Node) -> str:
        """Return the words of a title."""
        if node.kind == "page":
            schema = self.schema(node)
            found = next((identity for identity, spec in schema.items() if spec["type"] == "title"), "title")
            return plain(node.data["values"].get(found, {}).get("title", []))
        return plain(node.data.get("title", []))

    def schema(self, page: Node) -> dict[str, Json]:
        """Return the properties that a page has: id → configuration."""
        source = self.data_source_of(page)
        title = {"id": "title", "name": "title", "type": "title", "title": {}}
        found: dict[str, Json] = source.data["schema"] if source is not None else {"title": title}
        return found

    def name_of(self, kind: str, identity: str) -> str:
        """Return how a mention shows a user, page or database."""
        if kind == "user":
            return str(self.users.get(identity, {}).get("name", "Anonymous"))
        node = self.nodes.get(identity)
        return self.title(node) if node is not None else "Untitled"

    def user(self, identity: str) -> Json:
        """Return the short form of a user, as objects carry it."""
        return {"object": "user", "id": identity}

    def block_view(self, node: Node) -> Json:
        """Return a block, or a page or database as the block that stands for it."""
        kind, content = node.type, node.data
        if node.kind in ("page", "database"):
            kind, content = f"child_{node.kind}", {"title": self.title(node)}
        return {
            "object": "block",
            "id": node.id,
            "parent": self.block_parent(node),
            **self._times(node),
            "created_by": self.user(node.created_by),
            "last_edited_by": self.user(node.edited_by),
            "has_children": node.kind != "database" and bool(self.living(node)),
            "in_trash": self.is_trashed(node),
            "type": kind,
            kind: content,
        }

    def block_parent(self, node: Node) -> Json:
        """Return a parent as blocks name it."""
        return node.parent

    def page_view(self, node: Node, properties: Json) -> Json:
        """Return a page with its properties."""
        slug = "".join(character if character.isascii() and character.isalnum() else "-" for character in self.title(node)).strip("-")
        return {
            "object": "page",
            "id": node.id,
            **self._times(node),
            "created_by": self.user(node.created_by),
            "last_edited_by": self.user(node.edited_by),
            "cover": node.data["cover"],
            "icon": node.data["icon"],
            "parent": self._page_parent(node),
            "in_trash": self.is_trashed(node),
            "is_archived": bool(node.data.get("is_archived")),
            "is_locked": bool(node.data.get("is_locked")),
            "properties": properties,
            "url": self._url(node, slug),
            "public_url": None,
        }

    def _page_parent(self, node: Node) -> Json:
        source = self.data_source_of(node)
        return node.parent if source is None else {**node.parent, "database_id": source.parent["database_id"]}

    def database_view(self, node: Node) -> Json:
        """Return a database: a container of data sources."""
        sources = [{"id": source.id, "name": plain(source.data["title"]) or plain(node.data["title"])} for source in self.living(node)]
        return {
            "object": "database",
            "id": node.id,
            "title": node.data["title"],
            "description": node.data["description"],
            "parent": node.parent,
            "is_inline": node.data["is_inline"],
            "in_trash": self.is_trashed(node),
            "is_locked": bool(node.data.get("is_locked")),
            "created_time": precise(node.created),
            "last_edited_time": precise(node.edited),
            "data_sources": sources,
            "icon": node.data["icon"],
            "cover": node.data["cover"],
            "url": self._url(node),
            "public_url": None,
        }

    def data_source_view(self, node: Node) -> Json:
        """Return a data source with its schema."""
        database = self.nodes[node.parent["database_id"]]
        return {
            "object": "data_source",
            "id": node.id,
            "cover": database.data["cover"],
            "icon": node.data.get("icon"),
            **self._times(node),
            "created_by": self.user(node.created_by),
            "last_edited_by": self.user(node.edited_by),
            "title": node.data["title"],
            "description": node.data["description"],
            "is_inline": database.data["is_inline"],
            "properties": {spec["name"]: spec for spec in node.data["schema"].values()},
            "parent": node.parent,
            "database_parent": database.parent,
            "url": self._url(database),
            "public_url": None,
            "in_trash": self.is_trashed(node),
        }

    def comment_view(self, node: Node) -> Json:
        """Return a comment."""
        author = self.users.get(node.created_by, {})
        shown = {"type": "integration" if author.get("type") == "bot" else "user", "resolved_name": author.get("name")}
        return {
            "object": "comment",
            "id": node.id,
            "parent": node.parent,
            "discussion_id": node.data["discussion_id"],
            **self._times(node),
            "created_by": self.user(node.created_by),
            "rich_text": node.data["rich_text"],
            "display_name": shown,
        }

    def upload_view(self, node: Node) -> Json:
        """Return a file upload."""
        bot = {"id": node.created_by, "type": "bot"}
        return {"object": "file_upload", "id": node.id, **self._times(node), "created_by": bot, "in_trash": False, **node.data}

    def _times(self, node: Node) -> Json:
        return {"created_time": minute(node.created), "last_edited_time": minute(node.edited)}

    def _url(self, node: Node, slug: str = "") -> str:
        return f"https://app.notion.com/p/{slug}{'-' if slug else ''}{node.id.replace('-', '')}"

    def all(self, *kinds: Kind, trashed: bool = False) -> list[Node]:
        """Return every object of these kinds that the integration sees, oldest first; what is in the trash only if asked for."""
        found = (node for node in self.nodes.values() if node.kind in kinds and self.is_shared(node))
        return [node for node in found if trashed or not self.is_trashed(node)]


def _owner_id(parent: Json) -> str:
    """Return the id of what an object stands in; a row stands in its data source."""
    kind = parent.get("type", "")
    return str(parent.get(kind, "")) if kind != "workspace" else ""


def _bot() -> Json:
    owner = {"type": "workspace", "workspace": True}
    limits = {"max_file_upload_size_in_bytes": 5_242_880}
    bot = {"owner": owner, "workspace_name": "Eco", "workspace_id": WORKSPACE_ID, "workspace_limits": limits}
    return {"object": "user", "id": BOT_ID, "name": "Eco", "avatar_url": None, "type": "bot", "bot": bot}
