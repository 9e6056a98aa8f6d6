"""Recorded traffic of the real API, played against the emulator: what matches, operation by operation.

Objects that a recording uses but does not create are put into the emulator as they first appear. Ids that the API made are
bound to ours in pairs. What chance decides (times, colours, addresses, authors, order without a sort) is not compared.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from eco_assets.settings import PROJECT_ROOT
from notion_sync.testing.routes import find_route
from notion_sync.testing.server import TOKEN, NotionEmulator
from notion_sync.testing.store import BOT_ID, Node

CASSETTES = PROJECT_ROOT.parent / "shared" / "notion" / "cassettes"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LOOSE_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
BY_CHANCE = {
    "request_id", "created_time", "last_edited_time", "url", "public_url", "expiry_time", "upload_url", "next_cursor", "next_url", "color",
    "created_by", "last_edited_by", "display_name", "avatar_url", "bot", "integration_id", "href",
}  # fmt: skip
HOSTS = re.compile(r"notion\.com|127\.0\.0\.1")
UNORDERED = ("POST /v1/search", "GET /v1/comments", "GET /v1/file_uploads", "GET /v1/users")


@dataclass(frozen=True)
class Recorded:
    """One request and its answer, as recorded."""

    method: str
    target: str
    body: Any
    version: str
    status: int
    answer: Any


@dataclass
class Score:
    """How the emulator did at one operation."""

    total: int = 0
    status: int = 0
    equal: int = 0


@dataclass
class Replay:
    """Plays one recording."""

    emulator: NotionEmulator
    ids: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def play(self, interactions: list[Recorded]) -> Iterator[tuple[str, bool, list[str]]]:
        """Yield for each request the operation, whether the status is the same, and where the answers differ."""
        for said, _, status in self.answers(interactions):
            found = find_route(said.method, urlsplit(said.target).path)
            yield found[0].name if found else "GET /v1/{unknown}", status == said.status, self.differences

    def answers(self, interactions: list[Recorded]) -> Iterator[tuple[Recorded, Any, int]]:
        """Ask the emulator each request; what differs is left in `differences`."""
        Seeds(self.emulator).plant(interactions)
        for said in interactions:
            found = find_route(said.method, urlsplit(said.target).path)
            is_multipart = isinstance(said.body, (bytes, str)) and "Content-Disposition" in str(said.body)[:400]
            if (found is None and "/invalid" not in said.target) or is_multipart:
                continue  # views, async tasks and moves are not emulated; bodies of files are not recorded whole
            self._set_clock(said)
            status, answer = self._ask(said)
            self.differences = self.compare(said.answer, answer, found[0].name if found else "", said.body)
            yield said, answer, status

    def _set_clock(self, said: Recorded) -> None:
        """Let the emulator's time be that of the recorded write: filters such as `this_week` need it."""
        time = said.answer.get("last_edited_time") if isinstance(said.answer, dict) else None
        if said.method != "GET" and isinstance(time, str):
            self.emulator.clock.now = datetime.fromisoformat(time)

    def _ask(self, said: Recorded) -> tuple[int, Any]:
        headers = {"authorization": "Bearer " + ("wrong" if said.status == 401 else TOKEN), "notion-version": said.version}
        raw = json.dumps(self._ours(said.body)).encode() if said.body not in (None, "", b"") else b""
        status, answer, _, _ = self.emulator.answer(said.method, self._target(said.target), headers, raw)
        return status, answer

    def _target(self, target: str) -> str:
        head, mark, tail = LOOSE_UUID.sub(self._our_id, target).partition("/properties/")
        key, query, rest = tail.partition("?")
        return f"{head}{mark}{self.properties.get(unquote(key), key)}{query}{rest}" if mark else head

    def _our_id(self, match: re.Match[str]) -> str:
        text = match.group().replace("-", "")
        dashed = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        return self.ids.get(dashed, match.group())

    def _ours(self, value: Any, parent: str = "") -> Any:
        if isinstance(value, str):
            if parent == "start_cursor":
                return self.cursors.get(value, value)
            if (parent in ("property", "id") or parent.endswith("property_id")) and unquote(value) in self.properties:
                return self.properties[unquote(value)]
            return LOOSE_UUID.sub(self._our_id, value) if LOOSE_UUID.fullmatch(value) else value
        if isinstance(value, list):
            return [self._ours(entry, parent) for entry in value]
        if isinstance(value, dict):
            is_map = parent == "properties"
            return {self.properties.get(unquote(k), k) if is_map else k: self._ours(entry, k) for k, entry in value.items()}
        return value

    def compare(self, theirs: Any, ours: Any, name: str, body: Any) -> list[str]:
        """Return where two answers differ, binding ids on the way."""
        if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.get("next_cursor") and ours.get("next_cursor"):
            self.cursors[theirs["next_cursor"]] = ours["next_cursor"]
        is_free = name in UNORDERED or (name.endswith("/query") and not (isinstance(body, dict) and body.get("sorts")))
        if is_free and isinstance(theirs, dict) and isinstance(ours, dict) and "results" in theirs and "results" in ours:
            ours = {**ours, "results": self._aligned(theirs["results"], ours["results"])}
        return list(self._differences(theirs, ours, ""))

    def _aligned(self, theirs: list[Any], ours: list[Any]) -> list[Any]:
        rest, aligned = list(ours), []
        for entry in theirs:
            wanted = self.ids.get(entry.get("id", ""), entry.get("id"))
            found = next((other for other in rest if other.get("id") == wanted), None)
            if found is not None:
                rest.remove(found)
                aligned.append(found)
        return aligned + rest

    def _differences(self, theirs: Any, ours: Any, path: str) -> Iterator[str]:
        if isinstance(theirs, dict) and isinstance(ours, dict):
            if theirs.get("object") == "user" and ours.get("object") == "user":
                return
            for key in sorted({*theirs, *ours} - BY_CHANCE):
                if key not in theirs or key not in ours:
                    yield f"{path}.{key}: {'missing in ours' if key not in ours else 'only in ours'}"
                else:
                    yield from self._differences(theirs[key], ours[key], f"{path}.{key}")
        elif isinstance(theirs, list) and isinstance(ours, list):
            if len(theirs) != len(ours):
                yield f"{path}: {len(theirs)} entries against {len(ours)}"
            for index, (one, other) in enumerate(zip(theirs, ours, strict=False)):
                yield from self._differences(one, other, f"{path}[{index}]")
        elif isinstance(theirs, str) and isinstance(ours, str):
            if not self._same_text(theirs, ours, path.rsplit(".", 1)[-1], path):
                yield f"{path}: {theirs[:60]!r} against {ours[:60]!r}"
        elif theirs != ours:
            yield f"{path}: {str(theirs)[:60]} against {str(ours)[:60]}"

    def _same_text(self, theirs: str, ours: str, key: str, path: str) -> bool:
        if UUID.fullmatch(theirs) and UUID.fullmatch(ours):
            return self.ids.setdefault(theirs, ours) == ours
        if (key == "id" or key.endswith("property_id")) and not UUID.fullmatch(theirs):
            return self.properties.setdefault(unquote(theirs), ours) == ours
        return theirs == ours


