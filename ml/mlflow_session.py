"""The MLflow calls behind `tracking.py`: a quiet client, a scoped tracking address, one logged run.

MLflow keeps its address in a process-wide variable; nothing outside this module sets it.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.model import Trained

REFERENCE_ROWS = 5_000
REFERENCE, SLICES = "reference.parquet", "slices.csv"


def client_for(uri: str) -> Any:
    """A client of the store at `uri`; creates a SQLite store on first use (about five seconds, once)."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read on import: nothing about a run leaves the machine
    with _without_advice():
        import mlflow.pyfunc

    for name in ("mlflow", "alembic"):  # after the import, which sets levels of its own
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def tracked(uri: str) -> Iterator[None]:
    """Point MLflow's module-level calls at `uri` for the length of the block."""
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        with _without_advice():
            yield
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


@contextmanager
def _without_advice() -> Iterator[None]:
    """Leave out MLflow's warnings to authors about type hints, most of them raised on its own classes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"mlflow\.")
        yield


def log_run(client: Any, name: str, artifacts: Path, trained: Trained, tags: dict[str, str]) -> str:
    """Log a training as one run of experiment `name` and register its model; returns the version.

    Call inside `tracked`. The version carries `tags` and `primary_metric`, so that the registry alone can be asked.
    """
    import mlflow
    from mlflow.models import infer_signature

    from ml.drift import reference_sample
    from ml.pyfunc import EcoPyfunc, requirements

    tags = {**tags, "primary_metric": trained.primary_metric}
    values = trained.metrics | {f"baseline_{key}": value for key, value in trained.baseline.items()}
    with mlflow.start_run(experiment_id=_experiment(client, name, artifacts), run_name=name, tags=tags) as run:
        mlflow.log_params(trained.params)
        mlflow.log_metrics(values)
        for stem, figure in trained.figures.items():
            mlflow.log_figure(figure, f"figures/{stem}.png")
        mlflow.log_text(f"# {name}\n\n{trained.card}", "card.md")
        if trained.slices is not None:
            mlflow.log_text(trained.slices.to_csv(index=False), SLICES)
        with TemporaryDirectory() as folder:
            kept = Path(folder) / REFERENCE
            reference_sample(trained.held_out, REFERENCE_ROWS).to_parquet(kept, index=False)
            mlflow.log_artifact(str(kept))
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=EcoPyfunc(trained.model, trained.judged),
            signature=infer_signature(trained.input_example, trained.model.predict(trained.input_example)),
            input_example=trained.input_example,
            pip_requirements=requirements(),
        )
    _ensure_registered(client, name)
    version = client.create_model_version(name, source=info.model_uri, run_id=run.info.run_id, model_id=info.model_id, tags=tags)
    return str(version.version)


def _ensure_registered(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _experiment(client: Any, name: str, artifacts: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    artifacts.mkdir(parents=True, exist_ok=True)
    return str(client.create_experiment(name, artifact_location=artifacts.resolve().as_uri()))
