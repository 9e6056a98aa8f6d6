"""What is recorded can be replayed, and holds no token and no address of a person."""

from __future__ import annotations

from pathlib import Path

from cassette_replay import Replay, recordings
from notion_workspaces import client_of

from notion_sync.testing.recorder import Recorder
from notion_sync.testing.server import TOKEN, NotionEmulator


def test_a_recording_replays_and_holds_no_secret(tmp_path: Path) -> None:
    recorder = Recorder()
    with NotionEmulator(seed=1) as emulator, client_of(emulator.url, TOKEN, recorder) as client:
        root = emulator.root_page()
        emulator.person("Ana Souza")
        client.users.list()
        page = client.pages.create(parent={"page_id": root}, properties={"title": [{"text": {"content": "ação"}}]})["id"]
        children = [{"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "um"}}]}}]
        block = client.blocks.children.append(page, children=children)["results"][0]["id"]
        client.blocks.update(block, paragraph={"rich_text": [{"text": {"content": "dois"}}]})
        client.blocks.delete(block)
    file = tmp_path / "cassettes" / "test.yaml"
    recorder.save(file)
    text = file.read_text("utf-8")
    assert TOKEN not in text
    assert "ana.souza" not in text
    ((name, interactions),) = recordings(tmp_path)
    played = list(Replay(NotionEmulator(seed=2)).play(interactions))
    assert (name, len(played)) == ("test", 5)
    assert [(operation, is_same, differences) for operation, is_same, differences in played if operation != "GET /v1/users"] == [
        ("POST /v1/pages", True, []),
        ("PATCH /v1/blocks/{id}/children", True, []),
        ("PATCH /v1/blocks/{id}", True, []),
        ("DELETE /v1/blocks/{id}", True, []),
    ]
