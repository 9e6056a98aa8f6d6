"""One series as it comes: spikes, strange shapes and cold hours are found, the state can be saved, alarms are as rare as declared."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import pytest

from ml.anomalies.series import ALARM, CAP, QUIET, Reading, SeriesDetector

START = datetime(2018, 5, 1)  # noqa: DTZ001 the lake's timestamps are naive
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _hours(count: int, seed: int = 0) -> np.ndarray:
    """A daily wave with noise that remembers."""
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.normal(0, 0.5, count + 2), [1, 0.6, 0.3], "valid")
    return 50 + 10 * np.sin(2 * np.pi * np.arange(count) / 24) + noise


def _days(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    week = np.array([1.3, 1.2, 1.1, 1.0, 1.0, 0.7, 0.6])
    return rng.poisson(40 * week[(START.weekday() + np.arange(count)) % 7] * (1 + np.arange(count) / 1000)).astype(float)


def _follow(values: np.ndarray, step: timedelta = HOUR, detector: SeriesDetector | None = None, first: int = 0) -> list[Reading]:
    followed = detector or SeriesDetector(is_daily=step == DAY)
    return [followed.update(START + (first + number) * step, float(value)) for number, value in enumerate(values)]


def test_a_spike_is_an_alarm() -> None:
    values = _hours(800)
    values[700] += 25
    readings = _follow(values)
    assert readings[700].is_alarm
    assert sum(reading.is_alarm for reading in readings[:700]) <= 3


def test_a_value_of_the_wrong_hour_is_told_by_the_season() -> None:
    values = _hours(800)
    values[702:706] = values[690:694]
    worst = max(_follow(values)[702:708], key=lambda reading: reading.surprise)
    assert worst.is_alarm
    assert worst.parts[1] >= CAP


def test_the_expected_value_follows_the_hour() -> None:
    values = _hours(800)
    error = [abs(reading.expected - value) for reading, value in zip(_follow(values)[400:], values[400:], strict=True)]
    assert np.mean(error) < 1.5


def test_an_alarm_is_told_once_until_it_gets_worse() -> None:
    values = _hours(800)
    values[700 : 700 + QUIET] += 40
    alarms = [reading.is_alarm for reading in _follow(values)]
    assert 1 <= sum(alarms[700 : 700 + QUIET]) <= 6


@pytest.mark.parametrize(("values", "step"), [(_hours(700), HOUR), (_days(300), DAY)], ids=["hours", "days"])
def test_a_series_that_is_cut_anywhere_scores_as_in_one_piece(values: np.ndarray, step: timedelta) -> None:
    whole = _follow(values, step)
    for cut in (1, 99, 130, 251):
        first = SeriesDetector(is_daily=step == DAY)
        before = _follow(values[:cut], step, first)
        after = _follow(values[cut:], step, SeriesDetector.restore(json.loads(json.dumps(first.state()))), cut)
        assert before + after == whole


def test_a_memory_that_is_full_can_be_cut_too() -> None:
    values = np.random.default_rng(1).normal(size=4300)
    first = SeriesDetector()
    _follow(values[:4200], timedelta(minutes=5), first)
    second = SeriesDetector.restore(json.loads(json.dumps(first.state())))
    tail = values[4200:]
    assert _follow(tail, timedelta(minutes=5), first, 4200) == _follow(tail, timedelta(minutes=5), second, 4200)


def test_a_normal_series_is_rarely_an_alarm() -> None:
    alarms = [reading.is_alarm for seed in range(3) for reading in _follow(_hours(900, seed))[200:]]
    assert np.mean(alarms) < 0.01


def test_a_busy_sunday_is_odder_than_the_same_number_on_a_monday() -> None:
    values = _days(364)
    sunday = next(number for number in range(350, 364) if (START + number * DAY).weekday() == 6)
    busy = values.copy()
    busy[sunday] = values[sunday + 1]
    readings = _follow(busy, DAY)
    assert readings[sunday].surprise > readings[sunday + 1].surprise
    assert readings[sunday].surprise > 1.5


def test_a_score_at_the_threshold_is_the_alarm() -> None:
    assert Reading(1.0, 4.0, (4.0,), ALARM).is_alarm
    assert not Reading(1.0, 4.0, (4.0,), ALARM - 1e-9).is_alarm


def test_a_series_that_never_moves_is_no_alarm() -> None:
    assert not any(reading.is_alarm for reading in _follow(np.full(400, 7.0)))
    assert not any(reading.is_alarm for reading in _follow(np.zeros(200), DAY))
