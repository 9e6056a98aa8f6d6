"""The page on which a person answers: what it shows, what it asks, and what its path says."""

from __future__ import annotations

import pytest
from feedback_house import DAY, proposal

from eco_assets.jorge.approvals import content_hash, with_terms
from notion_sync.approval_pages import HUMAN, STATUS, answer_in, approval_page, approval_path, proposed_on
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.records import Rendered


def page(**more: object) -> Rendered:
    return approval_page(with_terms({**proposal(), "recorded_at": "2026-11-22T15:00:00.000+00:00"}), **more)  # type: ignore[arg-type]


def test_the_path_says_which_decision_and_which_content() -> None:
    decision = proposal()
    path = approval_path({**decision, "content_hash": content_hash(decision)})
    assert path.startswith(f"aprovacoes/{DAY}/comercial/")
    assert proposed_on(path) == proposed_on(path.removesuffix(".md")) == (decision["decision_id"][:12], content_hash(decision)[:12])
    other = {**decision, "cost_brl": 36.0}
    assert approval_path({**other, "content_hash": content_hash(other)}) != path
    for foreign in ("relatorios/2018-05-31/comercial.md", path + "x", "aprovacoes/index.md", path.replace("comercial", "../x")):
        assert proposed_on(foreign) is None


def test_it_shows_the_proposal_and_how_to_answer() -> None:
    text = to_markdown(page().document)
    for told in (
        "R$\N{NO-BREAK SPACE}35,00",
        "R$\N{NO-BREAK SPACE}900,00",
        "25/11/2026, 12:00",
        "Contato recente de boa origem.",
        "Como responder",
    ):
        assert told in text, told
    assert "Situação: Proposta" in text
    assert read_markdown(text).properties[STATUS] == "Proposta"


def test_the_proposal_reads_the_same_before_and_after_the_answer() -> None:
    """A changed text voids an answer, so the machine changes nothing of what was proposed."""
    before, refused = page(), page(refused="falta dizer quem responde.")
    after = page(given={"verdict": "approved", "by": "Ana Souza"})
    proposed = before.document.blocks[1:-3]
    assert after.document.blocks[1:] == proposed
    assert refused.document.blocks[1:] == before.document.blocks[1:]
    assert [each.document.properties["registro"] for each in (before, refused, after)] == [
        "aguarda resposta",
        "resposta recusada",
        "aprovada",
    ]
    assert "por Ana Souza" in to_markdown(after.document)
    assert "não foi aceita: falta dizer" in to_markdown(refused.document)
    assert "Ninguém respondeu" in to_markdown(page(given={"verdict": "expired", "by": "eco"}).document)
    assert before.path == refused.path == after.path


def test_what_people_fill_in_is_empty_to_begin_with() -> None:
    properties = page().document.properties
    assert {name: properties[name] for name in HUMAN} == dict(HUMAN)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("Aprovada", "approved"),
        (" aprovado ", "approved"),
        ("REJEITADA", "rejected"),
        ("Proposta", None),
        ("aprovada?", None),
        (None, None),
    ],
)
def test_only_a_plain_yes_or_no_is_an_answer(status: object, answer: str | None) -> None:
    assert answer_in(status) == answer
