"""Words of Portuguese as a search compares them: folded, without stop words, cut to their stem.

The stemmer is in the manner of RSLP (Orengo and Huyck 2001): plural, adverb, suffix of noun or verb, last vowel. It works on folded
words, so that what is typed without accents has the same stem. A stem is a key, not a word: only sameness counts.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

from ml.language.text import fold

WORD = re.compile(r"[^\W_]+")
_SMALL_WORDS = (
    "a ao aos aquela aquelas aquele aqueles aquilo as ate com como da das de dela delas dele deles do dos e ela elas ele eles em "
    "entre era essa essas esse esses esta estao estas este estes eu foi foram ha isso isto ja lhe lhes mas me mesmo meu meus minha "
    "minhas muito na nas nem no nos nossa nossas nosso nossos num numa o os ou para pela pelas pelo pelos por pra qual quais "
    "quando que quem se seja ser seu seus so sua suas tambem te tem tendo ter teve um uma umas uns voce voces "
)
STOP_WORDS = frozenset(_SMALL_WORDS.split())
_LONGEST = 64  # letters of a word that count
_SHORTEST = 4  # letters of a word that has a stem
_PLURALS = (("oes", "ao"), ("aes", "ao"), ("ais", "al"), ("eis", "el"), ("ois", "ol"), ("ns", "m"), ("res", "r"), ("is", "il"), ("s", ""))
_NOT_WE = frozenset({"reclamos", "extremos"})  # nouns that end as "we do"


def _rules(text: str) -> tuple[tuple[str, int, str], ...]:
    """`suffix least_stem [instead]` triples, the longest suffix first."""
    rules = [(parts[0], int(parts[1]), parts[2] if len(parts) > 2 else "") for parts in map(str.split, text.split(","))]
    return tuple(sorted(rules, key=lambda rule: -len(rule[0])))


_SUFFIXES = _rules(
    # nouns and adjectives; the first four join a noun with its verb: devolver, converter, decidir, reduzir
    "olucao 3 olv, rsao 4 rt, cisao 2 cid, ducao 2 duz, acao 3, icao 3, cao 3, amento 3, imento 3, abilidade 3, ibilidade 3, idade 4,"
    "avel 3, ivel 3, encia 4, ancia 4, ente 4, ante 4, ador 3, edor 3, idor 4, adora 3, edora 3, idora 4, ismo 4, ista 4, agem 4,"
    "ico 4, ica 4, oso 4, osa 4, ivo 4, iva 4, eiro 4, eira 4, ario 4, aria 4, zinho 3, zinha 3, ual 4, ial 4, al 4,"
    # verbs; future and pluperfect in -ra are left out, they are the end of too many nouns
    "ado 3, ada 3, ido 3, ida 3, ando 3, endo 3, indo 3, ariam 3, eriam 3, iriam 3, eria 4, iria 4, assem 3, essem 3, issem 3, arao 3,"
    "erao 3, irao 3, aram 3, eram 3, iram 3, avam 3, ava 3, arem 3, erem 3, irem 3, iam 3, ar 3, er 3, ir 3, ou 3, eu 3, iu 3, ei 3,"
    "am 3, em 3"
)


VERSION = zlib.crc32(repr((sorted(STOP_WORDS), _PLURALS, _SUFFIXES, sorted(_NOT_WE))).encode())  # of the rules: with others, index anew


@lru_cache(maxsize=200_000)
def term(word: str) -> str:
    """What a word of a text is compared by: its stem; empty for a stop word."""
    folded = form(word)
    return "" if folded in STOP_WORDS else stem(folded)


def form(word: str) -> str:
    """A word folded, of letters and digits only: folding can take a ligature apart into words."""
    return "".join(WORD.findall(fold(word)))[:_LONGEST]


def terms(text: str) -> list[str]:
    """The terms of a text in order, without stop words."""
    return [found for found in map(term, WORD.findall(text)) if found]


def stem(word: str) -> str:
    """The stem of a folded word. A word with a digit or with fewer than four letters is its own."""
    if len(word) < _SHORTEST or not word.isalpha():
        return word
    if word.endswith(("amos", "emos")) and len(word) > 6 and word not in _NOT_WE:
        return _ended(word[:-4])
    word = _singular(word)
    if word.endswith("mente") and len(word) > 8:
        word = word[:-5]
    for suffix, least, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= least:
            return _ended(word[: -len(suffix)] + instead)
    return _ended(word[:-1] if word[-1] in "aeo" and len(word) > 3 else word)


def _singular(word: str) -> str:
    for plural, singular in _PLURALS:
        if word.endswith(plural) and len(word) - len(plural) >= 2:
            return word[: -len(plural)] + singular
    return word


def _ended(word: str) -> str:
    """What is left of a suffix: avali-ar and avalia, pagu-ei and pag-ar."""
    if word.endswith("i") and len(word) > 4:
        word = word[:-1]
    return word[:-1] if word.endswith(("gu", "qu")) and len(word) > 3 else word
