"""Rows of another system's database. The effect and its key are written in one transaction there, so a key acts once whatever breaks.

The table `eco_effects`, made on first use, keeps for each key what was written and what stood there before: that is how it is undone. A
row that somebody changed since is left as it is. Other messages go to one table, a row each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Began, Form, Message, Unreached
from eco_assets.jorge.doors.options import Sql
from eco_assets.jorge.doors.rows import changed, frozen, only_row, thawed, written
from eco_assets.jorge.doors.webhook import body_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

EFFECTS = "eco_effects"
_NOTHING: dict[str, Any] = {}


class SqlDoor:
    """One database."""

    kind: ClassVar[str] = "sql"
    is_idempotent: ClassVar[bool] = True

    def __init__(self, options: Sql) -> None:
        self._options = options

    def send(self, key: str, message: Message, began: Began) -> str:
        """See `Door.send`."""
        name, match, values = row_of(key, message, self._options.messages)
        if name != self._options.messages and name not in self._options.tables:
            raise ActionRefused(f"table {name} is not among the door's tables ({', '.join(self._options.tables) or 'none'})")
        with self._transaction() as db:
            began()
            if not self._claim(db, key, name):
                return f"{name}: there already"
            table = self._table(name, db)
            before = only_row(db, table, match)
            after = written(db, table, match, values, before)
            effects = self._table(EFFECTS, db)
            record = {"matched": frozen(match), "before_row": frozen(before), "after_row": frozen(after)}
            db.execute(effects.update().where(effects.c.effect_key == key).values(**record))
        return f"{name}: one row {'changed' if before else 'added'}"

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """Put the row back as it was before, unless somebody changed it since."""
        with self._transaction() as db:
            effects = self._table(EFFECTS, db)
            found = db.execute(effects.select().where(effects.c.effect_key == key).with_for_update()).mappings().first()
            if found is None or found["withdrawn_at"]:
                return "nothing was written" if found is None else f"{found['target']}: put back before"
            db.execute(effects.update().where(effects.c.effect_key == key).values(withdrawn_at=_now()))
            table = self._table(found["target"], db)
            match, after = thawed(table, found["matched"]) or _NOTHING, thawed(table, found["after_row"]) or _NOTHING
            now = only_row(db, table, match)
            if now is None or changed(now, after):
                return f"{table.name}: left as it is, somebody changed it since"
            where = [table.c[name] == value for name, value in match.items()]
            if found["before_row"] is None:
                db.execute(table.delete().where(*where))
            else:
                db.execute(table.update().where(*where).values(**(thawed(table, found["before_row"]) or _NOTHING)))
        return f"{table.name}: one row put back"

    def check(self) -> str:
        """Connect and look whether the tables are there."""
        with self._transaction() as db:
            for name in self._options.tables:
                self._table(name, db)
        return f"{self._engine.dialect.name} answers; {len(self._options.tables)} table(s) found"

    @cached_property
    def _engine(self) -> Engine:
        from sqlalchemy import NullPool, create_engine, event
        from sqlalchemy.engine import make_url

        url = make_url(self._options.url.get_secret_value())
        wait = max(int(self._options.timeout_s), 1)
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
            limits = f"-c statement_timeout={wait * 1000} -c lock_timeout={wait * 1000}"
            return create_engine(url, connect_args={"connect_timeout": wait, "options": limits}, poolclass=NullPool)
        engine = create_engine(url, connect_args={"timeout": wait} if url.get_backend_name() == "sqlite" else {}, poolclass=NullPool)
        if url.get_backend_name() == "sqlite":

            @event.listens_for(engine, "begin")
            def immediate(db: Connection) -> None:  # else two writers that both read first refuse each other
                db.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {}

    def _table(self, name: str, db: Connection) -> Table:
        from sqlalchemy import MetaData, Table
        from sqlalchemy.exc import NoSuchTableError

        if name not in self._tables:
            schema, _, own = name.rpartition(".")
            try:
                self._tables[name] = Table(own, MetaData(), schema=schema or None, autoload_with=db)
            except NoSuchTableError as error:
                raise ActionRefused(f"there is no table {name} at the receiving side") from error
        return self._tables[name]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction whose errors are told apart: before it began, nothing can have happened."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        has_begun = False
        try:
            self._make_own_tables()
            with self._engine.begin() as db:
                has_begun = True
                yield db
        except DBAPIError as error:
            raise _told(error, has_begun=has_begun) from error
        except (SQLAlchemyError, ImportError) as error:
            raise ActionRefused(f"the database's address or the row cannot be used: {type(error).__name__}: {error}") from error

    def _make_own_tables(self) -> None:
        from sqlalchemy import Column, MetaData, Table, Text, inspect

        if EFFECTS in self._tables:
            return
        text = {"effect_key": ("target",), self._options.messages: ("decision_id", "subject", "action", "content")}
        known = inspect(self._engine)
        own = MetaData()
        effects = [Column(name, Text) for name in ("target", "matched", "before_row", "after_row", "applied_at", "withdrawn_at")]
        Table(EFFECTS, own, Column("effect_key", Text, primary_key=True), *effects)
        columns = [Column(name, Text) for name in text[self._options.messages]]
        Table(self._options.messages, own, Column("message_key", Text, primary_key=True), *columns)
        missing = [table for table in own.sorted_tables if not known.has_table(table.name)]
        if missing:
            own.create_all(self._engine, tables=missing)
        self._tables[EFFECTS] = own.tables[EFFECTS]

    def _claim(self, db: Connection, key: str, target: str) -> bool:
        """Whether this transaction is the one that acts for the key; two at once wait for each other here."""
        from sqlalchemy.exc import IntegrityError

        try:
            with db.begin_nested():
                db.execute(self._table(EFFECTS, db).insert().values(effect_key=key, target=target, applied_at=_now()))
        except IntegrityError:
            return False
        return True


def row_of(key: str, message: Message, messages: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Table, what finds the row and what it is set to; a message that names no table becomes a row of `messages`."""
    if "table" in message:
        return str(message["table"]), dict(message.get("match") or {}), dict(message.get("values") or {})
    content = json.loads(body_of(key, message))
    own = {name: str(content.pop(name, "")) for name in ("decision_id", "subject", "action")}
    return messages, {"message_key": key}, {**own, "content": json.dumps(content, ensure_ascii=False, sort_keys=True)}


def form(key: str, message: Message, *, is_withdrawal: bool = False) -> Form:
    """The statement and its parameters; the row's earlier state is known only where it is."""
    name, match, values = row_of(key, message, "eco_messages")
    if is_withdrawal:
        return Form({"statement": f"-- row of {name} as it was before {key}", "parameters": match})
    columns = [*match, *(column for column in values if column not in match)]
    changes = ", ".join(f"{column} = excluded.{column}" for column in values)
    marks = ", ".join(f":{column}" for column in columns)
    found = ", ".join(match)
    statement = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT ({found}) DO UPDATE SET {changes}"
    return Form({"statement": statement, "parameters": {**match, **values}})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _told(error: Any, *, has_begun: bool) -> Exception:
    from sqlalchemy.exc import InterfaceError, OperationalError

    said = str(error.orig).strip().splitlines()[0][:200] if str(error.orig).strip() else type(error.orig).__name__
    is_wrong_password = getattr(error.orig, "sqlstate", None) in ("28P01", "28000", "3D000") or "password authentication failed" in said
    if is_wrong_password:
        return ActionRefused(f"the database refuses us: {said}")
    if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
        return DoorUnavailable(f"the database broke off: {said}") if has_begun else Unreached(f"the database does not answer: {said}")
    return ActionRefused(f"the database refuses the row: {said}")
