"""Real database servers on loopback for the tests of native connectors: made in a folder of the test, on a free port, killed at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from servers import free_port

PASSWORD = "conformance-s3cret-5f1e9c"  # noqa: S105 -- the conformance suite's secret, to look for in logs


def postgres_binaries() -> Path | None:
    """The folder of PostgreSQL's server binaries."""
    found = shutil.which("postgres")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def mariadb_binaries() -> tuple[str, str] | None:
    """MariaDB's server and its installer."""
    server = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    installer = shutil.which("mariadb-install-db")
    return (server, installer) if server and installer else None


class Server:
    """A server process that tests may kill and start again."""

    def __init__(self, command: list[str], user: str | None, folder: Path, is_up: Callable[[], Any]) -> None:
        self.command, self.user, self.folder, self._is_up = command, user, folder, is_up
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self.user,
                extra_groups=[] if self.user else None,
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while True:
            try:
                self._is_up().close()
            except Exception:  # noqa: BLE001 -- whatever a driver raises while the server comes up
                if time.monotonic() > until or self.process.poll() is not None:
                    raise RuntimeError((self.folder / "server.log").read_text()[-2000:]) from None
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """Kill -9 of the server and all its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class Postgres(Server):
    """PostgreSQL with a superuser `admin` and a password."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.port = free_port()
        user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        data, secret = folder / "data", folder / "password"
        _reachable(folder, user)
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        _run(
            [binaries / "initdb", "-D", data, "-U", "admin", "-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "-E", "UTF8"],
            user,
            folder,
        )
        command = [binaries / "postgres", "-D", data, "-p", self.port, "-k", folder, "-h", "127.0.0.1", "-c", "fsync=off"]
        command += ["-c", "max_prepared_transactions=5", "-c", "shared_buffers=16MB"]
        super().__init__([str(word) for word in command], user, folder, self.connect)

    def connect(self, **options: Any) -> Any:
        """A psycopg connection in autocommit."""
        import psycopg

        return psycopg.connect(**{**self.address(), "dbname": "postgres"}, autocommit=True, **options)

    def address(self) -> dict[str, Any]:
        """Where it is and how to get in."""
        return {"host": "127.0.0.1", "port": self.port, "user": "admin", "password": PASSWORD}

    def config(self, database: str = "postgres") -> dict[str, Any]:
        """The connector's configuration."""
        return {**self.address(), "database": database, "connect_timeout_s": 30}


class MariaDB(Server):
    """MariaDB with a user `admin` and a password."""

    def __init__(self, folder: Path, binaries: tuple[str, str]) -> None:
        self.port = free_port()
        user = "mysql" if os.geteuid() == 0 else None
        data, script = folder / "data", folder / "init.sql"
        _reachable(folder, user)
        script.write_text(
            f"CREATE USER IF NOT EXISTS admin@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO admin@'127.0.0.1';\n",
            encoding="utf-8",
        )
        server, installer = binaries
        _run([installer, "--no-defaults", f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal"], user, folder)
        command = [
            server,
            "--no-defaults",
            f"--datadir={data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder}/s.sock",
        ]
        command += [
            f"--init-file={script}",
            f"--pid-file={folder}/pid",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-buffer-pool-size=32M",
            "--skip-name-resolve",
        ]
        super().__init__(command, user, folder, self.connect)

    def connect(self) -> Any:
        """A pymysql connection in autocommit."""
        import pymysql

        return pymysql.connect(host="127.0.0.1", port=self.port, user="admin", password=PASSWORD, autocommit=True, charset="utf8mb4")

    def config(self, database: str) -> dict[str, Any]:
        """The connector's configuration."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "admin",
            "password": PASSWORD,
            "database": database,
            "connect_timeout_s": 30,
        }


def _reachable(folder: Path, user: str | None) -> None:
    """Let another user in: pytest makes its folders for their owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    if user:
        shutil.chown(folder, user)
        for parent in folder.parents:
            if parent.owner() == "root" and parent != Path(parent.anchor):
                parent.chmod(parent.stat().st_mode | 0o011)


def _run(command: list[Any], user: str | None, folder: Path) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=folder, user=user, extra_groups=[] if user else None
    )
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr[-2000:]}")
