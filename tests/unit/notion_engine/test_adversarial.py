"""The adversarial list, what people and processes do; on both workspaces where both have it. Each test is named after its item.

What only Notion has is in `test_adversarial_notion.py`, what documents say in `test_adversarial_documents.py`, webhooks (duplicate, out of
order, lost, bad signature, replayed, own echo) in `tests/unit/notion_feedback/test_webhook_queue.py`.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desks import KEY, Desk, FolderDesk, NotionDesk, page
from storms import Crash, StormyFolder, make_stormy

from notion_sync.knowledge import Knowledge
from notion_sync.sync.store import Store
from notion_sync.workspaces.protocol import Workspace


def kinds(desk: Desk) -> list[str]:
    return [event.kind for event in desk.knowledge.events()]


def is_silent(desk: Desk) -> bool:
    for _ in range(2):
        desk.knowledge.sync()
    report = desk.knowledge.sync()
    return not (report.writes or report.events or report.unsettled) and not desk.knowledge.outbox_size()


def test_same_block_simultaneous_edit(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("o texto da máquina"))
    desk.edit("da máquina", "o texto da Ana")
    desk.knowledge.publish(KEY, page("o texto novo da máquina"))
    assert desk.shown()[1:] == ["o texto da Ana"]
    (conflict,) = desk.knowledge.conflicts()
    assert (conflict.before, conflict.after) == ("o texto da Ana", "o texto novo da máquina")
    assert is_silent(desk)


def test_edit_in_the_same_minute(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("o texto da máquina"))
    desk.knowledge.sync()
    desk.edit("da máquina", "o texto da Ana")
    desk.knowledge.sync()
    desk.edit("da Ana", "o texto da Ana, outra vez")
    desk.knowledge.sync()
    assert [event.after for event in desk.knowledge.events()] == ["o texto da Ana", "o texto da Ana, outra vez"]


def test_human_delete_vs_machine_update(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("fica, o primeiro", "vai embora, o segundo"))
    desk.delete("vai embora")
    desk.knowledge.publish(KEY, page("fica, o primeiro", "vai embora, em outra versão"))
    assert desk.shown()[1:] == ["fica, o primeiro"]
    assert kinds(desk) == ["deleted"]
    assert is_silent(desk)


def test_human_delete_vs_machine_delete(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("fica, o primeiro", "vai embora, o segundo"))
    desk.delete("vai embora")
    desk.knowledge.publish(KEY, page("fica, o primeiro"))
    assert desk.shown()[1:] == ["fica, o primeiro"]
    assert is_silent(desk)


def test_move_within_page(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("primeiro texto", "segundo texto", "terceiro texto"))
    desk.move_first("terceiro")
    desk.knowledge.publish(KEY, page("primeiro texto", "segundo texto", "terceiro texto, novo"))
    shown = [text for text in desk.shown() if "texto" in text]
    assert shown == ["terceiro texto, novo", "primeiro texto", "segundo texto"]
    assert "deleted" not in kinds(desk)


def test_select_option_unknown(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("texto"))
    desk.answer("Talvez depois")
    desk.knowledge.sync()
    told = [(event.kind, event.before, event.after) for event in desk.knowledge.events()]
    assert told == [("status_changed", "Proposta", "Talvez depois")]


def test_page_trashed_then_restored(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("primeiro texto"))
    desk.trash()
    assert desk.knowledge.sync().deleted == 1
    desk.knowledge.publish(KEY, page("primeiro texto, novo"))
    desk.take_back()
    desk.knowledge.sync()
    assert kinds(desk) == ["deleted", "restored"]
    assert desk.shown()[1:] == ["primeiro texto, novo"]
    assert is_silent(desk)


def test_comment_edited_is_told_again_and_a_comment_on_a_quiet_page_is_heard(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("texto"))
    if isinstance(desk, NotionDesk):
        desk.passes()
    desk.knowledge.sync()
    desk.knowledge.sync()
    desk.comment("por quê?")
    assert desk.knowledge.sync().events == 1
    assert [(event.kind, event.after) for event in desk.knowledge.events()] == [("commented", "por quê?")]
    assert is_silent(desk)


def test_two_sync_processes_at_once(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("primeiro texto", "segundo texto"))
    first = desk.knowledge
    second = Knowledge(first.root, first.store.path, None if isinstance(desk, FolderDesk) else desk._place)  # type: ignore[attr-defined]
    if isinstance(desk, NotionDesk):
        second.store.clock = desk.skew
    desk.edit("primeiro", "da Ana")
    newer = page("primeiro texto, novo", "segundo texto, novo")
    both = [threading.Thread(target=each.publish, args=(KEY, newer)) for each in (first, second)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert desk.shown()[1:] == ["da Ana", "segundo texto, novo"]
    assert sorted(kinds(desk)) == ["conflict", "edited"]
    if isinstance(desk, NotionDesk):
        second.workspace._api.close()  # type: ignore[attr-defined]


def test_state_db_lost(desk: Desk) -> None:
    desk.knowledge.publish(KEY, page("primeiro texto", "segundo texto"))
    desk.edit("segundo", "da Ana")
    desk.write("uma nota da Ana")
    desk.knowledge.sync()
    for file in desk.knowledge.store.path.parent.glob("sync.db*"):
        file.unlink()
    desk.reopen()
    desk.knowledge.publish(KEY, page("primeiro texto", "segundo texto"))
    assert [desk.shown().count(text) for text in ("primeiro texto", "da Ana", "uma nota da Ana")] == [1, 1, 1]
    assert is_silent(desk)


def _dying(root: Path, at: int) -> Callable[[Store], Workspace]:
    """A folder whose process dies at one call."""
    left = [at]

    def call() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    def place(store: Store) -> Workspace:
        make_stormy(store, call)
        return StormyFolder(root, call)

    return place


@pytest.mark.parametrize("at", range(1, 26))
def test_crash_before_and_after_each_outbox_step(at: int, folder: FolderDesk) -> None:
    folder.knowledge.publish(KEY, page("primeiro texto", "segundo texto"))
    folder.edit("primeiro", "da Ana")
    folder.place = _dying(folder.root / "notion", at)
    folder.reopen()
    is_dead = False
    try:
        folder.knowledge.publish(KEY, page("primeiro texto, novo", "segundo texto, novo", "terceiro texto"))
    except Crash:
        is_dead = True
    assert is_dead or at > 12, "there are more calls than this"
    folder.place = None
    folder.reopen()
    folder.knowledge.publish(KEY, page("primeiro texto, novo", "segundo texto, novo", "terceiro texto"))
    assert folder.shown()[1:] == ["da Ana", "segundo texto, novo", "terceiro texto"]
    assert sorted(kinds(folder)) == ["conflict", "edited"]
    assert is_silent(folder)


def test_local_folder_edited_while_syncing(folder: FolderDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person saves in the very instant between looking and replacing."""
    folder.knowledge.publish(KEY, page("primeiro texto", "segundo texto"))
    drafts = folder.knowledge.workspace.drafts  # type: ignore[attr-defined]
    exchange, edits = drafts._exchange, ["da Ana, no último instante"]

    def late(draft: Path, file: Path) -> None:
        if edits:
            folder.edit("primeiro", edits.pop())
        exchange(draft, file)

    monkeypatch.setattr(drafts, "_exchange", late)
    folder.knowledge.publish(KEY, page("primeiro texto, novo", "segundo texto, novo"))
    assert folder.shown()[1:] == ["da Ana, no último instante", "segundo texto, novo"]
    assert sorted(kinds(folder)) == ["conflict", "edited"]


