"""Starts what a developer looks at: Dagster's UI and daemon, MLflow's UI, and the resident worker, all on loopback. Ends them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from eco_assets.settings import PROJECT_ROOT, Settings

HOST = "127.0.0.1"
_BIN = Path(sys.executable).parent


def serve(settings: Settings, port: int, mlflow_port: int, *, is_resident: bool = True) -> int:
    """Run until Ctrl-C, or until one of them ends; returns the exit code."""
    from eco_assets.defs.inprocess import instance

    with instance(settings.dagster_home):  # also closes runs whose process was killed
        pass
    settings.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DAGSTER_HOME": str(settings.dagster_home), "ECO_HOME": str(settings.home)}
    commands = (
        [str(_BIN / "dg"), "dev", "--host", HOST, "--port", str(port)],
        [
            str(_BIN / "mlflow"),
            "ui",
            "--backend-store-uri",
            settings.mlflow_uri,
            "--host",
            HOST,
            "--port",
            str(mlflow_port),
            "--workers",
            "1",
        ],
        *([[str(_BIN / "eco"), "resident"]] if is_resident else []),
    )
    running = [subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, start_new_session=True) for command in commands]  # noqa: S603
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while all(process.poll() is None for process in running):
            time.sleep(0.5)
        return max(process.returncode or 0 for process in running if process.returncode is not None)
    except KeyboardInterrupt:
        return 0
    finally:
        _end(running)


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    """Ask every process group to end, then make it; a second Ctrl-C must not leave one behind."""
    for impatience in (signal.SIGINT, signal.SIGTERM):
        signal.signal(impatience, signal.SIG_IGN)
    for how, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience_s)
