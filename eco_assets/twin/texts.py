"""Assembles review texts in Portuguese from a bank of phrases, with the spelling of people in a hurry.

Belongs here: phrases and how they are mixed and misspelt. Stays out: scores. Classes share phrases on purpose: some
texts are neutral, some praise one thing and complain of another, so that no classifier reads the score off a word.
"""

from __future__ import annotations

import unicodedata

import numpy as np

POSITIVE = (
    "adorei {p}", "recomendo", "produto de ótima qualidade", "chegou antes do prazo", "muito bom", "super recomendo a loja",
    "entrega rápida", "exatamente como na foto", "gostei muito", "vale a pena", "atendeu minhas expectativas",
    "veio bem embalado", "voltarei a comprar", "nota 10", "excelente custo benefício", "{p} lindo e bem acabado",
    "tudo certo com a compra", "funciona perfeitamente", "melhor do que eu esperava", "vendedor atencioso",
    "entregue dentro do prazo", "estou satisfeita com a compra", "amei", "loja séria e confiável", "chegou tudo certinho",
    "material resistente", "parabéns pela agilidade", "preço justo", "minha filha amou", "comprarei mais vezes",
    "não tenho do que reclamar", "não demorou nada", "sem defeitos", "chegou em {d} dias", "qualidade boa",
)  # fmt: skip
NEGATIVE = (
    "não recebi o produto", "veio com defeito", "não recomendo", "muito demorado", "péssima qualidade",
    "veio diferente da foto", "quero meu dinheiro de volta", "ninguém responde meus emails", "chegou quebrado",
    "não gostei", "material muito frágil", "atrasou mais de {d} dias", "faltou uma peça", "não funciona",
    "me senti enganada", "nunca mais compro nessa loja", "estou aguardando até agora", "recebi só uma parte do pedido",
    "embalagem rasgada", "parou de funcionar em {d} dias", "atendimento péssimo", "tive que ir buscar no correio",
    "{p} veio errado", "quero trocar {p}", "frete caro e lento", "decepcionada com a compra", "produto falsificado",
    "não atendeu minhas expectativas", "tamanho errado", "ainda não chegou", "não vale o preço", "qualidade ruim",
    "não é como na foto", "consta entregue mas não recebi", "sem resposta do vendedor",
)  # fmt: skip
NEUTRAL = (
    "comprei {p}", "o produto chegou", "era presente", "comprei pela internet", "produto conforme descrito",
    "prazo de {d} dias", "primeira vez que compro aqui", "ainda vou testar", "recebi hoje", "entrega pelos correios",
    "comprei dois", "é o segundo que compro", "a cor é um pouco diferente", "acabei de receber", "paguei no boleto",
    "a entrega foi feita na portaria", "uso todo dia", "o tamanho é médio", "comprei para minha mãe", "esperava mais ou menos isso",
)  # fmt: skip
MIXED = (
    "o produto é bom mas demorou", "chegou no prazo mas veio com um risco", "é razoável pelo preço", "poderia ser melhor",
    "gostei do produto mas a entrega deixou a desejar", "mais ou menos", "qualidade mediana", "bonito mas frágil",
    "entrega boa, produto nem tanto", "demorou mas chegou", "bom, só a embalagem que veio amassada", "esperava mais",
)  # fmt: skip
POSITIVE_TITLES = ("Recomendo", "Muito bom", "Ótimo", "Super recomendo", "Excelente", "Bom", "10", "Adorei")
NEGATIVE_TITLES = ("Não recomendo", "Não recebi", "Péssimo", "Atraso", "Ruim", "Defeito", "Decepção", "Bom")
JOINS = (". ", ", ", " e ", "! ", " ", "\n", "... ")
SHORT = (("muito", "mto"), ("você", "vc"), ("não", "n"), ("também", "tb"), ("produto", "prod"), ("porque", "pq"))


def comment(rng: np.random.Generator, score: int, noun: str) -> str:
    """A comment that goes with a score of 1 to 5 on a product that people call `noun`.

    About 10 % say nothing of the score, and 16 % carry a phrase of the other side.
    """
    neutral, other = rng.random() < 0.10, rng.random() < 0.16
    own = MIXED if score == 3 else POSITIVE if score > 3 else NEGATIVE
    parts = [] if neutral else [_one(rng, own) for _ in range(1 + int(rng.random() < 0.55))]
    if score in (2, 4) and rng.random() < 0.25:
        parts.append(_one(rng, MIXED))
    if other:
        parts.append(_one(rng, NEGATIVE if score > 3 else POSITIVE))
    if neutral or rng.random() < 0.45:
        parts.insert(int(rng.integers(0, len(parts) + 1)), _one(rng, NEUTRAL))
    text = parts[0]
    for part in parts[1:]:
        text += _one(rng, JOINS) + part
    return _scribble(rng, text.format(p=noun, d=int(rng.integers(2, 30))))


def title(rng: np.random.Generator, score: int) -> str:
    """A short title; threes draw from both sides."""
    happy = score > 3 or (score == 3 and rng.random() < 0.5)
    return _one(rng, POSITIVE_TITLES if happy else NEGATIVE_TITLES)


def _one(rng: np.random.Generator, bank: tuple[str, ...]) -> str:
    return bank[int(rng.integers(0, len(bank)))]


def _scribble(rng: np.random.Generator, text: str) -> str:
    """Capitals, accents, abbreviations and slips of the keyboard."""
    capital, accents, abbreviated, slip, full_stop = rng.random(5).tolist()
    if abbreviated < 0.12:
        for word, short in SHORT:
            text = text.replace(word, short)
    if accents < 0.25:
        text = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    if slip < 0.12 and len(text) > 6:
        at = int(rng.integers(1, len(text) - 2))
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if capital < 0.05:
        text = text.upper()
    elif capital < 0.62:
        text = text[0].upper() + text[1:]
    return text + "." if full_stop < 0.4 else text
