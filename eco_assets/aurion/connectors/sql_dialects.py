"""What differs between databases: the address, TLS, time-outs, a consistent read-only session, and which errors mean what.

One entry of `DIALECTS` a database. How rows are read (`sql_read.py`) and which (`sql_sweep.py`) knows no database by name, but for COPY.
SQL Server is reached by python-tds; there was no server to try it against: address, options, compiled SQL and what a refused or silent
socket does are tested, reading is not. TLS there needs pyOpenSSL, which is not a dependency: asking for it without is a `ConfigError`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.connectors.protocol import Config
from eco_assets.aurion.connectors.scrub import Scrubber
from eco_assets.errors import ConfigError, EcoError, SourceRefused, SourceUnavailable

if TYPE_CHECKING:
    import sqlalchemy as sa

_TLS: Mapping[str, Any] = {
    "type": "object",
    "description": "TLS. `mode`: disable, prefer, require (encrypted), verify-ca, verify-full (and it is who it says)",
    "properties": {
        "mode": {"enum": ["disable", "prefer", "require", "verify-ca", "verify-full"], "default": "prefer"},
        "ca": {"type": "string", "description": "file with the authority's certificate"},
        "certificate": {"type": "string", "description": "file with our certificate"},
        "key": {"type": "string", "description": "file with the key of our certificate"},
    },
}


@dataclass(frozen=True)
class Dialect:
    """One kind of database."""

    name: str
    driver: str = ""  # SQLAlchemy's name of the driver; empty where the configuration gives the whole URL
    port: int = 0
    connect: Callable[[Config], dict[str, Any]] = field(default=lambda config: {})
    session: Callable[[Config], tuple[str, ...]] = field(default=lambda config: ())  # run on each new connection, before its transaction
    isolation: str | None = None  # what makes all statements of one transaction see one state
    oldest: str = ""  # SQL: when the oldest transaction in flight began; empty where the database does not tell
    is_streaming: bool = True  # whether SQLAlchemy's server-side cursor works

    def properties(self) -> dict[str, Any]:
        """Its part of the configuration's JSON Schema."""
        if not self.driver:
            return {"url": {"type": "string", "writeOnly": True, "description": "SQLAlchemy URL; it may hold a password"}}
        return {
            "host": {"type": "string"},
            "port": {"type": "integer", "default": self.port},
            "database": {"type": "string"},
            "user": {"type": "string"},
            "password": {"type": "string", "writeOnly": True},
            "tls": dict(_TLS),
        }

    def url(self, config: Config) -> sa.URL:
        """The address.

        Raises:
            ConfigError: it cannot be read.
        """
        import sqlalchemy as sa

        if self.driver:
            return sa.URL.create(
                self.driver,
                username=config["user"],
                password=config.get("password"),
                host=config["host"],
                port=config.get("port", self.port),
                database=config["database"],
            )
        try:
            url = sa.make_url(config["url"])
            url.get_dialect()
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError):
            raise ConfigError("`url` is no SQLAlchemy URL with an installed driver, such as sqlite:///file.db") from None
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
            raise SourceRefused(f"there is no SQLite file {url.database}")  # opening it would make an empty one
        return url


def _postgres(config: Config) -> dict[str, Any]:
    tls, statement_ms = config.get("tls", {}), int(config.get("statement_timeout_s", 3600) * 1000)
    found = {
        "connect_timeout": int(config.get("connect_timeout_s", 15)),
        "options": f"-c statement_timeout={statement_ms} -c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601"
        " -c default_transaction_read_only=on -c client_encoding=UTF8 -c bytea_output=hex -c extra_float_digits=1",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,  # a server that vanished is noticed within a minute
        "sslmode": tls.get("mode", "prefer"),
        "application_name": "eco aurion",
    }
    names = {"ca": "sslrootcert", "certificate": "sslcert", "key": "sslkey"}
    return found | {theirs: tls[ours] for ours, theirs in names.items() if ours in tls}


def _mysql(config: Config) -> dict[str, Any]:
    tls = config.get("tls", {})
    mode = tls.get("mode", "prefer")
    found: dict[str, Any] = {
        "connect_timeout": int(config.get("connect_timeout_s", 15)),
        "read_timeout": int(config.get("statement_timeout_s", 3600)) + 5,
        "write_timeout": 60,
        "charset": "utf8mb4",
    }
    if mode == "disable":
        return found | {"ssl_disabled": True}
    return found if mode == "prefer" else found | {"ssl": _context(tls, mode)}