class Seeds:
    """Puts into the emulator what a recording takes for granted."""

    def __init__(self, emulator: NotionEmulator) -> None:
        self.store, self.known = emulator.store, set[str]()

    def plant(self, interactions: list[Recorded]) -> None:
        """Plant every object that appears before anything in the recording creates it."""
        created: set[str] = set()
        pending: list[Any] = []
        for said in interactions:
            if said.status != 200 or not isinstance(said.answer, dict):
                continue
            objects = [entry for entry in said.answer.get("results", [said.answer]) if isinstance(entry, dict)]
            is_new = said.method == "POST" and not urlsplit(said.target).path.endswith(("/query", "/search"))
            is_new = is_new or (said.method == "PATCH" and said.target.endswith("/children"))
            for entry in objects:
                identity = entry.get("id", "")
                if is_new:
                    created.add(identity)
                    created.update(source["id"] for source in entry.get("data_sources", []))
                elif identity not in created and identity not in self.known:
                    self.known.add(identity)
                    pending.append(entry)
        order = {"user": 0, "database": 1, "data_source": 2, "page": 3, "block": 4, "comment": 5}
        for entry in sorted(pending, key=lambda one: order.get(one.get("object"), 9)):
            self._plant(entry, created)
        for said in interactions:
            self._users(said.answer)
            in_path = re.search(r"/(pages|blocks)/([0-9a-f-]{36})", said.target)
            if in_path and said.status == 200 and in_path.group(2) not in created and in_path.group(2) not in self.store.nodes:
                self._stub(in_path.group(2))
            for identity in self._parents(said.body):
                if identity not in created and identity not in self.store.nodes:
                    self._stub(identity)

    def _users(self, value: Any) -> None:
        """Learn the names of users from wherever they are told."""
        if isinstance(value, list):
            for entry in value:
                self._users(entry)
        elif isinstance(value, dict):
            if value.get("object") == "user" and value.get("name"):
                self.store.users.setdefault(value["id"], value)
            for entry in value.values():
                self._users(entry)

    def _parents(self, body: Any) -> Iterator[str]:
        parent = body.get("parent") if isinstance(body, dict) else None
        if isinstance(parent, dict):
            for key in ("page_id", "database_id", "data_source_id", "block_id"):
                text = str(parent.get(key) or "").replace("-", "")
                if text:
                    yield "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def _stub(self, identity: str) -> Node:
        node = Node(
            identity, "page", {"type": "workspace", "workspace": True}, self.store.clock.now, self.store.clock.now, BOT_ID, BOT_ID, {}
        )
        node.data = {"values": {}, "icon": None, "cover": None}
        self.store.nodes[identity] = node
        return node

    def _plant(self, said: Any, created: set[str]) -> None:
        kind, identity = said.get("object"), said.get("id", "")
        if kind == "user":
            self.store.users.setdefault(identity, said)
            return
        if kind not in ("page", "database", "data_source", "block", "comment") or identity in self.store.nodes or identity in created:
            return
        node = Node(identity, kind, {k: v for k, v in said["parent"].items() if k in ("type", said["parent"]["type"])},
                    self.store.clock.now, self.store.clock.now, BOT_ID, BOT_ID, {}, said.get("type", ""))  # fmt: skip
        node.in_trash = bool(said.get("in_trash"))
        node.data = getattr(self, f"_{kind}")(said)
        if node.type == "child_page":
            node.kind, node.data = "page", {"values": _title(said["child_page"]["title"]), "icon": None, "cover": None}
        elif node.type == "child_database":
            node.kind, node.data = "database", _empty_database(said)
        self.store.nodes[identity] = node
        owner = self.store.nodes.get(str(node.parent.get(node.parent["type"])))
        if owner is not None and kind != "comment" and identity not in owner.children:
            owner.children.append(identity)

    def _page(self, said: Any) -> Any:
        values = {spec["id"]: {spec["type"]: spec[spec["type"]]} for spec in said["properties"].values()}
        parent = said["parent"]
        if parent["type"] == "data_source_id" and parent["data_source_id"] not in self.store.nodes:
            schema = {
                spec["id"]: {"id": spec["id"], "name": name, "type": spec["type"], spec["type"]: _config(spec)}
                for name, spec in said["properties"].items()
            }
            source = self._stub(parent["data_source_id"])
            source.kind, source.data = "data_source", {"title": [], "description": [], "schema": schema}
            source.parent = {"type": "database_id", "database_id": parent.get("database_id")}
        number = next((spec["unique_id"]["number"] for spec in said["properties"].values() if spec["type"] == "unique_id"), None)
        flags = {name: said.get(name) for name in ("is_archived", "is_locked")}
        return {"values": values, "icon": said["icon"], "cover": said["cover"], "number": number, **flags}

    def _database(self, said: Any) -> Any:
        return {name: said.get(name) for name in ("title", "description", "is_inline", "icon", "cover", "is_locked")}

    def _data_source(self, said: Any) -> Any:
        database = said["parent"].get("database_id")
        if database and database not in self.store.nodes:
            node = self._stub(database)
            node.kind, node.parent = "database", said.get("database_parent") or node.parent
            node.data = {name: said[name] for name in ("title", "description", "is_inline", "icon", "cover")}
        schema = {spec["id"]: spec for spec in said["properties"].values()}
        return {"title": said["title"], "description": said["description"], "icon": said["icon"], "schema": schema}

    def _block(self, said: Any) -> Any:
        return said.get(said["type"], {})

    def _comment(self, said: Any) -> Any:
        return {"discussion_id": said["discussion_id"], "rich_text": said["rich_text"], "is_resolved": False}