def test_file_renamed(folder: FolderDesk) -> None:
    """The renamed file is a page of its own, which nobody touches; the page it was counts as deleted."""
    folder.knowledge.publish(KEY, page("primeiro texto"))
    other = folder.file.with_name("outro-nome.md")
    folder.file.rename(other)
    before = other.read_bytes()
    folder.knowledge.publish(KEY, page("primeiro texto, novo"))
    assert not folder.file.exists()
    assert other.read_bytes() == before
    assert kinds(folder) == ["deleted"]


def test_git_checkout_of_an_old_folder(folder: FolderDesk) -> None:
    """What stands there then is what a person wants; nothing is doubled, and the machine's version is told as a conflict."""
    folder.knowledge.publish(KEY, page("versão um, primeira parte", "segunda parte"))
    old = folder.root / "antes.md"
    shutil.copy(folder.file, old)
    folder.knowledge.publish(KEY, page("versão dois, primeira parte", "segunda parte", "terceira parte"))
    shutil.copy(old, folder.file)
    folder.knowledge.publish(KEY, page("versão três, primeira parte", "segunda parte", "terceira parte"))
    assert folder.shown()[1:] == ["versão um, primeira parte", "segunda parte"]
    assert sorted(set(kinds(folder))) == ["conflict", "deleted", "edited"]
    assert is_silent(folder)


def test_edit_between_get_and_patch(notion: NotionDesk) -> None:
    notion.knowledge.publish(KEY, page("primeiro texto longo", "- item", "segundo texto longo"))
    done: list[Any] = []

    def before(method: str, path: str) -> None:
        if method == "PATCH" and not done:
            done.append(path)
            notion.edit("primeiro", "da Ana, um")
            notion.edit("segundo", "da Ana, dois")

    notion.emulator.before_call = before
    notion.knowledge.publish(KEY, page("primeiro texto novo", "- item", "segundo texto novo"))
    notion.emulator.before_call = None
    notion.knowledge.sync()
    assert done
    assert [text for text in notion.shown() if "Ana" in text] == ["da Ana, um", "da Ana, dois"]
    assert not [text for text in notion.shown() if "novo" in text]