def _context(tls: Mapping[str, str], mode: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.get("ca"))
        if "certificate" in tls:
            context.load_cert_chain(tls["certificate"], tls.get("key"))
    except OSError as error:  # an SSLError is one
        raise ConfigError(f"`tls`: a file cannot be read as a certificate or key: {error}") from None
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_NONE if mode == "require" else ssl.CERT_REQUIRED
    return context


def _mysql_session(config: Config) -> tuple[str, ...]:
    limit_s = config.get("statement_timeout_s", 3600)
    return (
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION TRANSACTION READ ONLY",
        # The server waits this long for a reader that is busy landing a batch. MariaDB counts the limit of a statement in seconds, MySQL in
        # milliseconds and by another name; each takes the other's words as a comment.
        f"SET SESSION net_write_timeout = 3600 /*M! , max_statement_time = {limit_s} */"
        f" /*!50704 , max_execution_time = {int(limit_s * 1000)} */",
    )


def _sqlserver(config: Config) -> dict[str, Any]:
    tls = config.get("tls", {})
    mode = tls.get("mode", "prefer")
    found = {"login_timeout": int(config.get("connect_timeout_s", 15)), "timeout": int(config.get("statement_timeout_s", 3600))}
    if mode in ("disable", "prefer"):
        return found
    if importlib.util.find_spec("OpenSSL") is None:
        raise ConfigError(f"`tls.mode` {mode} for SQL Server needs pyOpenSSL: install it beside Eco, or set `tls.mode` to disable")
    if "ca" not in tls:
        raise ConfigError("`tls.ca` is missing: python-tds encrypts only against an authority's certificate")
    return found | {"cafile": tls["ca"], "validate_host": mode == "verify-full"}


DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "postgres",
            "postgresql+psycopg",
            5432,
            _postgres,
            isolation="REPEATABLE READ",
            oldest="SELECT least(clock_timestamp(), min(xact_start), (SELECT min(prepared) FROM pg_prepared_xacts)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
        ),
        Dialect(
            "mysql",
            "mysql+pymysql",
            3306,
            _mysql,
            _mysql_session,
            isolation="REPEATABLE READ",
        ),
        Dialect("sqlserver", "mssql+pytds", 1433, _sqlserver, is_streaming=False),
        Dialect("sql"),
    )
}

_REFUSED_SQLSTATES = ("28", "3D", "42", "0A", "22")  # not let in, no such database, no such table or no right, not supported, bad value
_REFUSED_NUMBERS = {
    1044,
    1045,
    1049,
    1054,
    1142,
    1143,
    1146,
    1227,
    1370,
    208,
    207,
    229,
    916,
    4060,
    18452,
    18456,
    18470,
    18486,
    18487,
    18488,
}
_REFUSED_WORDS = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "role ",
    "permission denied",
    "login failed",
    "access denied",
    "no such table",
    "no such column",
    "unable to open database",
    "not a database",
    "certificate verify failed",
    "does not support ssl",
)


def translated(error: Exception, doing: str, config: Config) -> EcoError:
    """An error of a driver or of SQLAlchemy as one of ours, without a secret in it.

    Args:
        error: what was raised.
        doing: what we were doing, to begin the message with.
        config: the configuration; its secrets are taken out of the message.
    """
    origin = getattr(error, "orig", None) or error
    told = " ".join(str(part) for part in origin.args) if origin.args else str(origin)
    message = f"{doing}: {scrubbed(' '.join(told.split())[:400], config)}"
    state = str(getattr(origin, "sqlstate", None) or "")
    number = next((value for value in (getattr(origin, "number", None), *origin.args[:1]) if isinstance(value, int)), None)
    lower = told.lower()
    is_missing = "database " in lower and "does not exist" in lower
    # psycopg calls a connection that broke in the middle of COPY a ProgrammingError; one of the server's has a state.
    is_our_mistake = type(error).__name__ == "ProgrammingError" and (bool(state) or not hasattr(origin, "sqlstate"))
    if type(error).__name__ == "NoSuchTableError" or is_our_mistake or is_missing:
        return SourceRefused(message)
    if state.startswith(_REFUSED_SQLSTATES) or number in _REFUSED_NUMBERS or any(words in lower for words in _REFUSED_WORDS):
        return SourceRefused(message)
    return SourceUnavailable(f"{message}; try again later")


def scrubbed(text: str, config: Config) -> str:
    """Text without the password, wherever the configuration holds it."""
    import sqlalchemy as sa

    secrets = [str(config[name]) for name in ("password", "url") if config.get(name)]
    with contextlib.suppress(sa.exc.ArgumentError):
        secrets.append(sa.make_url(config.get("url", "none://")).password or "")
    return Scrubber(secrets)(text)
