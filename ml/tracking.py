"""MLflow tracking and registry: train when data or code changed, promote what beats its baseline, load the champion.

One model name is one MLflow experiment and one registered model. Alias `day-YYYYMMDD` is the version that decides about that
business day, alias `champion` the one of the latest day, alias `candidate` the newest version, promoted or not. Families and
their queries stay in `families.py`; nothing here knows them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ModelRejected, NotFound
from ml.fingerprint import fingerprint
from ml.mlflow_session import client_for, log_run, tracked
from ml.model import Predictor, Trained

if TYPE_CHECKING:
    from pandas import DataFrame

CHAMPION, CANDIDATE = "champion", "candidate"
REJECTED = "rejected_because"
BASELINE_PREFIX = "baseline_"


def day_alias(as_of: date) -> str:
    """The alias of the version that decides about a business day."""
    return f"day-{as_of:%Y%m%d}"


@dataclass(frozen=True)
class ModelVersion:
    """A registered version. `is_new` is true only in the call that trained and promoted it; `as_of` is the day it learned up to."""

    name: str
    version: str
    run_id: str
    metrics: dict[str, float]
    baseline: dict[str, float]
    primary_metric: str
    is_new: bool
    data_fingerprint: str
    as_of: date
    model_uri: str


class Registry:
    """The models of one Eco home.

    Args:
        tracking_uri: MLflow tracking and registry store, such as `sqlite:///…/mlflow.db`.
        artifact_root: folder of run artifacts; one sub-folder a model name.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        self._uri = tracking_uri
        self._artifacts = artifact_root
        self._client: Any = None

    def train_if_changed(
        self,
        name: str,
        frame: DataFrame,
        fit: Callable[[DataFrame], Trained],
        *,
        code_version: str,
        as_of: date,
        tags: dict[str, str],
    ) -> ModelVersion:
        """Return the version that was trained on these rows by this code, else train, register and judge.

        Args:
            name: registered model name.
            frame: training rows; their order does not matter.
            fit: trains on `frame`.
            code_version: changes when a training with equal data should be repeated.
            as_of: the business day that the rows are known at the end of.
            tags: further tags of the run, such as the agent.

        Returns:
            The version that decides about `as_of`: a new one, the one that these rows and this code gave before, or the
            champion (`is_new` False) when the new version does not beat its baseline.

        Raises:
            ModelRejected: the new version does not beat its baseline and there is no older champion.
        """
        version = self._train_or_find(name, frame, fit, code_version=code_version, as_of=as_of, tags=tags)
        self._open().set_registered_model_alias(name, day_alias(as_of), version.version)
        return version

    def _train_or_find(
        self, name: str, frame: DataFrame, fit: Callable[[DataFrame], Trained], *, code_version: str, as_of: date, tags: dict[str, str]
    ) -> ModelVersion:
        identity = {"data_fingerprint": fingerprint(frame), "code_version": code_version}
        champion = self._by_alias(name, CHAMPION)
        known = self._trained_before(name, identity)
        if known is not None and REJECTED in known.tags:
            return self._fall_back(name, champion, known.tags[REJECTED])
        if known is not None:
            return self._describe(known)
        trained = fit(frame)
        with tracked(self._uri):
            every_tag = {**tags, **identity, "as_of": as_of.isoformat()}
            version = log_run(self._open(), name, self._artifacts / name, trained, every_tag)
        self._open().set_registered_model_alias(name, CANDIDATE, version)
        if not trained.beats_baseline:
            why = _shortfall(trained)
            self._open().set_model_version_tag(name, version, REJECTED, why)
            return self._fall_back(name, champion, why)
        if champion is None or champion.tags["as_of"] <= as_of.isoformat():  # a back-fill of an old day never replaces a newer champion
            self._open().set_registered_model_alias(name, CHAMPION, version)
        return self._describe(self._open().get_model_version(name, version), is_new=True)

    def load(self, name: str, as_of: date | None = None) -> tuple[Predictor, ModelVersion]:
        """The version that decides about a day, or the champion; ready to predict, with its description.

        Raises:
            NotFound: there is none.
        """
        from mlflow.pyfunc import load_model

        found = self.latest(name) if as_of is None else self.describe(name, as_of)
        with tracked(self._uri):
            inner: Predictor = load_model(found.model_uri).unwrap_python_model().inner
        return inner, found

    def describe(self, name: str, as_of: date) -> ModelVersion:
        """The version that decides about a day, without loading it.

        Raises:
            NotFound: no version was trained or found for that day.
        """
        version = self._by_alias(name, day_alias(as_of))
        if version is None:
            raise NotFound(f"model {name!r} has no version for {as_of}: materialize its asset for that day first")
        return self._describe(version)

    def version(self, name: str, version: str) -> ModelVersion:
        """One version by its number, whatever decides now."""
        return self._describe(self._open().get_model_version(name, version))

    def latest(self, name: str) -> ModelVersion:
        """The champion's description, without loading it.

        Raises:
            NotFound: no version of `name` was ever promoted.
        """
        champion = self._by_alias(name, CHAMPION)
        if champion is None:
            raise NotFound(f"no champion of model {name!r} in the registry: materialize its asset first")
        return self._describe(champion)

    def _open(self) -> Any:
        if self._client is None:
            self._client = client_for(self._uri)
        return self._client

    def _by_alias(self, name: str, alias: str) -> Any | None:
        from mlflow.exceptions import MlflowException

        client = self._open()
        try:
            version = client.get_registered_model(name).aliases.get(alias)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return None if version is None else client.get_model_version(name, version)

    def _trained_before(self, name: str, identity: dict[str, str]) -> Any | None:
        versions = self._open().search_model_versions(f"name = '{name}' AND tag.data_fingerprint = '{identity['data_fingerprint']}'")
        return next((version for version in versions if _is(version, identity)), None)

    def _fall_back(self, name: str, champion: Any | None, why: str) -> ModelVersion:
        if champion is not None:
            return self._describe(champion)
        raise ModelRejected(
            f"model {name!r} was trained but not promoted: {why}. There is no older champion, so nothing may decide with it: "
            "check the training rows (enough history? labels right?), then train again"
        )

    def _describe(self, version: Any, *, is_new: bool = False) -> ModelVersion:
        values = self._open().get_run(version.run_id).data.metrics
        return ModelVersion(
            name=version.name,
            version=str(version.version),
            run_id=version.run_id,
            metrics={key: value for key, value in values.items() if not key.startswith(BASELINE_PREFIX)},
            baseline={key.removeprefix(BASELINE_PREFIX): value for key, value in values.items() if key.startswith(BASELINE_PREFIX)},
            primary_metric=version.tags["primary_metric"],
            is_new=is_new,
            data_fingerprint=version.tags["data_fingerprint"],
            as_of=date.fromisoformat(version.tags["as_of"]),
            model_uri=f"models:/{version.name}/{version.version}",
        )


def _is(version: Any, identity: dict[str, str]) -> bool:
    return all(version.tags.get(key) == value for key, value in identity.items())


def _shortfall(trained: Trained) -> str:
    name = trained.primary_metric
    return f"{name} {trained.metrics[name]:.4f} does not beat the baseline's {trained.baseline[name]:.4f} on held-out rows"
