"""Entities in Portuguese review texts, by rules and word lists: what is named, where it stands, and its normal form.

A kind is one entry of `_FINDERS`. Lists hold what Brazilian shops' customers write; a name that is also a common word ("para", "se",
"natal" of Christmas) is left out. People's names and documents are not looked for: they are personal data and no feature needs them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ml.language.text import fold

CARRIERS = {
    "Correios": ("correio", "correios", "sedex"),
    "Azul Cargo": ("azul cargo",),
    "Braspress": ("braspress",),
    "DHL": ("dhl",),
    "FedEx": ("fedex",),
    "Jadlog": ("jadlog",),
    "Loggi": ("loggi",),
    "Total Express": ("total express",),
    "transportadora": ("transportadora", "transportadoras"),  # one that is not named
}
PLACES = {  # a state's name and its larger cities; "para", "natal", "vitoria", "santos", "contagem" are words too
    "AC": ("acre", "rio branco"),
    "AL": ("alagoas", "maceio"),
    "AM": ("amazonas", "manaus"),
    "AP": ("amapa", "macapa"),
    "BA": ("bahia", "salvador", "feira de santana"),
    "CE": ("ceara", "fortaleza"),
    "DF": ("distrito federal", "brasilia"),
    "ES": ("espirito santo", "vila velha"),
    "GO": ("goias", "goiania", "anapolis"),
    "MA": ("maranhao", "sao luis"),
    "MG": ("minas gerais", "belo horizonte", "uberlandia", "juiz de fora"),
    "MS": ("mato grosso do sul", "campo grande"),
    "MT": ("mato grosso", "cuiaba"),
    "PA": ("belem", "ananindeua"),
    "PB": ("paraiba", "joao pessoa"),
    "PE": ("pernambuco", "recife", "olinda"),
    "PI": ("piaui", "teresina"),
    "PR": ("parana", "curitiba", "londrina", "maringa"),
    "RJ": ("rio de janeiro", "niteroi", "sao goncalo", "duque de caxias", "nova iguacu"),
    "RN": ("rio grande do norte", "mossoro"),
    "RO": ("rondonia", "porto velho"),
    "RR": ("roraima",),
    "RS": ("rio grande do sul", "porto alegre", "caxias do sul", "pelotas"),
    "SC": ("santa catarina", "florianopolis", "joinville", "blumenau"),
    "SE": ("sergipe", "aracaju"),
    "SP": ("sao paulo", "campinas", "guarulhos", "osasco", "ribeirao preto", "sao bernardo do campo", "sorocaba"),
    "TO": ("tocantins",),
}
PRODUCTS = (
    *("aparelho", "bateria", "bicicleta", "bolsa", "brinquedo", "cabo", "cadeira", "caixa de som", "cama", "camera", "camisa", "camiseta"),
    *(
        "capa",
        "capinha",
        "carregador",
        "cartucho",
        "celular",
        "colchao",
        "controle",
        "cortina",
        "espelho",
        "fogao",
        "fone",
        "fone de ouvido",
    ),
    *("fralda", "furadeira", "garrafa", "geladeira", "impressora", "jogo de cama", "lampada", "lencol", "livro", "luminaria", "maleta"),
    *("mala", "mesa", "microfone", "mochila", "monitor", "mouse", "notebook", "oculos", "panela", "pelicula", "perfume", "pilha", "pneu"),
    *(
        "poltrona",
        "quadro",
        "relogio",
        "roteador",
        "sandalia",
        "sapato",
        "secador",
        "smartphone",
        "smartwatch",
        "sofa",
        "suporte",
        "tablet",
    ),
    *("tapete", "teclado", "telefone", "televisao", "tenis", "toalha", "toner", "torneira", "travesseiro", "tv", "ventilador", "vestido"),
)
_MONTHS = ("janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro")
_MONEY = re.compile(
    r"r\$ ?(\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?|\d+(?:[.,]\d{1,2})?)|\b(\d{1,3}(?:\.\d{3})+(?:,\d{2})?|\d+(?:,\d{2})?) ?(?:reais|real)\b"
)
_DAY = re.compile(r"\b(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{4}|\d{2}))?\b")
_DAY_IN_WORDS = re.compile(rf"\b(?:dia )?(\d{{1,2}})o? de ({'|'.join(_MONTHS)})(?: de (\d{{4}}))?\b")
_ORDER = re.compile(
    r"\b(?:pedido|compra|protocolo|nota fiscal|nf)\s*(?:n(?:umero|o|r)?\.?|de numero|:|#)*\s*#?\s*([a-f0-9]{32}|\d[\d.-]{4,}\d)\b"
)
_TRACKING = re.compile(r"\b([a-z]{2}\d{9}br)\b")
_STATE_CODE = re.compile(r"(?<=[-/,(])\s?(AC|AL|AP|AM|BA|CE|DF|ES|GO|MA|MT|MS|MG|PA|PB|PR|PE|PI|RJ|RN|RS|RO|RR|SC|SP|SE|TO)\b")


@dataclass(frozen=True, order=True)
class Entity:
    """One mention.

    `start`, `end` are positions in the folded text, `kind` is one of `KINDS`. `value` is the normal form: reais with two decimals (money),
    `YYYY-MM-DD`, or `--MM-DD` where no year is said (date), the number (order_number, tracking_code), the carrier, the product word, or
    the two letters of the state (place).
    """

    start: int
    end: int
    kind: str
    text: str
    value: str


def entities(text: object, products: Sequence[str] = PRODUCTS) -> list[Entity]:
    """The mentions in a text, in order; where two overlap the one that starts first, then the longer one, stands.

    Args:
        text: one text; a missing one has none.
        products: product words; a plural in s is found too.
    """
    said = fold(text)
    found = [each for finder in _FINDERS for each in finder(said)]
    found += _listed(said, "product", {fold(word): (fold(word),) for word in products}, "s?")
    if len(said) == len(str(text)):  # folding kept every position, so capitals can be looked up in the original
        found += [Entity(m.start(1), m.end(1), "place", said[m.start(1) : m.end(1)], m[1]) for m in _STATE_CODE.finditer(str(text))]
    kept: list[Entity] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end, one.kind)):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def _money(said: str) -> Iterator[Entity]:
    for match in _MONEY.finditer(said):
        number = match[1] or match[2]
        is_decimal_point = "," not in number and re.fullmatch(r"\d+\.\d{1,2}", number)
        plain = number if is_decimal_point else number.replace(".", "").replace(",", ".")
        yield Entity(match.start(), match.end(), "money", match[0], f"{float(plain):.2f}")


def _date(said: str) -> Iterator[Entity]:
    for match in _DAY.finditer(said):
        if value := _normal_day(int(match[1]), int(match[2]), match[3]):
            yield Entity(match.start(), match.end(), "date", match[0], value)
    for match in _DAY_IN_WORDS.finditer(said):
        if value := _normal_day(int(match[1]), _MONTHS.index(match[2]) + 1, match[3]):
            yield Entity(match.start(), match.end(), "date", match[0], value)


def _normal_day(day: int, month: int, year: str | None) -> str | None:
    from datetime import date

    full = None if year is None else int(year) if len(year) == 4 else 2000 + int(year)
    try:
        made = date(full or 2000, month, day)  # 2000 is a leap year: 29/02 may be meant
    except ValueError:
        return None
    return made.isoformat() if full else f"--{made:%m-%d}"


def _order_number(said: str) -> Iterator[Entity]:
    for match in _ORDER.finditer(said):
        yield Entity(match.start(1), match.end(1), "order_number", match[1], re.sub(r"[.-]", "", match[1]))


def _tracking_code(said: str) -> Iterator[Entity]:
    for match in _TRACKING.finditer(said):
        yield Entity(match.start(), match.end(), "tracking_code", match[0], match[1].upper())


def _carrier(said: str) -> Iterator[Entity]:
    yield from _listed(said, "carrier", CARRIERS)


def _place(said: str) -> Iterator[Entity]:
    yield from _listed(said, "place", PLACES)


def _listed(said: str, kind: str, names: dict[str, tuple[str, ...]], ending: str = "") -> Iterator[Entity]:
    values = {name: value for value, group in names.items() for name in group}
    pattern = "|".join(re.escape(name) for name in sorted(values, key=lambda name: (-len(name), name)))
    for match in re.finditer(rf"\b({pattern}){ending}\b", said):
        yield Entity(match.start(), match.end(), kind, match[0], values[match[1]])


_FINDERS: tuple[Callable[[str], Iterator[Entity]], ...] = (_money, _date, _order_number, _tracking_code, _carrier, _place)
KINDS = ("money", "date", "order_number", "tracking_code", "carrier", "place", "product")
