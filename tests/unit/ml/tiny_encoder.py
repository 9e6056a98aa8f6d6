"""A text encoder of four dimensions in a folder: a word tokenizer and an ONNX model that looks each word up in a table.

The ONNX file is written field by field (no `onnx` package is needed): https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FLOAT, INT64 = 1, 7


def write_encoder(folder: Path, words: list[str]) -> Path:
    """Write `tokenizer.json` and `model.onnx`; unknown words share the first row of the table."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(["[UNK]", *words])}, unk_token="[UNK]"))  # noqa: S106 no password
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.eye(len(words) + 1, 4, dtype=np.float32) + 0.1
    (folder / "model.onnx").write_bytes(_model(table))
    return folder


def _model(table: np.ndarray) -> bytes:
    weights = _field(1, table.shape[0]) + _field(1, table.shape[1]) + _field(2, FLOAT) + _field(8, "table") + _field(9, table.tobytes())
    gather = _field(1, "table") + _field(1, "input_ids") + _field(2, "last_hidden_state") + _field(4, "Gather")
    graph = _field(1, gather) + _field(2, "tiny") + _field(5, weights)
    graph += _field(11, _value("input_ids", INT64, ["batch", "tokens"])) + _field(
        12, _value("last_hidden_state", FLOAT, ["batch", "tokens", 4])
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


def _value(name: str, kind: int, shape: list[str | int]) -> bytes:
    sides = b"".join(_field(1, _field(2, side) if isinstance(side, str) else _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, sides)))


def _field(number: int, value: int | str | bytes) -> bytes:
    """One protobuf field: a varint, or a length and bytes."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])
