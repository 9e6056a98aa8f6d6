"""Machines: a thermometer read every five minutes, and pumps read every second for one session each.

Belongs here: sensor series with planted faults. Stays out: windows and scores made from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eco_assets.twin.plan import Days, Floats, Plan
from eco_assets.twin.tables import Column, Layout, Table, dates, numbers, stamps

THERMOMETER_DAYS = 60
READINGS_A_DAY = 288
QUIET_READINGS = 400  # the first part of every session is normal, as in SKAB
PRESSURE_STEP = 0.327927  # the sensor's resolution, in bar

# column: (level, spread of a reading, spread between pumps, shift at full fault in spreads of a reading)
SENSORS: dict[str, tuple[float, float, float, float]] = {
    "Accelerometer1RMS": (0.0272, 0.00055, 0.0006, 4.0),
    "Accelerometer2RMS": (0.0400, 0.00060, 0.0008, 3.5),
    "Current": (1.10, 0.240, 0.06, 1.4),
    "Pressure": (0.05, 0.300, 0.02, -0.8),
    "Temperature": (71.0, 0.350, 1.5, 2.2),
    "Thermocouple": (24.8, 0.070, 0.4, 1.2),
    "Voltage": (229.0, 8.50, 1.0, -0.3),
    "Volume Flow RateRMS": (32.0, 0.450, 0.1, -4.5),
}


@dataclass(frozen=True)
class Session:
    """A pump's session: file, days before the end, start of the day in hours, readings, severity (0 is healthy)."""

    path: str
    age: int
    hour: float
    readings: int
    severity: float


SESSIONS = (
    Session("valve1/0.csv", 0, 8.2, 1_080, 1.00),
    Session("valve1/1.csv", 0, 9.1, 1_020, 0.00),
    Session("valve1/2.csv", 0, 10.5, 960, 0.55),
    Session("valve1/3.csv", 1, 14.0, 1_100, 0.90),
    Session("valve1/4.csv", 1, 15.5, 900, 0.70),
    Session("valve1/5.csv", 2, 9.4, 1_050, 0.45),
    Session("valve2/0.csv", 0, 13.3, 1_000, 0.80),
    Session("valve2/1.csv", 0, 15.0, 940, 0.30),
    Session("valve2/2.csv", 2, 11.0, 880, 0.00),
    Session("valve2/3.csv", 3, 10.0, 700, 0.60),
)
# (hours before the end of the plan, length in hours, kind)
FAULTS = ((45 * 24 + 10, 12, "shutdown"), (22 * 24, 40, "drift"), (38, 30, "overheating"))


def build(plan: Plan) -> tuple[list[Table], dict[str, object]]:
    """The thermometer's file and one file per pump, and the windows of the planted faults."""
    thermometer, faults = _thermometer(plan)
    pumps = [_pump(plan, session) for session in SESSIONS]
    truth: dict[str, object] = {
        "thermometer_faults": faults,
        "pump_faults": {table.path: window for table, window in pumps},
        "pump_severity": {f"industrial/skab/data/{session.path}": session.severity for session in SESSIONS},
        "pump_days": {f"industrial/skab/data/{session.path}": dates(np.array([plan.last_day - session.age]))[0] for session in SESSIONS},
    }
    return [thermometer, *(table for table, _ in pumps)], truth


def _thermometer(plan: Plan) -> tuple[Table, list[dict[str, str]]]:
    rng = plan.rng("thermometer")
    count = THERMOMETER_DAYS * READINGS_A_DAY
    moments = plan.closing - np.arange(count, 0, -1) * np.timedelta64(300, "s")
    hours = np.arange(count) / 12.0
    value = 85.0 + 2.6 * np.sin(2 * np.pi * (hours - 9.0) / 24.0) + 1.2 * np.sin(2 * np.pi * hours / 168.0)
    value = value + _wander(rng, count, 0.995, 0.12) + rng.normal(0.0, 0.25, count)
    faults = []
    for before, length, kind in FAULTS:
        first = count - before * 12
        span = slice(first, first + length * 12)
        value[span] += _fault(rng, kind, length * 12)
        edges = stamps(moments[[first, first + length * 12 - 1]])
        faults.append({"kind": kind, "first": edges[0], "last": edges[1]})
    columns: dict[str, Column] = {"timestamp": stamps(moments), "value": numbers(value, 6)}
    return Table("industrial/nab/data/realKnownCause/machine_temperature_system_failure.csv", columns), faults


