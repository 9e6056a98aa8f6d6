"""Words for machine names: what a business reader sees instead of `p_convert` or `enviar_email_feminino`.

Here belongs how a name becomes words; the common vocabulary is in `words`. Words of one installation come as a map from
the caller and win over it. A technical name without words is shown as one, never guessed in English: see `term`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notion_sync.documents.inline import Inline, code
from notion_sync.privacy import shown_text
from notion_sync.words import AGENTS, SUBJECTS, TERMS, VALUES

Labels = Mapping[str, str]
"""Machine name → words, for actions, workflows, steps, features, checks, models and subjects."""


@dataclass(frozen=True)
class Metric:
    """A model's measure of quality: its words, whether more is better, and whether it is read as a percentage."""

    label: str
    is_higher_better: bool
    is_share: bool = False


METRICS = {
    "auuc": Metric("ganho acumulado da campanha (AUUC)", True),
    "bias": Metric("desvio do total", False, is_share=True),
    "coverage": Metric("dentro da faixa de 80 %", True, is_share=True),
    "coverage_p10_p90": Metric("dentro da faixa de 80 %", True, is_share=True),
    "ece": Metric("erro de calibração (ECE)", False),
    "far": Metric("alarmes falsos", False, is_share=True),
    "log_loss": Metric("perda logarítmica", False),
    "mar": Metric("alarmes perdidos", False, is_share=True),
    "mean_predicted": Metric("probabilidade média prevista", True, is_share=True),
    "policy_value": Metric("valor da política", True),
    "qini": Metric("ganho sobre o acaso (Qini)", True),
    "rate": Metric("frequência real", True, is_share=True),
    "rows": Metric("casos julgados", True),
    "wape_total": Metric("erro percentual do total", False, is_share=True),
    "accuracy": Metric("acerto", True, is_share=True),
    "auc": Metric("poder de separação (AUC)", True),
    "brier": Metric("erro da probabilidade (Brier)", False),
    "f1": Metric("equilíbrio entre precisão e cobertura (F1)", True),
    "macro_f1": Metric("equilíbrio entre precisão e cobertura (F1 médio)", True),
    "mae": Metric("erro absoluto médio", False),
    "pinball": Metric("erro dos quantis", False),
    "rmse": Metric("erro quadrático médio", False),
    "roc_auc": Metric("poder de separação (AUC)", True),
    "wape": Metric("erro percentual ponderado", False, is_share=True),
}


def agent_name(agent: str) -> str:
    """Return an agent's name for readers."""
    return AGENTS.get(agent, humanised(agent))


def human(slug: str | None, labels: Labels | None = None) -> str:
    """Return the words for an action, workflow or step: from `labels`, or the slug itself as a phrase.

    Slugs of actions are Portuguese by convention: `enviar_email_feminino` reads "Enviar email feminino". What stands
    before a dot (`agent.workflow`, `point.action`) is left out.
    """
    if slug is None:
        return "Sem execução"
    known, action = labels or {}, slug.rpartition(".")[2]
    return known.get(slug) or known.get(action) or humanised(action)


def term(name: str, labels: Labels | None = None) -> Inline:
    """Return the words for a feature, prediction, model or check; a name without words stays a technical name."""
    words = (labels or {}).get(name) or TERMS.get(name)
    return words or code(name)


def coded(value: str, labels: Labels | None = None) -> str:
    """Return a value from data for readers: words for a known code, personal data shortened or hidden otherwise."""
    return (labels or {}).get(value) or VALUES.get(value) or shown_text(value)


def subject_words(point: str, subject: str, labels: Labels | None = None) -> str:
    """Return what a decision is about: `Cama, mesa e banho`, `Telefone – Estudantes`, `Avaliação 1a2b3c4d, pedido 5e6f…`.

    Args:
        point: the decision point; it says what the parts of an id are.
        subject: the subject's key, parts separated by colons.
        labels: machine name → words, for this installation.
    """
    if labels and subject in labels:
        return labels[subject]
    parts = subject.split(":")
    shown = [coded(part, labels) for part in parts]
    is_opaque = any(short != part and part.startswith(short) for short, part in zip(shown, parts, strict=True))
    nouns = SUBJECTS.get(point, ())
    if is_opaque and len(nouns) == len(parts):
        return ", ".join(f"{noun} {short}" for noun, short in zip(nouns, shown, strict=True))
    is_plain_slug = shown == parts and len(parts) == 1 and subject.replace("_", "").isalpha()
    return humanised(subject) if is_plain_slug else " – ".join(shown)


def humanised(slug: str) -> str:
    """Return a slug as a phrase: underscores and hyphens are spaces, the first letter is a capital."""
    words = slug.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
