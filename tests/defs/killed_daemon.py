"""What the kill test kills: Dagster's own daemon loops over the toy agent, and the resident worker, each a process on a home on disk.

The daemon process evaluates sensors, creates and launches runs, fails runs that never began, and runs those again. A launch leaves the
run's number in a file, and the test's own process plays the run workers, which no kill of the daemon touches in a real installation.
"""

import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._config import UserConfigSchema
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.monitoring import execute_run_monitoring_iteration
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from toy_agent import AGENT, LATE, POINTS, RECORDED, Script, _definitions

from eco_assets.defs.executions import execution_key
from eco_assets.resident.outbox import Outbox
from sensors.resident import Resident, Result, Watched

HOME = "KILLED_HOME"  # not ECO_: an unknown setting would be refused by tests that run after it in this process
START_S = 30  # a run that does not begin within so long is failed, and made again
YAML = f"""
telemetry: {{enabled: false}}
run_coordinator: {{module: dagster._core.run_coordinator, class: DefaultRunCoordinator}}
run_launcher: {{module: killed_daemon, class: Leaves}}
run_monitoring: {{enabled: true, start_timeout_seconds: {START_S}, poll_interval_seconds: 1}}
run_retries: {{enabled: true, max_retries: 5}}
"""


class Leaves(RunLauncher, ConfigurableClass):
    """Launches a run by leaving its number in the file `launched`."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """How it was configured."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> "Leaves":
        """From the instance's file."""
        return cls(inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Leave the number; one short write is whole or not there."""
        file = os.open(Path(os.environ[HOME]) / "launched", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{context.dagster_run.run_id}\n".encode())
        os.close(file)

    def terminate(self, run_id: str) -> bool:
        """Nobody ends a run here."""
        return False


def open_instance(home: Path) -> dg.DagsterInstance:
    """The instance of a home; made when it is not there."""
    os.environ[HOME] = str(home)
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        (folder / "dagster.yaml").write_text(YAML, encoding="utf-8")
    return dg.DagsterInstance.from_config(str(folder))


@dg.definitions
def defs() -> dg.Definitions:
    """The toy agent, watched as fast as the loop turns, beside the outbox of the home."""
    return _definitions(Script(), lambda: Outbox(Path(os.environ[HOME]) / "resident"), interval_s=1)


def serve_daemon(home: Path) -> None:
    """Dagster's loops of sensors, of runs that never began and of runs to make again, until killed."""
    logging.basicConfig(filename=home / "daemon.log", level=logging.WARNING, force=True)
    logger = logging.getLogger("killed_daemon")
    origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="killed_daemon", attribute="defs"), location_name="toy")
    with open_instance(home) as instance, create_test_daemon_workspace_context(InProcessTestWorkspaceLoadTarget(origin), instance) as place:
        again = EventLogConsumerDaemon()
        (home / "serve_daemon.ready").touch()
        while True:
            told = [*execute_sensor_iteration(place, logger, None, None), *execute_run_monitoring_iteration(place, logger)]
            for error in [*told, *again.run_iteration(place)]:
                if error is not None:
                    logger.error("%s", error)
            time.sleep(0.05)


def serve_resident(home: Path) -> None:
    """The resident worker, until killed."""
    blocking = (*(dg.AssetCheckKey(key, RECORDED) for key in POINTS.values()), dg.AssetCheckKey(POINTS["replenishment"], LATE))
    outbox, watched = Outbox(home / "resident"), Watched(AGENT, tuple(POINTS.values()), blocking, execution_key(AGENT))

    def execute(_agent: str, _day: str) -> Result:
        time.sleep(0.02)  # so that kills come while it carries out, too
        return Result({"new_executions": 1}, {"success_rate": (True, {})})

    with open_instance(home) as instance, outbox.working():
        (home / "serve_resident.ready").touch()
        Resident(instance, outbox, [watched], execute).serve(threading.Event(), lambda _: None)
