"""Machine windows scored as they close: what a stream consumer keeps between two micro-batches.

`anomaly.AnomalyModel.predict` is this with one batch of all windows, so that a stream cut anywhere gives the batch's scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml.anomalies.detectors import MEANS, SENSORS, PumpDetector, ThermometerDetector

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

ALARM = 0.5
KEYS = ["machine_id", "window_start"]
Detectors = dict[str, PumpDetector | ThermometerDetector]


class MachineStream:
    """The machines seen so far and what their detectors remember of them.

    Args:
        detectors: by machine kind.
        state: what an earlier stream's `state` gave; None starts anew.
    """

    def __init__(self, detectors: Detectors, state: dict[str, Any] | None = None) -> None:
        self._detectors = detectors
        self._machines: dict[str, dict[str, Any]] = {name: dict(memory) for name, memory in (state or {}).items()}

    def update(self, windows: DataFrame) -> DataFrame:
        """Score windows that closed since the last call; the order of the rows does not matter.

        Args:
            windows: `machine_id, machine_kind, window_start` and the sensors' means, none earlier than one of the same machine that
                was given before.

        Returns:
            `machine_id, window_start, anomaly_score` (0 to 1), `is_alarm`, sorted by machine and time.

        Raises:
            DataRejected: a machine kind without a detector.
        """
        ordered = windows.sort_values(KEYS, kind="stable")
        ratio = self.parts(ordered).sum(axis=1).clip(min=0.0) ** 0.5
        score = 1.0 - 0.5**ratio  # a distance of exactly the threshold scores 0.5
        return ordered[KEYS].reset_index(drop=True).assign(anomaly_score=score, is_alarm=score >= ALARM)

    def parts(self, ordered: DataFrame) -> np.ndarray:
        """Each sensor's share of the squared distance in squared thresholds, a row a window; remembers the windows."""
        import numpy as np

        numbers = ordered[MEANS].to_numpy(dtype=float, na_value=np.nan)
        found = np.zeros((len(ordered), len(SENSORS)))
        for row, (machine, kind) in enumerate(zip(ordered["machine_id"], ordered["machine_kind"], strict=True)):
            detector = self._detectors.get(str(kind))
            if detector is None:
                raise DataRejected(f"no detector was trained for machine kind {kind!r}: train with its windows first")
            found[row] = detector.step(self._machines.setdefault(str(machine), {}), numbers[row])
        return found

    def state(self) -> dict[str, Any]:
        """What must be kept between two runs, as plain values ready for JSON: about 200 bytes a machine."""
        return {machine: dict(memory) for machine, memory in self._machines.items()}
