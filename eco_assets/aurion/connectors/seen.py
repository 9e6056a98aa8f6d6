"""What a connector remembers in its state so that reading a window again gives nothing twice, and so that a missing row is told.

`Seen` holds 8 bytes a row of the window that the next read goes over again. `KnownKeys` holds every key that was delivered, for sources
that do not tell deletes. Both are text in the state; neither holds a value that is not a key.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow as pa

from eco_assets.aurion.connectors.rows import as_text
from eco_assets.errors import SourceRefused

SEEN_LIMIT = 1_000_000  # rows of a window: 8 MB in the state; beyond it the window is delivered again rather than remembered
KEYS_LIMIT_BYTES = 16_000_000  # of a state: about 8 million dense integer keys, or 500 thousand random ones of 32 characters


class Seen:
    """Digests of rows that were delivered, as a set."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self.digests = set(digests)

    @classmethod
    def load(cls, text: str | None) -> Seen:
        """From the state."""
        raw = base64.b64decode(text) if text else b""
        return cls(raw[at : at + 8] for at in range(0, len(raw), 8))

    def dump(self) -> str:
        """For the state. Too many to keep are none: the window is then delivered again, never skipped."""
        return base64.b64encode(b"".join(sorted(self.digests))).decode() if len(self.digests) <= SEEN_LIMIT else ""

    def __contains__(self, digest: bytes) -> bool:
        return digest in self.digests


def digest(text: str) -> bytes:
    """8 bytes of BLAKE2: among a million remembered rows a new one is taken for an old one once in 10^13."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def row_digests(rows: pa.Table, columns: Sequence[str], ranks: Counter[str] | None = None) -> list[bytes]:
    """One digest a row over `columns`.

    Args:
        rows: the rows.
        columns: what tells rows apart.
        ranks: for rows without a key, how often each was met in this sweep so far: the second of two equal rows is another row. Updated.
    """
    texts = [
        "\x1f".join("\x00" if v is None else as_text(v) or "" for v in row)
        for row in zip(*(rows[c].to_pylist() for c in columns), strict=True)
    ]
    if ranks is None:
        return [digest(text) for text in texts]
    found = []
    for text in texts:
        ranks[text] += 1
        found.append(digest(f"{text}\x1e{ranks[text]}"))
    return found


class KnownKeys:
    """Keys that were delivered and not told deleted since. Kept as chunks, so that a batch adds its own and rewrites none."""

    def __init__(self, chunks: Sequence[str] = ()) -> None:
        self.chunks = list(chunks)

    def add(self, keys: pa.Table) -> None:
        """Remember the keys of a batch.

        Raises:
            SourceRefused: more than the state may hold; says what to do.
        """
        if keys.num_rows:
            self.chunks.append(_pack(keys))
        if sum(map(len, self.chunks)) > KEYS_LIMIT_BYTES:
            raise SourceRefused(
                "this stream has too many keys to find deletes by comparing them: tell deletes by a column or a table of deletions, "
                "or take `deletes` out of its configuration"
            )

    def replace(self, keys: pa.Table) -> None:
        """These are all there are now."""
        self.chunks = []
        self.add(keys)

    def without(self, present: pa.Table) -> pa.Table:
        """The known keys that are not among `present`."""
        known = self.all()
        if known is None:
            return present.slice(0, 0)
        columns = present.column_names
        known = known.select(columns).cast(present.schema)
        return known.join(present, keys=columns, join_type="left anti").select(columns).sort_by([(name, "ascending") for name in columns])

    def all(self) -> pa.Table | None:
        """Every known key once; None when nothing is known."""
        if not self.chunks:
            return None
        whole = pa.concat_tables([_unpack(chunk) for chunk in self.chunks], promote_options="permissive")
        return whole.group_by(whole.column_names).aggregate([])


def _pack(keys: pa.Table) -> str:
    """Sorted and delta-encoded: a dense integer key costs about a tenth of a byte, a random one its own size."""
    import pyarrow.parquet as pq

    keys = keys.combine_chunks().sort_by([(name, "ascending") for name in keys.column_names])
    encodings = {f.name: "DELTA_BINARY_PACKED" for f in keys.schema if pa.types.is_int64(f.type) or pa.types.is_int32(f.type)}
    sink = io.BytesIO()
    pq.write_table(keys, sink, compression="zstd", use_dictionary=False, column_encoding=encodings, store_schema=True)
    return base64.b64encode(sink.getvalue()).decode()


def _unpack(chunk: str) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(base64.b64decode(chunk)))
