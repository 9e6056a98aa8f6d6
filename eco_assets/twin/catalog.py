"""The shop's standing data: categories, places, products and sellers of the invented marketplace.

Belongs here: what does not change from day to day. Stays out: demand and orders. All of it is invented but the names
of categories, states and cities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eco_assets.twin.plan import Floats, Ints, Plan
from eco_assets.twin.tables import Layout, Table, hex_ids, pick

PRODUCTS_PER_CATEGORY = 40
SELLERS = 80
UNCLASSIFIED_PRODUCTS = 9  # in the catalogue without category or measures, as about 2 % of the real ones; never sold


@dataclass(frozen=True)
class Category:
    """A product category.

    Attributes:
        slug: name in the files.
        english: its translation.
        orders_a_day: mean orders a day at the end of the plan, at scale 1.
        price: median price, in BRL.
        weekend: factor on Saturdays and Sundays.
        season: amplitude of the yearly cycle.
        peak_day: day of the year where the cycle peaks.
        growth: growth of demand per year.
        nouns: what a customer calls such a product.
    """

    slug: str
    english: str
    orders_a_day: float
    price: float
    weekend: float
    season: float
    peak_day: int
    growth: float
    nouns: tuple[str, ...]


CATEGORIES = (
    Category("cama_mesa_banho", "bed_bath_table", 3.6, 80, 0.75, 0.20, 180, 0.10, ("jogo de lençol", "edredom", "toalha")),
    Category("beleza_saude", "health_beauty", 3.3, 75, 0.80, 0.10, 130, 0.35, ("creme", "secador", "kit de maquiagem")),
    Category("esporte_lazer", "sports_leisure", 2.9, 85, 0.85, 0.22, 15, 0.15, ("tênis", "bola", "kit de halteres")),
    Category("moveis_decoracao", "furniture_decor", 2.6, 70, 0.90, 0.08, 60, 0.05, ("quadro", "luminária", "prateleira")),
    Category("informatica_acessorios", "computers_accessories", 2.4, 95, 0.65, 0.10, 45, 0.20, ("mouse", "teclado", "cartucho")),
    Category("utilidades_domesticas", "housewares", 2.2, 60, 0.85, 0.08, 140, 0.25, ("panela", "garrafa térmica", "faqueiro")),
    Category("relogios_presentes", "watches_gifts", 2.0, 130, 0.80, 0.30, 340, 0.22, ("relógio", "pulseira", "presente")),
    Category("telefonia", "telephony", 1.7, 35, 0.75, 0.06, 330, 0.00, ("capinha", "carregador", "película")),
    Category("ferramentas_jardim", "garden_tools", 1.6, 60, 0.95, 0.22, 300, 0.05, ("mangueira", "furadeira", "tesoura de poda")),
    Category("automotivo", "auto", 1.5, 90, 0.70, 0.06, 200, 0.18, ("som automotivo", "tapete", "farol")),
    Category("brinquedos", "toys", 1.5, 75, 0.90, 0.45, 345, 0.08, ("boneca", "carrinho", "jogo")),
    Category("cool_stuff", "cool_stuff", 1.2, 110, 0.85, 0.10, 330, -0.25, ("caneca", "miniatura", "mochila")),
    Category("perfumaria", "perfumery", 1.2, 95, 0.85, 0.18, 130, 0.12, ("perfume", "desodorante", "colônia")),
    Category("bebes", "baby", 1.1, 90, 0.85, 0.05, 100, 0.06, ("carrinho de bebê", "mamadeira", "body")),
)

# state: (weight of demand, cities, first zip prefix, mean transit from São Paulo in days)
STATES: dict[str, tuple[float, tuple[str, ...], int, float]] = {
    "SP": (0.42, ("sao paulo", "campinas", "santos", "ribeirao preto", "sorocaba", "osasco"), 1000, 4.0),
    "RJ": (0.13, ("rio de janeiro", "niteroi", "petropolis", "duque de caxias"), 20000, 7.5),
    "MG": (0.12, ("belo horizonte", "uberlandia", "juiz de fora", "contagem"), 30000, 6.5),
    "RS": (0.055, ("porto alegre", "caxias do sul", "pelotas"), 90000, 9.0),
    "PR": (0.05, ("curitiba", "londrina", "maringa"), 80000, 6.5),
    "SC": (0.037, ("florianopolis", "joinville", "blumenau"), 88000, 8.0),
    "BA": (0.034, ("salvador", "feira de santana"), 40000, 12.0),
    "DF": (0.022, ("brasilia",), 70000, 7.5),
    "ES": (0.02, ("vitoria", "vila velha"), 29000, 8.5),
    "GO": (0.02, ("goiania", "anapolis"), 74000, 8.0),
    "PE": (0.017, ("recife", "olinda"), 50000, 13.0),
    "CE": (0.014, ("fortaleza",), 60000, 15.0),
    "PA": (0.01, ("belem",), 66000, 18.0),
    "MT": (0.009, ("cuiaba", "varzea grande"), 78000, 12.0),
    "MA": (0.008, ("sao luis",), 65000, 16.0),
    "MS": (0.007, ("campo grande",), 79000, 9.0),
    "RN": (0.005, ("natal",), 59000, 15.0),
    "PB": (0.005, ("joao pessoa",), 58000, 15.0),
    "AM": (0.003, ("manaus",), 69000, 21.0),
}


@dataclass(frozen=True)
class Catalog:
    """Products and sellers; row p of each product column is product p, in blocks of one category each.

    Attributes:
        product_ids: identifiers, length categories x PRODUCTS_PER_CATEGORY.
        price: list price in BRL.
        weight: weight in grams.
        quality: standardised quality, which customers see in the product and models do not.
        popularity: share of the category's demand, shape (categories, PRODUCTS_PER_CATEGORY), rows sum to 1.
        seller: index of the only seller of the product.
        seller_ids: identifiers of the sellers.
        seller_state: state of each seller.
        handling: mean days a seller takes to hand a parcel over.
    """

    product_ids: list[str]
    price: Floats
    weight: Floats
    quality: Floats
    popularity: Floats
    seller: Ints
    seller_ids: list[str]
    seller_state: list[str]
    handling: Floats


def build(plan: Plan) -> Catalog:
    """Draw products and sellers."""
    rng = plan.rng("catalog")
    count = len(CATEGORIES) * PRODUCTS_PER_CATEGORY
    median = np.repeat([category.price for category in CATEGORIES], PRODUCTS_PER_CATEGORY)
    price = np.floor(median * rng.lognormal(0.0, 0.55, count)) + 0.9
    rank = 1.0 / np.arange(1, PRODUCTS_PER_CATEGORY + 1) ** 0.9
    return Catalog(
        product_ids=hex_ids(rng, count),
        price=np.maximum(price, 4.9),
        weight=np.round(rng.lognormal(6.6, 0.9, count)),
        quality=rng.standard_normal(count),
        popularity=np.tile(rank / rank.sum(), (len(CATEGORIES), 1)),
        seller=rng.integers(0, SELLERS, count),
        seller_ids=hex_ids(rng, SELLERS),
        seller_state=[("SP", "SP", "SP", "PR", "MG", "SC", "RJ")[at] for at in rng.integers(0, 7, SELLERS).tolist()],
        handling=rng.uniform(1.2, 3.4, SELLERS),
    )


def tables(plan: Plan, catalog: Catalog) -> list[Table]:
    """The files of products, sellers and category names."""
    rng = plan.rng("catalog tables")
    translation = Table(
        "varejo/olist/product_category_name_translation.csv",
        {
            "product_category_name": [category.slug for category in CATEGORIES],
            "product_category_name_english": [category.english for category in CATEGORIES],
        },
        Layout(newline="\r\n", encoding="utf-8-sig"),
    )
    return [_products(rng, catalog), _sellers(rng, catalog), translation]


def _products(rng: np.random.Generator, catalog: Catalog) -> Table:
    count = len(catalog.product_ids)
    blank: list[object] = [""] * UNCLASSIFIED_PRODUCTS

    def whole(low: int, high: int) -> list[object]:
        return [*rng.integers(low, high, count).tolist(), *blank]

    slugs = np.repeat(np.arange(len(CATEGORIES)), PRODUCTS_PER_CATEGORY)
    columns: dict[str, list[object]] = {
        "product_id": [*catalog.product_ids, *hex_ids(rng, UNCLASSIFIED_PRODUCTS)],
        "product_category_name": [*pick([category.slug for category in CATEGORIES], slugs), *blank],
        "product_name_lenght": whole(20, 64),
        "product_description_lenght": whole(80, 2400),
        "product_photos_qty": whole(1, 7),
        "product_weight_g": [*catalog.weight.astype(np.int64).tolist(), *blank],
        "product_length_cm": whole(16, 60),
        "product_height_cm": whole(2, 45),
        "product_width_cm": whole(11, 45),
    }
    return Table("varejo/olist/olist_products_dataset.csv", dict(columns), Layout(quoted=frozenset({"product_id"})))


def _sellers(rng: np.random.Generator, catalog: Catalog) -> Table:
    cities = [STATES[state][1][int(rng.integers(0, len(STATES[state][1])))] for state in catalog.seller_state]
    columns = {
        "seller_id": catalog.seller_ids,
        "seller_zip_code_prefix": zips(rng, catalog.seller_state),
        "seller_city": cities,
        "seller_state": catalog.seller_state,
    }
    quoted = frozenset({"seller_id", "seller_zip_code_prefix"})
    return Table("varejo/olist/olist_sellers_dataset.csv", dict(columns), Layout(quoted=quoted))


def zips(rng: np.random.Generator, states: list[str]) -> list[str]:
    """An invented five-digit zip prefix in the range of each state."""
    offsets = rng.integers(0, 900, len(states)).tolist()
    return [f"{STATES[state][2] + offset:05d}" for state, offset in zip(states, offsets, strict=True)]
