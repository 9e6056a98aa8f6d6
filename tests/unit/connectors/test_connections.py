"""A connection is a folder that a person can read: no secret in it, and contracts that the platform takes as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from eco_assets.aurion.connections import Draft, connections, names, open_connector, read_connection, settle, write_connection
from eco_assets.aurion.connectors.protocol import Spec, Stream
from eco_assets.aurion.drafts import identifier
from eco_assets.errors import ConfigError, ContractError, NotFound

SECRET = "conformance-s3cret"  # noqa: S105 -- made up
SPEC = Spec({"type": "object", "properties": {"auth": {"type": "object", "properties": {"token": {"type": "string", "writeOnly": True}}}}})
ORDERS = Stream(
    "OrderItems",
    pa.schema(
        [
            ("orderId", pa.int64()),
            ("line", pa.int32()),
            ("customer_email", pa.string()),
            ("CPF", pa.string()),
            ("total", pa.decimal128(12, 2)),
            ("is_paid", pa.bool_()),
            ("updated_at", pa.timestamp("us", tz="UTC")),
            ("2nd address", pa.string()),
            ("_eco_op", pa.string()),
        ]
    ),
    ("orderId", "line"),
    "updated_at",
)
WHOLE = Stream("countries", pa.schema([("code", pa.string()), ("size", pa.uint32()), ("since", pa.date32()), ("share", pa.float32())]))


def draft(name: str = "shop", *streams: Stream, **config: Any) -> Draft:
    return Draft(name, "rest", "varejo", {"url": "https://shop.example", "auth": {"token": SECRET}, **config}, streams or (ORDERS, WHOLE))


def test_secrets_become_variables_and_are_in_no_file(tmp_path: Path) -> None:
    made, variables = write_connection(tmp_path, draft(), SPEC)
    assert variables == {"SHOP_AUTH_TOKEN": "auth.token"}
    assert made.config["auth"] == {"token": "${SHOP_AUTH_TOKEN}"}
    assert not any(SECRET in path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.yaml"))
    assert read_connection(tmp_path, "shop").settled({"SHOP_AUTH_TOKEN": SECRET})["auth"] == {"token": SECRET}


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    made, _ = write_connection(tmp_path, draft(), SPEC)
    with pytest.raises(ConfigError, match="SHOP_AUTH_TOKEN is not set"):
        made.settled({})


def test_a_variable_that_was_named_before_is_kept_and_no_variable_looks_like_a_setting(tmp_path: Path) -> None:
    given = draft("eco-shop", ORDERS, auth={"token": "${MINE}"}, more={"token": "other"})
    spec = Spec({"type": "object", "properties": {"token": {"writeOnly": True}}})
    made, variables = write_connection(tmp_path, given, spec)
    assert made.config["auth"] == {"token": "${MINE}"}
    assert list(variables) == ["CONNECTION_ECO_SHOP_MORE_TOKEN"]


def test_variables_are_replaced_at_any_depth_and_inside_text() -> None:
    config = {"a": ["${X}", {"b": "pre-${X}-post"}], "n": 1}
    assert settle(config, {"X": "y"}) == {"a": ["y", {"b": "pre-y-post"}], "n": 1}


def test_a_drafted_contract_is_one_that_the_platform_takes(tmp_path: Path) -> None:
    made, _ = write_connection(tmp_path, draft(), SPEC)
    (stream, items), (_, countries) = made.contracts()
    assert stream == "OrderItems"
    assert (items.table, items.server, items.load_mode, items.key) == ("varejo.order_items", "connection", "upsert", ("order_id", "line"))
    assert {column.name: column.sql_type for column in items.columns} == {
        "order_id": "BIGINT",
        "line": "INTEGER",
        "customer_email": "VARCHAR",
        "cpf": "VARCHAR",
        "total": "DECIMAL(12, 2)",
        "is_paid": "BOOLEAN",
        "updated_at": "TIMESTAMP",
        "c_2nd_address": "VARCHAR",
    }
    assert {column.name for column in items.columns if column.is_personal} == {"customer_email", "cpf", "c_2nd_address"}
    assert {column.classification for column in items.columns if column.is_personal} == {"confidential"}
    assert {column.physical_name for column in items.columns} == set(ORDERS.schema.names) - {"_eco_op"}
    assert all(column.is_required == (column.name in items.key) for column in items.columns)
    assert (countries.load_mode, countries.key) == ("replace_file", ())
    assert [column.sql_type for column in countries.columns] == ["VARCHAR", "BIGINT", "DATE", "DOUBLE"]


def test_changes_without_a_key_are_refused_with_what_to_do(tmp_path: Path) -> None:
    stream = Stream("events", ORDERS.schema, (), "updated_at")
    with pytest.raises(ContractError, match="--key events="):
        write_connection(tmp_path, draft("shop", stream), SPEC)
    assert names(tmp_path) == []


def test_two_streams_that_would_fill_one_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="order_items"):
        write_connection(tmp_path, draft("shop", ORDERS, Stream("order_items", ORDERS.schema, ("line",))), SPEC)


@pytest.mark.parametrize("name", ["Shop", "../shop", "", "1shop", "a b"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name for a connection"):
        write_connection(tmp_path / "connections", draft(name), SPEC)


def test_a_name_that_is_taken_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    write_connection(tmp_path, draft(), SPEC)
    with pytest.raises(ConfigError, match="there already"):
        write_connection(tmp_path, draft("shop", WHOLE), SPEC)
    assert set(read_connection(tmp_path, "shop").streams) == {"OrderItems", "countries"}


def test_an_unknown_connection_lists_those_there_are(tmp_path: Path) -> None:
    write_connection(tmp_path, draft(), SPEC)
    with pytest.raises(NotFound, match="shop"):
        read_connection(tmp_path, "shoop")
    assert [one.name for one in connections(tmp_path)] == ["shop"]


@pytest.mark.parametrize("text", ["name: shop", "[]", "name: other\nconnector: rest\ndomain: varejo\nstreams: {}", ": :"])
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "connection.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"connection\.yaml"):
        read_connection(tmp_path, "shop")


def test_a_contract_of_another_table_is_refused(tmp_path: Path) -> None:
    made, _ = write_connection(tmp_path, draft("shop", WHOLE), SPEC)
    path = made.folder / "countries.odcs.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8")) | {"domain": "financeiro"}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ContractError, match=r"varejo\.countries"):
        made.contracts()


def test_a_connection_opens_its_connector(tmp_path: Path) -> None:
    write_connection(tmp_path, draft(), SPEC)
    assert "base_url" in open_connector("shop", tmp_path, tmp_path / "runtimes").spec().schema["properties"]


@pytest.mark.parametrize(
    ("name", "plain"),
    [("orderId", "order_id"), ("São Paulo", "sao_paulo"), ("2x", "c_2x"), ("__a__", "a"), ("ção", "cao"), ("!", "column")],
)
def test_names_become_plain(name: str, plain: str) -> None:
    assert identifier(name) == plain
