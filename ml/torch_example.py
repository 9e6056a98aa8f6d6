"""PyTorch as an integration: a small text model that is trained, tracked and served through the same interface as every other family.

An example to copy for a deep model of your own; nothing needs it by default. `make torch` installs the extra; torch is imported inside
functions. The model keeps its weights as plain arrays, so its pickle holds no torch object and its size is the weights' size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ConfigError, DataRejected
from ml.language.sentiment import Majority, evaluate
from ml.language.text import explanation, folded, is_held_out
from ml.model import Trained
from ml.probability_scores import log_losses
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

DIMENSIONS = 32
BUCKETS = 4096  # words are hashed to so many rows of the embedding
EPOCHS = 12
BATCH = 64
LEARNING_RATE = 0.02
TEST_SHARE = 0.2
MIN_ROWS = 40


@dataclass(frozen=True)
class TorchSentiment:
    """A bag of embedded words (Joulin et al. 2017): `embedding` (buckets, dimensions), `weight` (dimensions,), `bias`."""

    embedding: np.ndarray
    weight: np.ndarray
    bias: float

    def predict(self, frame: DataFrame) -> DataFrame:
        """`p_negative` (0 to 1) for each `text`, with the index of `frame`."""
        import pandas as pd
        import torch  # type: ignore[import-not-found, unused-ignore]  # an optional extra

        if frame.empty:
            return pd.DataFrame({"p_negative": pd.Series(dtype=float)}, index=frame.index)
        with one_thread(), torch.no_grad():
            words, starts = _bags(folded(frame))
            pooled = torch.nn.functional.embedding_bag(words, torch.from_numpy(self.embedding), starts, mode="mean")
            odds = pooled @ torch.from_numpy(self.weight) + self.bias
        return pd.DataFrame({"p_negative": torch.sigmoid(odds).double().numpy()}, index=frame.index)

    def explain(self, frame: DataFrame) -> DataFrame:
        """What each word adds to the log-odds: exact, because the mean over words is linear; `(base)` is the score of an empty text."""
        texts = folded(frame)
        scores = self.embedding @ self.weight
        rows = []
        for text in texts:
            words = text.split()
            said: dict[str, float] = {}
            for word in words:
                said[word] = said.get(word, 0.0) + float(scores[_bucket(word)]) / len(words)
            rows.append(said)
        return explanation(rows, texts, [self.bias] * len(rows))

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss of each comment of `held_out`, in its order."""
        return log_losses((held_out["score"] <= 2).astype(int).to_numpy(), self.predict(held_out)["p_negative"].to_numpy())


def fit(frame: DataFrame, *, seed: int) -> TorchSentiment:
    """Train on `text` and `score` (1 to 5; 3 is dropped) with Adam; the order of the rows does not matter.

    Raises:
        ConfigError: torch is not installed.
        DataRejected: fewer than 40 comments, or all of one kind.
    """
    torch = _torch()
    labelled = _labelled(frame)
    actual = torch.tensor((labelled["score"] <= 2).to_numpy(), dtype=torch.float32)
    texts = folded(labelled)
    random = torch.Generator().manual_seed(seed)
    embedding = (torch.randn(BUCKETS, DIMENSIONS, generator=random) * 0.1).requires_grad_()
    weight = (torch.randn(DIMENSIONS, generator=random) * 0.1).requires_grad_()
    bias = torch.zeros(1, requires_grad=True)
    descent = torch.optim.Adam([embedding, weight, bias], lr=LEARNING_RATE)
    with one_thread():
        for _ in range(EPOCHS):
            order = torch.randperm(len(texts), generator=random)
            for batch in order.split(BATCH):
                words, starts = _bags([texts[at] for at in batch.tolist()])
                odds = torch.nn.functional.embedding_bag(words, embedding, starts, mode="mean") @ weight + bias
                loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, actual[batch])
                descent.zero_grad()
                loss.backward()
                descent.step()
    return TorchSentiment(embedding.detach().numpy(), weight.detach().numpy(), float(bias.detach()))


def train(frame: DataFrame, *, seed: int) -> Trained:
    """Fit on four fifths (by a hash of `review_id`), measure on the rest, then fit on all; columns and metrics as `sentiment.train`.

    Raises:
        ConfigError: torch is not installed.
        DataRejected: see `fit`.
    """
    torch = _torch()
    labelled = _labelled(frame)
    is_last = is_held_out(labelled["review_id"], TEST_SHARE)
    first, held_out = labelled[~is_last].reset_index(drop=True), labelled[is_last].reset_index(drop=True)
    judged = fit(first, seed=seed)
    params: dict[str, Any] = {"rows": len(labelled), "epochs": EPOCHS, "dimensions": DIMENSIONS, "torch": torch.__version__, "seed": seed}
    return Trained(
        model=fit(labelled, seed=seed),
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out),
        baseline=evaluate(Majority(float((first["score"] <= 2).mean())), held_out),
        params=params,
        primary_metric="macro_f1",
        higher_is_better=True,
        input_example=labelled[["text"]].head(3),
    )


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ConfigError("this model needs the extra `torch`: run `make torch`, which installs the CPU build") from error
    return torch


def _labelled(frame: DataFrame) -> DataFrame:
    labelled = frame[(frame["score"] != 3) & frame["score"].notna() & frame["text"].notna()]
    if len(labelled) < MIN_ROWS or (labelled["score"] <= 2).nunique() < 2:
        raise DataRejected(f"the torch example needs {MIN_ROWS} comments of both kinds, got {len(labelled)}: load more reviews")
    return labelled.sort_values([name for name in ("review_id", "text", "score") if name in labelled], ignore_index=True)


def _bags(texts: list[str]) -> tuple[Any, Any]:
    """The buckets of all words one after the other, and where each text starts."""
    import torch

    buckets = [[_bucket(word) for word in text.split()] for text in texts]
    starts = [0]
    for each in buckets[:-1]:
        starts.append(starts[-1] + len(each))
    return torch.tensor([at for each in buckets for at in each], dtype=torch.long), torch.tensor(starts, dtype=torch.long)


def _bucket(word: str) -> int:
    import zlib

    return zlib.crc32(word.encode()) % BUCKETS
