"""The folder workspace on a real folder."""

import json
from pathlib import Path

import pytest

from eco_assets.errors import ConfigError, PermanentError
from notion_sync.documents.tree import Document, Paragraph
from notion_sync.workspace import STATE_FILE, FolderWorkspace

PAGE = "relatorios/2018-05-31/varejo.md"


def page(text: str) -> Document:
    return Document("Página", blocks=(Paragraph(text),))


def files(root: Path) -> dict[str, tuple[bytes, int]]:
    found = (file for file in root.rglob("*") if file.is_file() and file.suffix != ".lock")
    return {str(file.relative_to(root)): (file.read_bytes(), file.stat().st_mtime_ns) for file in found}


def test_publishing_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    first = workspace.publish(PAGE, page("um"), {"g.png": b"png"})
    before = files(tmp_path)
    second = workspace.publish(PAGE, page("um"), {"g.png": b"png"})
    assert (first.is_changed, second.is_changed) == (True, False)
    assert first.sha256 == second.sha256
    assert files(tmp_path) == before
    assert set(before) == {PAGE, "relatorios/2018-05-31/imagens/g.png", STATE_FILE}


def test_a_new_version_of_our_own_page_is_no_conflict(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    for text in ("um", "dois", "um"):
        published = workspace.publish(PAGE, page(text))
        assert published.is_changed and published.conflict is None
    assert "um" in published.path.read_text("utf-8")


def test_a_new_picture_alone_is_a_change(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    workspace.publish(PAGE, page("um"), {"g.png": b"a"})
    assert workspace.publish(PAGE, page("um"), {"g.png": b"b"}).is_changed


def test_a_human_edit_survives_beside_our_new_version(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    path = workspace.publish(PAGE, page("um")).path
    path.write_text("o que a pessoa escreveu", "utf-8")
    published = workspace.publish(PAGE, page("dois"))
    assert published.conflict is not None
    assert published.conflict.name.startswith("varejo.conflito-")
    assert published.conflict.read_text("utf-8") == "o que a pessoa escreveu"
    assert "dois" in path.read_text("utf-8")
    assert workspace.publish(PAGE, page("três")).conflict is None


def test_a_human_edit_stays_in_place_while_we_have_nothing_new_to_say(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    path = workspace.publish(PAGE, page("um")).path
    path.write_text("corrigido", "utf-8")
    published = workspace.publish(PAGE, page("um"))
    assert (published.is_changed, published.conflict) == (False, None)
    assert path.read_text("utf-8") == "corrigido"


def test_two_different_edits_are_both_kept(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    path = workspace.publish(PAGE, page("0")).path
    for edit, ours in (("edição A", "1"), ("edição B", "2")):
        path.write_text(edit, "utf-8")
        workspace.publish(PAGE, page(ours))
    kept = {file.read_text("utf-8") for file in path.parent.glob("*.conflito-*.md")}
    assert kept == {"edição A", "edição B"}


def test_a_page_that_was_there_before_us_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "notas.md"
    file.write_text("minhas notas", "utf-8")
    published = FolderWorkspace(tmp_path).publish("notas.md", page("um"))
    assert published.conflict is not None
    assert published.conflict.read_text("utf-8") == "minhas notas"


def test_a_crash_between_record_and_write_makes_no_false_conflict(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    path = workspace.publish(PAGE, page("um")).path
    old = path.read_bytes()
    workspace.publish(PAGE, page("dois"))
    path.write_bytes(old)  # what the folder looks like when the record was written and the page was not
    published = workspace.publish(PAGE, page("três"))
    assert published.conflict is None
    assert "três" in path.read_text("utf-8")


def test_a_deleted_page_is_written_again(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    path = workspace.publish(PAGE, page("um")).path
    path.unlink()
    assert workspace.publish(PAGE, page("um")).is_changed
    assert path.exists()


@pytest.mark.parametrize(
    "path", ["../fora.md", "/fora.md", "a/../../fora.md", "a/./b.md", ".oculto.md", "a\\..\\b.md", "a.txt", "", "a//b.md"]
)
def test_a_path_that_is_not_plainly_inside_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="page path"):
        FolderWorkspace(tmp_path / "root").publish(path, page("x"))
    assert not list(tmp_path.rglob("*.md"))


@pytest.mark.parametrize("name", ["../g.png", "a/g.png", "g.exe", ".g.png", "ação.png"])
def test_an_image_name_that_is_not_plain_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="image name"):
        FolderWorkspace(tmp_path).publish(PAGE, page("x"), {name: b""})


def test_a_link_that_leads_out_of_the_workspace_is_refused(tmp_path: Path) -> None:
    outside, root = tmp_path / "fora", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (root / "relatorios").symlink_to(outside)
    with pytest.raises(ConfigError, match="leads out of the workspace"):
        FolderWorkspace(root).publish("relatorios/x.md", page("x"))
    assert not list(outside.iterdir())


def test_an_unreadable_record_stops_the_publishing(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text("{", "utf-8")
    with pytest.raises(PermanentError, match="restore it, or delete it"):
        FolderWorkspace(tmp_path).publish(PAGE, page("x"))


def test_the_record_names_the_page_and_its_hash(tmp_path: Path) -> None:
    published = FolderWorkspace(tmp_path).publish(PAGE, page("x"))
    assert json.loads((tmp_path / STATE_FILE).read_text("utf-8"))["pages"] == {PAGE: [published.sha256]}
