"""What happened on the way to a decision, in words: rules, questions, exploration, errors, a dispute; only what there was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from notion_sync.documents.inline import Inline, Span, bold, code
from notion_sync.formatting import number, percent
from notion_sync.labels import Labels, human, humanised, term
from notion_sync.mega_plan import reason_words
from notion_sync.privacy import shown_text
from notion_sync.records import Record


def evaluated(decision: Record, labels: Labels | None) -> Iterator[Inline]:
    """Yield a line for each of them.

    Rules and questions come with the policy's words as `rules_told` and `questions_told` (`eco_assets/decision_words.py`); a record without
    them tells the rules by their ids.
    """
    rules = decision.get("rules_told") or [{"id": name, "reason": ""} for name in decision.get("rules") or ()]
    if rules:
        yield (bold("Regras que valeram: "), *_rules(rules))
    for asked in decision.get("questions_told") or ():
        yield (bold("Pergunta a um modelo: "), *_question(asked))
    if (decision.get("exploration") or {}).get("is_explored"):
        chance = percent(decision.get("propensity"))
        yield (bold("Exploração: "), f"ação sorteada entre as permitidas, para aprender o efeito dela; a chance de sair era de {chance}")
    for error in decision.get("errors") or ():
        yield (bold("O que faltou para decidir: "), *_error(decision, error, labels))
    if decision.get("held_because"):
        yield (bold("Em disputa com outra decisão: "), reason_words(str(decision["held_because"]), labels))


def _rules(rules: Sequence[Record]) -> Iterator[str | Span]:
    """Yield each rule's reason with its id; the id alone where the policy gives no reason."""
    for position, rule in enumerate(rules):
        words = shown_text(str(rule["reason"])).strip().rstrip(".")
        yield ("; " if position else "") + (f"{words} – " if words else "")
        yield code(str(rule["id"]))


def _question(asked: Record) -> list[str | Span]:
    text = shown_text(asked["question"] or humanised(asked["id"]))
    used = str(asked["used"])
    answer = {"true": "sim", "false": "não"}.get(used) or humanised(used) + (f" ({asked['meaning']})" if asked["meaning"] else "")
    parts: list[str | Span] = [f"{text} Resposta usada: ", bold(shown_text(answer))]
    if not asked["by"]:
        parts.append(", que vale quando ninguém responde com segurança")
    else:
        sure = f"com {percent(asked['confidence'], 0)} de confiança"
        if asked["is_used"]:
            parts += [", dada por ", code(asked["by"]), f" {sure}"]
        else:
            parts += [", que vale quando falta segurança: ", code(asked["by"]), f" respondeu {sure}"]
    if asked["is_cached"]:
        return [*parts, "; a resposta já era conhecida e não custou nada"]
    return [*parts, f"; custo de US$ {number(asked['cost_usd'], 6)}" if asked["cost_usd"] else "; não custou nada"]


def _error(decision: Record, error: Record, labels: Labels | None) -> list[str | Span]:
    """An error in plain words; the expression that failed stays in the ledger."""
    if error["kind"] in ("missing", "stale"):
        name = term(error["where"], labels)
        shown = list(name) if isinstance(name, tuple) else [name]
        if error["kind"] == "missing":
            return ["não se conhece o dado ", *shown]
        age, limit = number(error["age_hours"]), number(error["max_age_hours"])
        return ["o dado ", *shown, f" tem {age} horas, e a política aceita até {limit} horas"]
    part, _, name = str(error["where"]).partition(":")[0].partition(" ")
    if error["kind"] == "reason":
        return ["o motivo da ação não pôde ser escrito por completo"]
    if part == "action":
        action = human(f"{decision.get('point', '')}.{name}", labels)
        return [f"não foi possível calcular a ação «{action}»"]
    whose = {"rule": "a regra", "ask": "a pergunta"}.get(part)
    return [f"não foi possível avaliar {whose} «{humanised(name)}»" if whose else "não foi possível avaliar uma conta da política"]