def _wander(rng: np.random.Generator, count: int, memory: float, spread: float) -> Floats:
    """A slow wander: steps faded out over about 1 / (1 - memory) readings."""
    reach = int(5 / (1 - memory))
    kernel = memory ** np.arange(reach)
    return np.asarray(np.convolve(rng.normal(0.0, spread, count), kernel)[:count], dtype=np.float64)


def _fault(rng: np.random.Generator, kind: str, count: int) -> Floats:
    """Degrees Fahrenheit that a fault adds: stands still, creeps up, or runs hot and breaks down."""
    ramp = np.linspace(0.0, 1.0, count)
    if kind == "shutdown":
        return -45.0 * np.minimum(1.0, 8 * ramp) * np.minimum(1.0, 8 * (1 - ramp)) + rng.normal(0, 0.8, count)
    if kind == "drift":
        return 9.0 * ramp + rng.normal(0, 0.6, count)
    return np.where(ramp < 0.7, 16.0 * ramp / 0.7, 16.0 - 60.0 * (ramp - 0.7) / 0.3) + rng.normal(0, 1.5, count)


def _pump(plan: Plan, session: Session) -> tuple[Table, dict[str, str] | None]:
    """A session's file and its fault window (None for a healthy pump)."""
    rng = plan.rng(session.path)
    start = (plan.last_day - session.age).astype("datetime64[s]") + np.timedelta64(int(session.hour * 3600), "s")
    elapsed = np.cumsum(1 + (rng.random(session.readings) < 0.03))  # a second is lost now and then
    moments = start + elapsed.astype("timedelta64[s]")
    first = max(QUIET_READINGS, int(session.readings * rng.uniform(0.52, 0.62))) if session.severity else session.readings
    last = min(session.readings, first + int(session.readings * rng.uniform(0.28, 0.5)))
    shape = np.zeros(session.readings)
    shape[first:last] = session.severity * np.minimum(1.0, np.arange(last - first) / 40.0)
    label = np.zeros(session.readings)
    label[first:last] = 1.0
    changes = np.zeros(session.readings)
    changes[[at for at in (first, first + 1, last - 1) if first < session.readings]] = 1.0
    columns: dict[str, list[object]] = {"datetime": list(stamps(moments))}
    for name, (level, spread, between, shift) in SENSORS.items():
        series = level + rng.normal(0.0, between) + rng.normal(0.0, spread, session.readings)
        series += shift * spread * shape + _warming(name, session.readings)
        if name == "Pressure":
            series = 0.054711 + PRESSURE_STEP * np.round((series - 0.054711) / PRESSURE_STEP)
        columns[name] = list(numbers(series, 6))
    columns["anomaly"], columns["changepoint"] = list(label.tolist()), list(changes.tolist())
    return _pump_table(session, columns), _window(moments, first, last)


def _warming(name: str, count: int) -> Floats:
    """The motor warms by about one degree over a session; nothing else drifts."""
    return np.linspace(0.0, 0.9, count) if name == "Temperature" else np.zeros(count)


def _window(moments: Days, first: int, last: int) -> dict[str, str] | None:
    if first >= last:
        return None
    edges = stamps(moments[[first, last - 1]])
    return {"first": edges[0], "last": edges[1]}


def _pump_table(session: Session, columns: dict[str, list[object]]) -> Table:
    return Table(f"industrial/skab/data/{session.path}", dict(columns), Layout(delimiter=";"))
