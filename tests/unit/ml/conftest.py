"""Small learnable worlds for the model families: frames with the exact columns of the lake's tables."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.anomalies.detectors import SENSORS
from ml.tracking import Registry

AS_OF = date(2018, 5, 31)
PRAISE = ["produto ótimo e entrega rápida", "chegou antes do prazo, recomendo", "muito bom, adorei a qualidade"]
COMPLAINT = ["não recebi o produto", "veio com defeito, péssimo", "atrasou demais e ninguém responde"]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home: Path = tmp_path_factory.mktemp("mlflow")
    return Registry(f"sqlite:///{home / 'mlflow.db'}", home / "artifacts")


@pytest.fixture(scope="session")
def sales() -> pd.DataFrame:
    """140 days of three categories with a weekly shape and Poisson noise."""
    rng = np.random.default_rng(1)
    days = [AS_OF - timedelta(days=back) for back in range(139, -1, -1)]
    week = np.array([1.3, 1.2, 1.1, 1.0, 1.0, 0.7, 0.6])
    rows = [
        {"day": day, "category": category, "units": int(rng.poisson(level * week[day.weekday()]))}
        for day in days
        for category, level in (("beleza_saude", 12.0), ("telefonia", 5.0), ("livros", 1.0))
    ]
    return pd.DataFrame(rows).query("units > 0").reset_index(drop=True)


@pytest.fixture(scope="session")
def reviews() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    rows = []
    for number in range(240):
        score = int(rng.choice([1, 2, 3, 4, 5]))
        phrases = COMPLAINT if score <= 2 else PRAISE
        text = f"{rng.choice(phrases)} {rng.choice(['na segunda', 'no sábado', 'hoje', 'loja'])}"
        created = datetime(2018, 5, 1) + timedelta(hours=3 * number)  # noqa: DTZ001 the lake's timestamps are naive
        rows.append({"review_id": f"r{number}", "order_id": f"o{number}", "created_at": created, "score": score, "text": text})
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def windows() -> pd.DataFrame:
    """Six pumps of 40 windows (flow falls in windows 22 to 33) and one thermometer with 60 days of 6 h windows."""
    rng = np.random.default_rng(3)
    rows = []
    for pump in range(6):
        base = rng.uniform(10, 50, len(SENSORS))
        for number in range(40):
            is_bad = 22 <= number < 34
            means = base + rng.normal(0, 0.1, len(SENSORS))
            means[SENSORS.index("flow")] -= 0.8 * is_bad
            start = datetime(2018, 5, 31, 9) + timedelta(seconds=30 * number)  # noqa: DTZ001
            rows.append(_window(f"pump-{pump}", "pump", start, means, rng.uniform(0.9, 1.1, len(SENSORS)), is_bad))
    for number in range(240):
        start = datetime(2018, 4, 2) + timedelta(hours=6 * number)  # noqa: DTZ001
        values = np.full(len(SENSORS), np.nan)
        values[SENSORS.index("temperature")] = 70 + rng.normal(0, 1) - 30 * (number == 239)
        rows.append(_window("oven", "thermometer", start, values, np.where(np.isnan(values), np.nan, 1.0), None))
    return pd.DataFrame(rows)


def _window(machine: str, kind: str, start: datetime, means: np.ndarray, deviations: np.ndarray, is_bad: bool | None) -> dict[str, object]:
    row: dict[str, object] = {"machine_id": machine, "machine_kind": kind, "window_start": start, "readings": 30}
    for sensor, mean, deviation in zip(SENSORS, means, deviations, strict=True):
        row |= {f"{sensor}_mean": mean, f"{sensor}_std": deviation}
    return row | {"is_anomalous": is_bad}


@pytest.fixture(scope="session")
def leads() -> pd.DataFrame:
    """600 leads over 200 days; organic ones convert five times as often; the last 60 days have no outcome yet."""
    rng = np.random.default_rng(4)
    rows = []
    for number in range(600):
        contacted = AS_OF - timedelta(days=199 - number // 3)
        origin = str(rng.choice(["organic_search", "email", "social"]))
        rate = 0.5 if origin == "organic_search" else 0.1
        outcome = bool(rng.random() < rate) if (AS_OF - contacted).days >= 60 else None
        rows.append(
            {"mql_id": f"m{number}", "contacted_on": contacted, "origin": origin}
            | {"landing_page_id": f"page{number % 4}", "origin_rate": rate if number > 60 else None}
            | {"landing_page_rate": 0.2, "landing_page_leads": number // 4, "contact_month": contacted.month}
            | {"contact_weekday": contacted.isoweekday(), "is_converted": outcome}
        )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def calls() -> pd.DataFrame:
    """2,400 calls; students say yes more often; the interest rate falls with time and says nothing about a person."""
    rng = np.random.default_rng(5)
    number = np.arange(2400)
    job = rng.choice(["student", "admin.", "technician"], len(number))
    chance = np.where(job == "student", 0.5, 0.1)
    frame = pd.DataFrame({"call_number": number, "age": rng.integers(20, 70, len(number)), "job": job})
    for name in ("marital", "education", "has_default", "has_housing_loan", "has_personal_loan", "contact"):
        frame[name] = rng.choice(["a", "b"], len(number))
    frame["month"] = np.where(number < 1200, "may", "jun")
    frame["weekday"] = "mon"
    frame = frame.assign(campaign=1, pdays=999, previous=0, poutcome="nonexistent")
    for name in ("emp_var_rate", "cons_price_idx", "cons_conf_idx", "euribor3m", "nr_employed"):
        frame[name] = 5.0 - number / 1000
    return frame.assign(is_subscribed=rng.random(len(number)) < chance)
