"""MLflow tracking and registry: train when data or code changed, let through what beats the champion, load what decides about a day.

One model name is one MLflow experiment and one registered model. Alias `day-YYYYMMDD` is the version that decides about that
business day, alias `champion` the one of the latest day, alias `candidate` the newest version. What people say about a version is in
`review.py`; families and their queries stay in `ml/families`; nothing here knows them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.errors import EcoError, ModelRejected, NotFound
from ml.fingerprint import fingerprint
from ml.gate import compare
from ml.mlflow_session import REFERENCE, SLICES, client_for, log_run, tracked
from ml.model import Predictor, Trained
from ml.review import CHAMPION, GATE, PENDING, REVIEW, SAID, WHY, is_promoted, promote, promoted

if TYPE_CHECKING:
    from pandas import DataFrame

CANDIDATE = "candidate"
BASELINE_PREFIX = "baseline_"
SEED = 20180531  # of the gate's bootstrap


def day_alias(as_of: date) -> str:
    """The alias of the version that decides about a business day."""
    return f"day-{as_of:%Y%m%d}"


@dataclass(frozen=True)
class ModelVersion:
    """A registered version; `as_of` is the day it learned up to.

    `is_new` is true only in the call that trained and promoted it. `waiting` names a newer version that a reviewer has not answered.
    """

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
    waiting: str = ""


class Registry:
    """The models of one Eco home.

    Args:
        tracking_uri: MLflow tracking and registry store, such as `sqlite:///…/mlflow.db`.
        artifact_root: folder of run artifacts; one sub-folder a model name.
        is_reviewed: a better version waits for a person before it replaces a champion.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path, *, is_reviewed: bool = True) -> None:
        self._uri = tracking_uri
        self._artifacts = artifact_root
        self._is_reviewed = is_reviewed
        self._client: Any = None

    @property
    def client(self) -> Any:
        """MLflow's own client of the store; made when first asked for."""
        if self._client is None:
            self._client = client_for(self._uri)
        return self._client

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

        What reviewers answered is carried out before, by `model_reviews.settled`.

        Args:
            name: registered model name.
            frame: training rows; their order does not matter.
            fit: trains on `frame`.
            code_version: changes when a training with equal data should be repeated.
            as_of: the business day that the rows are known at the end of.
            tags: further tags of the run, such as the agent.

        Returns:
            The version that decides about `as_of`: a new one that passed the gate, the one that these rows and this code gave before,
            or the champion of that day (`is_new` False) when the new one did not pass, or waits for a reviewer.

        Raises:
            ModelRejected: the new version does not beat its baseline and there is no older champion.
        """
        from ml.pyfunc import requirements

        libraries = " ".join(requirements())  # a version that another release of one wrote may not load any more
        identity = {"data_fingerprint": fingerprint(frame), "code_version": code_version, "libraries": libraries}
        known = self._trained_before(name, identity)
        if known is None:
            known, is_new = self._train(name, frame, fit, identity, as_of=as_of, tags=tags), True
        else:
            is_new = False
        chosen = known if is_promoted(known) else self._standing(name, as_of)
        if chosen is None:
            why = known.tags.get(SAID) or known.tags.get(WHY)
            raise ModelRejected(
                f"model {name!r} was trained but not promoted: {why}. There is no older champion, so nothing may decide "
                "with it: check the training rows (enough history? labels right?), then train again"
            )
        self.client.set_registered_model_alias(name, day_alias(as_of), chosen.version)
        waiting = str(known.version) if known.tags.get(REVIEW) == PENDING else ""
        return self._describe(chosen, is_new=is_new and chosen.version == known.version, waiting=waiting)

    def load(self, name: str, as_of: date | None = None) -> tuple[Predictor, ModelVersion]:
        """The version that decides about a day, or the champion; ready to predict, with its description.

        Raises:
            NotFound: there is none, or this code cannot load it any more.
        """
        found = self.latest(name) if as_of is None else self.describe(name, as_of)
        try:
            return self._unpickled(found.model_uri).inner, found
        except _Unreadable as error:
            raise NotFound(f"version {found.version} of model {name!r} {error}: materialize its asset, which trains it again") from error

    def reference(self, version: ModelVersion) -> DataFrame:
        """Rows that a version was judged on, up to 5,000: what its inputs looked like when it was made."""
        import pandas as pd
        from mlflow.artifacts import download_artifacts

        with tracked(self._uri):
            return pd.read_parquet(download_artifacts(run_id=version.run_id, artifact_path=REFERENCE))

    def slices(self, version: ModelVersion) -> list[dict[str, Any]]:
        """The primary metric by part of the held-out rows: `slice, rows`, the metric, `low`, `high`; empty where none was measured."""
        import pandas as pd
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        try:
            with tracked(self._uri):
                found = pd.read_csv(download_artifacts(run_id=version.run_id, artifact_path=SLICES))
        except (MlflowException, OSError):  # not logged
            return []
        return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]

    def card(self, version: ModelVersion) -> str:
        """The model card of a version, Markdown."""
        from mlflow.artifacts import load_text

        with tracked(self._uri):
            return str(load_text(f"runs:/{version.run_id}/card.md"))

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
        return self._describe(self.client.get_model_version(name, version))

    def latest(self, name: str) -> ModelVersion:
        """The champion's description, without loading it.

        Raises:
            NotFound: no version of `name` was ever promoted.
        """
        champion = self._by_alias(name, CHAMPION)
        if champion is None:
            raise NotFound(f"no champion of model {name!r} in the registry: materialize its asset first")
        return self._describe(champion)

    def _train(
        self,
        name: str,
        frame: DataFrame,
        fit: Callable[[DataFrame], Trained],
        identity: dict[str, str],
        *,
        as_of: date,
        tags: dict[str, str],
    ) -> Any:
        champion = self._standing(name, as_of)
        trained = fit(frame)
        verdict = self._judge(trained, champion)
        every_tag = {**tags, **identity, "as_of": as_of.isoformat(), WHY: verdict.why}
        waits = verdict.is_better and verdict.needs_review and self._is_reviewed
        decides = verdict.is_better and (not waits or verdict.replaces)
        with tracked(self._uri):
            version = log_run(self.client, name, self._artifacts / name, trained, every_tag | ({REVIEW: PENDING} if waits else {}))
        self.client.set_registered_model_alias(name, CANDIDATE, version)
        if decides:
            promote(self.client, name, version, by=GATE)
        return self.client.get_model_version(name, version)

    def _judge(self, trained: Trained, champion: Any | None) -> _Verdict:
        if not trained.beats_baseline:
            return _Verdict(False, _shortfall(trained))
        if champion is None:
            return _Verdict(True, "the first that beats its baseline", needs_review=False)
        number = champion.version
        try:
            judged: Predictor = self._unpickled(f"models:/{champion.name}/{number}").judged
        except _Unreadable as error:  # what cannot be loaded cannot decide either, so a person looks while this one does
            return _Verdict(True, f"it beats its baseline; version {number} {error}, so they are not compared", replaces=True)
        try:
            found = compare(judged.losses(trained.held_out), trained.judged.losses(trained.held_out), seed=SEED)
        except (EcoError, AttributeError, ImportError, KeyError, TypeError, ValueError) as error:  # what calling older code raises
            return _Verdict(True, f"it beats its baseline; version {number} cannot judge the same rows ({error!r})")
        than = "as" if found.verdict == "same" else "than"
        return _Verdict(found.verdict == "better", f"{found.verdict} {than} version {number}: {found}")

    def _standing(self, name: str, as_of: date) -> Any | None:
        """The promoted version that had learned the most by the end of a day; a later one has seen what was not known then."""
        known = [version for version in promoted(self.client, name) if version.tags["as_of"] <= as_of.isoformat()]
        return max(known, key=lambda version: (version.tags["as_of"], int(version.version)), default=None)

    def _unpickled(self, uri: str) -> Any:
        """A version as it was pickled. Raises `_Unreadable` where it is there and this code cannot make it again."""
        from mlflow.artifacts import download_artifacts
        from mlflow.pyfunc import load_model

        with tracked(self._uri):
            folder = download_artifacts(artifact_uri=uri)  # what fails here is the store's fault, not the version's
            try:
                return load_model(folder).unwrap_python_model()
            except Exception as error:  # unpickling runs older code, which raises whatever it likes
                raise _Unreadable(f"cannot be loaded by today's code ({error!r})") from error

    def _by_alias(self, name: str, alias: str) -> Any | None:
        from mlflow.exceptions import MlflowException

        try:
            version = self.client.get_registered_model(name).aliases.get(alias)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return None if version is None else self.client.get_model_version(name, version)

    def _trained_before(self, name: str, identity: dict[str, str]) -> Any | None:
        versions = self.client.search_model_versions(f"name = '{name}' AND tag.data_fingerprint = '{identity['data_fingerprint']}'")
        return next((version for version in versions if _is(version, identity)), None)

    def _describe(self, version: Any, *, is_new: bool = False, waiting: str = "") -> ModelVersion:
        values = self.client.get_run(version.run_id).data.metrics
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
            waiting=waiting,
        )


class _Unreadable(Exception):
    """A version whose pickle this code cannot load; says why."""


@dataclass(frozen=True)
class _Verdict:
    """What the gate found: whether the version is better, in words, and whether a person should look.

    `replaces`: it decides while it waits for that person, because the one before it cannot.
    """

    is_better: bool
    why: str
    needs_review: bool = True
    replaces: bool = False


def _is(version: Any, identity: dict[str, str]) -> bool:
    return all(version.tags.get(key) == value for key, value in identity.items())


def _shortfall(trained: Trained) -> str:
    name = trained.primary_metric
    return f"{name} {trained.metrics[name]:.4f} does not beat the baseline's {trained.baseline[name]:.4f} on held-out rows"
