"""A content fingerprint of a training frame: the same rows in any order give the same digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def fingerprint(frame: DataFrame) -> str:
    """SHA-256 over the sorted row hashes and the column names; row order, column order and index do not matter."""
    import numpy as np
    import pandas as pd

    columns = sorted(frame.columns)
    plain = frame[columns].reset_index(drop=True)
    for name in columns:
        if plain[name].dtype == object:  # dates and nullable booleans: hash what they say, not how pandas boxes them
            plain[name] = plain[name].map(lambda value: "" if value is None or value is pd.NA else str(value)).astype(str)
    rows = np.sort(pd.util.hash_pandas_object(plain, index=False).to_numpy())
    digest = hashlib.sha256(repr(columns).encode())
    digest.update(rows.tobytes())
    return digest.hexdigest()
