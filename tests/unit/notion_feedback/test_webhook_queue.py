"""Notion's deliveries: signed or refused, queued once whatever their order, our own echo apart."""

from __future__ import annotations

import json
import random
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import notion_client
import pytest

from eco_assets.errors import RequestRefused
from eco_assets.settings import PROJECT_ROOT
from notion_sync.testing.deliveries import Deliveries
from notion_sync.testing.server import TOKEN as EMULATOR_TOKEN
from notion_sync.testing.server import NotionEmulator
from notion_sync.testing.store import BOT_ID
from notion_sync.webhooks import Handshake, Inbox, handshake, is_signed, read_delivery, signature

TOKEN = "secret_of_this_subscription"  # noqa: S105
PAGE, PERSON, BOT = "1a2b3c4d-0000-4000-8000-000000000001", "7f000000-0000-4000-8000-000000000002", "b0700000-0000-4000-8000-000000000003"
TYPES = PROJECT_ROOT.parent / "shared" / "notion" / "notion-types.schema.json"


def payload(number: int, kind: str = "page.properties_updated", *, by: str = PERSON, type: str = "person") -> dict[str, Any]:
    """A delivery as Notion sends it."""
    comment = kind.startswith("comment")
    parent = {"id": PAGE, "type": "page"}
    return {
        "id": f"de000000-0000-4000-8000-{number:012d}",
        "timestamp": f"2026-11-22T12:{number % 60:02d}:00.000Z",
        "workspace_id": PAGE,
        "workspace_name": "Eco",
        "subscription_id": PAGE,
        "integration_id": BOT,
        "type": kind,
        "authors": [{"id": by, "type": type}],
        "accessible_by": [],
        "attempt_number": 1,
        "api_version": "2026-03-11",
        "entity": {"id": f"c0{PAGE[2:]}", "type": "comment"} if comment else parent,
        "data": {"parent": parent, "page_id": PAGE} if comment else {"parent": parent, "updated_properties": ["title"]},
    }


def raw(*arguments: Any, **named: Any) -> bytes:
    return json.dumps(payload(*arguments, **named)).encode()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "knowledge" / "webhooks.db")


@pytest.mark.parametrize("kind", ["PagePropertiesUpdated", "CommentCreated"])
def test_our_deliveries_are_what_notion_s_own_types_say(kind: str) -> None:
    rs = pytest.importorskip("jsonschema_rs")
    if not TYPES.exists():
        pytest.skip("the types of Notion's SDK are not here (../shared/notion)")
    # The SDK's types say why something is deprecated, JSON Schema only whether.
    schema = json.loads(TYPES.read_text(encoding="utf-8"), object_hook=lambda held: {k: v for k, v in held.items() if k != "deprecated"})
    name = {"PagePropertiesUpdated": "page.properties_updated", "CommentCreated": "comment.created"}[kind]
    rs.validator_for({**schema, "$ref": f"#/definitions/{kind}WebhookPayload"}).validate(payload(1, name))


def test_a_signature_is_of_the_very_bytes() -> None:
    body = raw(1)
    good = signature(TOKEN, body)
    assert is_signed(TOKEN, body, good)
    assert not is_signed(TOKEN, json.dumps(json.loads(body), indent=1).encode(), good), "the same content in other bytes"
    for wrong in ("", "sha256=", good[:-1], good.replace("sha256", "sha1"), signature("another", body), "sha256=é"):
        assert not is_signed(TOKEN, body, wrong)


def test_duplicates_and_any_order_give_the_same_queue(tmp_path: Path) -> None:
    bodies = [raw(number) for number in range(20)] * 3
    queues = []
    for seed in range(4):
        inbox = Inbox(tmp_path / str(seed) / "webhooks.db")
        shuffled = random.Random(seed).sample(bodies, len(bodies))
        outcomes = [inbox.receive(read_delivery(body)) for body in shuffled]
        assert (outcomes.count("queued"), outcomes.count("duplicate")) == (20, 40)
        queues.append({(each.id, each.page) for each in inbox.after()})
    assert all(queue == queues[0] for queue in queues)


