"""A small bank in the layout of the Berka files: districts, clients, accounts, rights, cards, loans, standing orders.

Belongs here: the bank's own tables. Stays out: payments of the shop's orders (`payments.py`). People are invented.
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin.catalog import STATES
from eco_assets.twin.plan import Days, Floats, Ints, Plan
from eco_assets.twin.tables import Column, Layout, Table, fixed, numbers, pick

ACCOUNTS = 400
HISTORY_DAYS = 5 * 365
OUTCOME_DAYS = 480  # a loan granted since then has no known outcome yet, as the last loans of the real file
FREQUENCIES = ("POPLATEK MESICNE", "POPLATEK TYDNE", "POPLATEK PO OBRATU")


def build(plan: Plan) -> tuple[list[Table], dict[str, object]]:
    """Every Berka file, and the true default probability by district."""
    rng = plan.rng("finance")
    count = plan.rows(ACCOUNTS, least=60)
    districts, risk = _districts(rng)
    account = np.arange(1, count + 1)
    district = rng.integers(1, len(risk) + 1, count)
    opened = plan.last_day - np.sort(rng.integers(30, HISTORY_DAYS, count))[::-1]
    tables = [
        districts,
        _file("account", {
            "account_id": account.tolist(), "district_id": district.tolist(),
            "frequency": pick(FREQUENCIES, rng.choice(3, count, p=(0.92, 0.06, 0.02))), "date": _short_dates(opened),
        }, {"frequency"}),
        *_people(rng, plan, account, district),
        _loans(rng, plan, opened, risk[district - 1]),
        _standing_orders(rng, account),
    ]  # fmt: skip
    return tables, {"loan_default_probability_by_district": dict(enumerate(numbers(risk, 4), start=1))}


def _file(name: str, columns: dict[str, Column], quoted: set[str], *, newline: str = "\r\n", header: bool = True) -> Table:
    layout = Layout(delimiter=";", newline=newline, quoted=frozenset(quoted), has_quoted_header=header)
    return Table(f"financeiro/berka/{name}.asc", columns, layout)


def _short_dates(days: Days) -> list[str]:
    """Days as the bank writes them, YYMMDD."""
    return [text[2:].replace("-", "") for text in np.datetime_as_string(days.astype("datetime64[D]")).tolist()]


def _districts(rng: np.random.Generator) -> tuple[Table, Floats]:
    """One district per city of the shop's states, and the true default probability of its loans."""
    places = [(city, state) for state, (_, cities, _, _) in STATES.items() for city in cities]
    count = len(places)
    unemployment = np.round(rng.uniform(2.5, 14.0, count), 2)
    crimes = rng.integers(900, 60_000, count)
    missing = 7  # one district never reported, as in the real file
    columns: dict[str, Column] = {
        "A1": list(range(1, count + 1)),
        "A2": [city for city, _ in places],
        "A3": [state for _, state in places],
        "A4": rng.integers(90_000, 2_000_000, count).tolist(),
        **{f"A{at}": rng.integers(0, high, count).tolist() for at, high in ((5, 60), (6, 40), (7, 20), (8, 6))},
        "A9": rng.integers(1, 12, count).tolist(),
        "A10": numbers(rng.uniform(40, 100, count), 1),
        "A11": rng.integers(2_100, 6_500, count).tolist(),
        "A12": ["?" if at == missing else text for at, text in enumerate(fixed(unemployment))],
        "A13": fixed(np.clip(unemployment + rng.normal(0.4, 0.6, count), 0.3, 30)),
        "A14": rng.integers(80, 170, count).tolist(),
        "A15": ["?" if at == missing else number for at, number in enumerate(crimes.tolist())],
        "A16": (crimes + rng.integers(-300, 900, count)).tolist(),
    }
    return _file("district", columns, {"A2", "A3"}, header=False), 0.03 + 0.012 * unemployment


