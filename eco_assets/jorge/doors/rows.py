"""One row of a foreign table: finding it, writing it, and keeping what stood there before as JSON that can be put back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ActionRefused

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

Row = dict[str, Any]


def only_row(db: Connection, table: Table, match: Mapping[str, Any]) -> Row | None:
    """The row that `match` finds, held until the transaction ends; None without one.

    Raises:
        ActionRefused: `match` is empty, names an unknown column, or finds several rows.
    """
    _known(table, match)
    if not match:
        raise ActionRefused(f"{table.name}: a row without `match` could be any")
    where = [table.c[name] == _typed(table, name, value) for name, value in match.items()]
    found = db.execute(table.select().where(*where).limit(2).with_for_update()).mappings().all()
    if len(found) > 1:
        raise ActionRefused(f"{table.name}: {', '.join(match)} finds several rows; it must find one")
    return dict(found[0]) if found else None


def written(db: Connection, table: Table, match: Mapping[str, Any], values: Mapping[str, Any], before: Row | None) -> Row:
    """Write the row and return what was written, as the table's types have it."""
    _known(table, values)
    after = {name: _typed(table, name, value) for name, value in {**match, **values}.items()}
    if before is None:
        db.execute(table.insert().values(**after))
    else:
        where = [table.c[name] == _typed(table, name, value) for name, value in match.items()]
        db.execute(table.update().where(*where).values(**after))
    return after


def changed(now: Row, after: Row) -> bool:
    """Whether somebody changed what we wrote."""
    return any(_plain(now.get(name)) != _plain(value) for name, value in after.items())


def frozen(row: Mapping[str, Any] | None) -> str | None:
    """A row as JSON."""
    return None if row is None else json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False)


def thawed(table: Table, text: str | None) -> Row | None:
    """A row from JSON, in the table's types."""
    return None if text is None else {name: _typed(table, name, value) for name, value in json.loads(text).items() if name in table.c}


def _known(table: Table, names: Mapping[str, Any]) -> None:
    unknown = [name for name in names if name not in table.c]
    if unknown:
        raise ActionRefused(f"{table.name} has no column {unknown[0]}; it has {', '.join(column.name for column in table.c)}")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, (str, int, float, bool, type(None), list, dict)) else str(value)


def _typed(table: Table, name: str, value: Any) -> Any:
    """The value in the column's Python type, where a text or a number stands for it."""
    try:
        kind = table.c[name].type.python_type
    except NotImplementedError:
        return value
    if value is None or (isinstance(value, kind) and not (kind is date and isinstance(value, datetime))):
        return value
    try:
        if kind in (datetime, date, time) and isinstance(value, str):
            return kind.fromisoformat(value)
        if kind is Decimal:
            return Decimal(str(value))
        if kind is bytes and isinstance(value, str):
            return bytes.fromhex(value)
        if kind in (int, float, str):
            return kind(value)
    except (ValueError, ArithmeticError) as error:
        raise ActionRefused(f"{table.name}.{name} cannot hold {value!r}: {error}") from error
    return value