def test_workers_that_receive_the_same_delivery_at_once_queue_it_once(inbox: Inbox) -> None:
    outcomes: list[str] = []

    def worker() -> None:
        outcomes.extend(inbox.receive(read_delivery(raw(number))) for number in range(10))

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (outcomes.count("queued"), outcomes.count("duplicate")) == (10, 30)


def test_our_own_echo_waits_for_nobody(inbox: Inbox) -> None:
    assert inbox.receive(read_delivery(raw(1, by=BOT, type="bot"))) == "queued", "who we are is not known yet"
    inbox.claim([BOT])
    assert inbox.receive(read_delivery(raw(2, by=BOT, type="bot"))) == "echo"
    assert inbox.receive(read_delivery(raw(3, by="another-bot", type="bot"))) == "queued"
    both = {**payload(4), "authors": [{"id": BOT, "type": "bot"}, {"id": PERSON, "type": "person"}]}
    assert inbox.receive(read_delivery(json.dumps(both).encode())) == "queued", "a person wrote within the same aggregated event"
    assert [each.seq for each in inbox.after(1)] == [3, 4]


def test_what_people_and_we_do_in_the_workspace_arrives_as_badly_as_notion_may_send_it(inbox: Inbox) -> None:
    with NotionEmulator() as emulator:
        root = emulator.root_page()
        deliveries, ana = Deliveries(emulator, TOKEN), emulator.person("Ana")
        inbox.claim([BOT_ID])
        client = notion_client.Client(auth=EMULATOR_TOKEN, base_url=emulator.url, notion_version="2026-03-11", retry=False)
        ours = client.request("pages", "POST", body={"parent": {"page_id": root}, "properties": {"title": [{"text": {"content": "Nova"}}]}})
        echo = deliveries.take()
        block = ana.write(ours["id"], "uma nota")
        ana.edit(block, "uma nota melhor")
        ana.comment(ours["id"], "de acordo")
        ana.delete(root)
        people = deliveries.take()
    assert (len(echo), len(people)) == (1, 3)
    sent = random.Random(5).sample((echo + people) * 3, 12)
    outcomes = [inbox.receive(read_delivery(raw)) for raw, sign in sent if is_signed(TOKEN, raw, sign)]
    assert (outcomes.count("queued"), outcomes.count("echo"), outcomes.count("duplicate")) == (3, 1, 8)
    assert {(each.type, each.page) for each in inbox.after()} == {
        ("page.content_updated", ours["id"]),
        ("comment.created", ours["id"]),
        ("page.deleted", root),
    }


def test_a_comment_names_its_page_and_new_kinds_are_taken(inbox: Inbox) -> None:
    inbox.receive(read_delivery(raw(1, "comment.created")))
    inbox.receive(read_delivery(raw(2, "page.of_the_future")))
    assert [each.page for each in inbox.after()] == [PAGE, PAGE]


def test_old_deliveries_are_forgotten(inbox: Inbox) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    inbox.receive(read_delivery(raw(1)), now - timedelta(days=31))
    inbox.receive(read_delivery(raw(2)), now)
    assert len(inbox.after()) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1}', b"\xff", b'{"id":"x","type":"t","timestamp":"soon","entity":{}}'])
def test_what_is_no_delivery_is_refused_with_what_is_wrong(body: bytes) -> None:
    with pytest.raises(RequestRefused, match="no delivery of Notion's"):
        read_delivery(body)


def test_the_first_request_s_token_is_shown_once(tmp_path: Path) -> None:
    assert handshake(b'{"verification_token": "secret_abc123"}') == "secret_abc123"
    for other in (
        b"no json",
        raw(1),
        b'{"verification_token": 5}',
        b'{"verification_token": "x"}',
        b'{"verification_token": "a\\nb cdefgh"}',
    ):
        assert handshake(other) is None
    kept = Handshake(tmp_path / "home" / "token")
    assert kept.take() is None
    kept.keep("secret_abc123")
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert (kept.take(), kept.take()) == ("secret_abc123", None)
