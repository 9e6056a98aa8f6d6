"""Upserts into a real database, Postgres and SQLite: effect and key in one transaction, and back as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from door_house import EVENT, DoorHouse, dead_port
from sqlalchemy import create_engine, text

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Unreached
from eco_assets.jorge.world import World

SCHEMA = "CREATE TABLE prices (product_id TEXT PRIMARY KEY, price_brl NUMERIC(10,2), since DATE, note TEXT)"


def price(value: str, product: str = "p1") -> dict[str, Any]:
    values = {"price_brl": value, "since": "2026-10-31"}
    return {
        "decision_id": "d1",
        "subject": product,
        "action": "remarcar",
        "table": "prices",
        "match": {"product_id": product},
        "values": values,
    }


class Shop:
    """The other system's database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self.run(SCHEMA)
        self.run("INSERT INTO prices VALUES ('p1', 10.5, '2026-01-01', 'de antes')")

    def run(self, statement: str) -> None:
        with self.engine.begin() as db:
            db.execute(text(statement))

    def rows(self, query: str = "SELECT * FROM prices ORDER BY product_id") -> list[tuple[Any, ...]]:
        with self.engine.begin() as db:
            return [tuple(row) for row in db.execute(text(query))]


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    url = f"sqlite:///{tmp_path}/shop.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Shop(url)
    yield made
    made.engine.dispose()


@pytest.fixture
def world(house: DoorHouse, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("SHOP_URL", shop.url)
    return house.world(erp={"kind": "sql", "url": "${SHOP_URL}", "tables": ["prices"], "timeout_s": 30})


def test_a_row_is_changed_once_a_key_and_put_back_as_it_was(shop: Shop, world: World) -> None:
    before = shop.rows()
    for _ in range(2):
        world.send("erp", "k", price("8.40"))
    changed = shop.rows()
    for _ in range(2):
        world.withdraw("erp", "k", price("8.40"))

    assert float(changed[0][1]) == 8.4
    assert [str(changed[0][place]) for place in (0, 2, 3)] == ["p1", "2026-10-31", "de antes"]
    assert shop.rows() == before


def test_a_row_that_was_not_there_is_added_and_removed(shop: Shop, world: World) -> None:
    world.send("erp", "k", price("3.00", "new"))
    assert [row[0] for row in shop.rows()] == ["new", "p1"]

    world.withdraw("erp", "k", price("3.00", "new"))
    assert [row[0] for row in shop.rows()] == ["p1"]


def test_what_somebody_changed_since_is_left_as_it_is(shop: Shop, world: World) -> None:
    world.send("erp", "k", price("8.40"))
    shop.run("UPDATE prices SET price_brl = 7 WHERE product_id = 'p1'")

    assert "somebody changed it since" in world.withdraw("erp", "k", price("8.40"))
    assert Decimal(str(shop.rows()[0][1])) == 7


def test_a_worker_that_died_after_the_commit_does_not_act_again(house: DoorHouse, shop: Shop, world: World) -> None:
    world.send("erp", "k", price("8.40"))
    shop.run("UPDATE prices SET price_brl = 5 WHERE product_id = 'p1'")
    again = house_without_memory(house)  # its journal knows nothing: the worker died before it could write

    assert again.send("erp", "k", price("8.40")) == "prices: there already"
    assert Decimal(str(shop.rows()[0][1])) == 5


def test_many_at_once_with_one_key_write_one_row(house: DoorHouse, shop: Shop, world: World) -> None:
    world.send("erp", "first", price("1.00", "p0"))
    together, told = threading.Barrier(4), []

    def send() -> None:
        other = house_without_memory(house, name=str(threading.get_ident()))
        together.wait(60)
        told.append(other.send("erp", "k", price("9.00", "p9")))

    workers = [threading.Thread(target=send) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)

    assert sorted(told) == ["prices: one row added", *["prices: there already"] * 3]
    assert [row[0] for row in shop.rows("SELECT effect_key FROM eco_effects ORDER BY effect_key")] == ["first", "k"]


def test_other_messages_become_rows_that_withdrawal_removes(shop: Shop, world: World) -> None:
    world.send("erp", "w/note", EVENT)
    assert shop.rows("SELECT message_key, subject FROM eco_messages") == [("w/note", "maquina-1")]

    world.withdraw("erp", "w/note", EVENT)
    assert shop.rows("SELECT * FROM eco_messages") == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({**price("1"), "table": "customers"}, "not among the door's tables"),
        ({**price("1"), "match": {}}, "could be any"),
        ({**price("1"), "match": {"since": "2026-01-01"}}, "several rows"),
        ({**price("1"), "values": {"prize": 1}}, "no column prize"),
        ({**price("cheap")}, "cannot hold"),
    ],
)
def test_what_a_row_cannot_be_is_refused_and_nothing_is_written(shop: Shop, world: World, message: dict[str, Any], said: str) -> None:
    shop.run("INSERT INTO prices VALUES ('p2', 1, '2026-01-01', '')")
    before = shop.rows()
    with pytest.raises(ActionRefused, match=said):
        world.send("erp", "k", message)

    assert shop.rows() == before
    assert world.withdraw("erp", "k", message) == "nothing was sent"


def test_a_row_that_another_holds_for_long_is_tried_again_later(house: DoorHouse, shop: Shop, world: World) -> None:
    world.send("erp", "first", price("1.00", "p0"))
    hasty = house.world(erp={"kind": "sql", "url": "${SHOP_URL}", "tables": ["prices"], "timeout_s": 1})
    with shop.engine.connect() as holder:
        holder.execute(text("UPDATE prices SET note = 'busy' WHERE product_id = 'p1'"))
        with pytest.raises(DoorUnavailable):
            hasty.send("erp", "k", price("8.40"))
        holder.rollback()

    world.send("erp", "k", price("8.40"))
    assert float(shop.rows("SELECT price_brl FROM prices WHERE product_id = 'p1'")[0][0]) == 8.4


def test_a_dead_database_is_a_door_that_may_open_later(house: DoorHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", f"postgresql://eco@127.0.0.1:{dead_port()}/shop")
    world = house.world(erp={"kind": "sql", "url": "${SHOP_URL}", "tables": ["prices"]})
    with pytest.raises(Unreached, match="does not answer"):
        world.send("erp", "k", price("1"))

    assert world.withdraw("erp", "k", price("1")) == "nothing was sent"


def test_a_database_that_does_not_exist_is_refused_without_its_password(
    house: DoorHouse, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", postgres_url.replace("eco@", "eco:geheim@") + "_not")
    with pytest.raises((ActionRefused, DoorUnavailable)) as refused:
        house.world(erp={"kind": "sql", "url": "${SHOP_URL}"}).send("erp", "k", EVENT)

    assert "geheim" not in str(refused.value)


def test_the_test_looks_for_the_tables(house: DoorHouse, world: World, shop: Shop) -> None:
    assert "1 table(s) found" in world.check("erp")
    shop.run("DROP TABLE prices")
    with pytest.raises(ActionRefused, match="no table prices"):
        house_without_memory(house).check("erp")


def test_types_survive_the_way_back(shop: Shop, world: World) -> None:
    world.send("erp", "k", {**price("8.40"), "values": {"since": date(2026, 12, 1), "note": None}})
    world.withdraw("erp", "k", price("8.40"))

    assert float(shop.rows()[0][1]) == 10.5
    assert [str(shop.rows()[0][place]) for place in (2, 3)] == ["2026-01-01", "de antes"]


def house_without_memory(house: DoorHouse, name: str = "other") -> World:
    return World(house.outbox, house.root / name / "bookings.db", house.file)
