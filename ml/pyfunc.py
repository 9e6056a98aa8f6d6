"""How a fitted model becomes an MLflow model, and back. Only `tracking.py` imports this; importing it imports MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.pyfunc import PythonModel
from pandas import DataFrame  # at run time: MLflow resolves the type hint of `predict` and warns when it cannot

if TYPE_CHECKING:
    from ml.model import Predictor

LIBRARIES = ("mlflow", "pandas", "scikit-learn", "scipy", "lightgbm")


class EcoPyfunc(PythonModel):  # type: ignore[misc]  # mlflow ships no types
    """Wraps a `Predictor`, so that `mlflow models serve` and other MLflow tools can use it too.

    `judged` is the same kind of model, fitted without the rows that judged it; later versions are compared with it.
    """

    def __init__(self, inner: Predictor, judged: Predictor) -> None:
        self.inner = inner
        self.judged = judged

    def predict(self, context: Any, model_input: DataFrame, params: dict[str, Any] | None = None) -> DataFrame:
        """Predictions of the wrapped model; `params` are not used."""
        return self.inner.predict(model_input)


def requirements() -> list[str]:
    """The installed versions of the libraries a model needs to load (given, because MLflow infers them slowly)."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in LIBRARIES]