def _title(words: str) -> Any:
    from notion_sync.testing.content import text_item

    return {"title": {"title": [text_item(words)] if words else []}}


def _empty_database(said: Any) -> Any:
    return {
        "title": _title(said["child_database"]["title"])["title"]["title"],
        "description": [],
        "is_inline": False,
        "icon": None,
        "cover": None,
    }


def _config(spec: Any) -> Any:
    if spec["type"] in ("select", "multi_select", "status"):
        return {"options": []}
    return {"prefix": None} if spec["type"] == "unique_id" else {}


def recordings(root: Path = CASSETTES) -> Iterator[tuple[str, list[Recorded]]]:
    """Yield the Notion traffic of every recording."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted(root.glob("**/*.yaml")):
        loaded = yaml.load(file.read_text("utf-8"), Loader=loader)  # noqa: S506 - one of the two safe loaders
        found = [_recorded(entry) for entry in loaded["interactions"] if HOSTS.search(entry["request"]["uri"])]
        yield file.stem, found


def _recorded(entry: Any) -> Recorded:
    request, response = entry["request"], entry["response"]
    text = response.get("content") or response.get("body", {}).get("string") or "{}"
    status = response.get("status_code") or response["status"]["code"]
    headers = {name.lower(): values[0] if isinstance(values, list) else values for name, values in request["headers"].items()}
    body = request.get("body")
    try:
        body = json.loads(body) if body else None
    except (ValueError, UnicodeDecodeError):
        body = str(body)
    target = re.sub(r"^(https?://)?[^/]+", "", request["uri"])
    return Recorded(request["method"], target, body, headers.get("notion-version", "2026-03-11"), int(status), json.loads(text))


def replay_all() -> tuple[dict[str, Score], dict[str, list[str]]]:
    """Play every recording; return the scores and, by operation, the first differences."""
    scores: dict[str, Score] = defaultdict(Score)
    shown: dict[str, list[str]] = defaultdict(list)
    for name, interactions in recordings():
        for operation, is_status, differences in Replay(NotionEmulator()).play(interactions):
            score = scores[operation]
            score.total, score.status, score.equal = score.total + 1, score.status + is_status, score.equal + (not differences)
            if differences:
                shown[operation].append(f"{name}: {'; '.join(differences[:4])}")
    return dict(scores), shown