def _people(rng: np.random.Generator, plan: Plan, account: Ints, district: Ints) -> list[Table]:
    """Clients, their rights over accounts and their cards: one owner per account, one user more for every fifth."""
    second = np.flatnonzero(rng.random(account.size) < 0.2)
    holder = np.concatenate([account, account[second]])
    home = np.concatenate([district, district[second]])
    client = np.arange(1, holder.size + 1)
    birth = plan.last_day - rng.integers(18 * 365, 75 * 365, client.size)
    woman = rng.random(client.size) < 0.5
    births = [
        f"{text[:2]}{int(text[2:4]) + (50 if is_woman else 0):02d}{text[4:]}"
        for text, is_woman in zip(_short_dates(birth), woman.tolist(), strict=True)
    ]
    roles = ["OWNER"] * account.size + ["DISPONENT"] * second.size
    carded = np.flatnonzero(rng.random(account.size) < 0.25)
    issued = plan.last_day - np.sort(rng.integers(1, 28, carded.size))[::-1]
    cards: dict[str, Column] = {
        "card_id": list(range(1, carded.size + 1)),
        "disp_id": client[carded].tolist(),
        "type": pick(("classic", "gold", "junior"), rng.choice(3, carded.size, p=(0.75, 0.1, 0.15))),
        "issued": [f"{day} 00:00:00" for day in _short_dates(issued)],
    }
    clients: dict[str, Column] = {"client_id": client.tolist(), "birth_number": births, "district_id": home.tolist()}
    rights: dict[str, Column] = {
        "disp_id": client.tolist(), "client_id": client.tolist(), "account_id": holder.tolist(), "type": roles,
    }  # fmt: skip
    return [
        _file("client", clients, {"birth_number"}), _file("disp", rights, {"type"}), _file("card", cards, {"type"}),
    ]  # fmt: skip


def _loans(rng: np.random.Generator, plan: Plan, opened: Days, risk: Floats) -> Table:
    """A loan for about every fourth account; the outcome of the youngest is blank."""
    borrower = np.flatnonzero(rng.random(opened.size) < 0.27)
    lived = (plan.last_day - opened[borrower]).astype(np.int64)
    granted = opened[borrower] + (rng.uniform(0.1, 1.0, borrower.size) * lived).astype(np.int64)
    duration = rng.choice((12, 24, 36, 48, 60), borrower.size)
    monthly = np.round(rng.lognormal(6.2, 0.5, borrower.size))
    defaulted = rng.random(borrower.size) < risk[borrower]
    age = (plan.last_day - granted).astype(np.int64)
    ended = age > duration * 30.4
    status = np.select([age < OUTCOME_DAYS, ended & ~defaulted, ended, ~defaulted], ["", "A", "B", "C"], default="D")
    in_time = np.argsort(granted, kind="stable")
    columns: dict[str, Column] = {
        "loan_id": (4_959 + rng.permutation(borrower.size)).tolist(),
        "account_id": (borrower[in_time] + 1).tolist(),
        "date": _short_dates(granted[in_time]),
        "amount": (monthly * duration).astype(np.int64)[in_time].tolist(),
        "duration": duration[in_time].tolist(),
        "payments": fixed(monthly[in_time]),
        "status": status[in_time].tolist(),
    }
    return _file("loan", columns, set(), newline="\n", header=False)


def _standing_orders(rng: np.random.Generator, account: Ints) -> Table:
    """Up to three orders per account; a purpose that nobody gave is a single space."""
    payer = np.repeat(account, rng.choice(4, account.size, p=(0.18, 0.4, 0.27, 0.15)))
    amounts = np.round(rng.lognormal(5.8, 0.8, payer.size), 2)
    columns: dict[str, Column] = {
        "order_id": list(range(29_401, 29_401 + payer.size)),
        "account_id": payer.tolist(),
        "bank_to": pick(("QR", "YZ", "AB", "WX", "ST", "KL"), rng.integers(0, 6, payer.size)),
        "account_to": [str(number) for number in rng.integers(10_000, 99_999_999, payer.size).tolist()],
        "amount": fixed(amounts),
        "k_symbol": pick(("SIPO", " ", "UVER", "POJISTNE", "LEASING"), rng.choice(5, payer.size, p=(0.54, 0.2, 0.12, 0.08, 0.06))),
    }
    return _file("order", columns, {"bank_to", "account_to", "k_symbol"})
