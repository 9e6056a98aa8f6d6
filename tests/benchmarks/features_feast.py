"""Feast's side of the benchmark of the feature store. Runs in Feast's own environment and imports nothing of this project.

The offline store is `duckdb`, never the default `dask`: that one drops entities that have only later features.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

VIEWS, TTL, ONLINE_KEYS, READS = ("f0", "f1", "f2"), timedelta(days=60), 10_000, 3_000


def store(folder: Path, prefix: str) -> FeatureStore:
    home = folder / f"feast_{prefix or 'join'}"
    home.mkdir()
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(home / "registry.db"),
        offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": str(home / "online.db")},
        entity_key_serialization_version=3,
    )
    entity = Entity(name="entity", join_keys=["entity_id"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=name,
            entities=[entity],
            # The moments that reading by key is measured at lie behind the clock on the wall, so age is not limited there.
            ttl=timedelta(0) if prefix else TTL,
            schema=[Field(name=column, dtype=Float64) for column in "abc"],
            source=FileSource(name=f"{name}_source", path=str(folder / f"{prefix}{name}.parquet"), timestamp_field="event_timestamp"),
        )
        for name in VIEWS
    ]
    built = FeatureStore(config=config)
    built.apply([entity, *views])
    return built


def join(folder: Path) -> dict[str, object]:
    feast = store(folder, "")
    entities = pd.read_parquet(folder / "entities.parquet")
    entities["event_timestamp"] = entities["event_timestamp"].dt.tz_localize("UTC")
    before, started = os.times(), time.perf_counter()
    found = feast.get_historical_features(
        entities, [f"{name}:{column}" for name in VIEWS for column in "abc"], full_feature_names=True
    ).to_arrow()
    wall, after = time.perf_counter() - started, os.times()
    known = [found.num_rows - found.column(f"{name}__a").null_count for name in VIEWS]
    return {"cpu_s": round(sum(after[:2]) - sum(before[:2]), 2), "wall_s": round(wall, 2), "rows": found.num_rows, "known": known}


def online(folder: Path) -> dict[str, object]:
    feast = store(folder, "online_")
    before, started = os.times(), time.perf_counter()
    for name in VIEWS:
        frame = pd.read_parquet(folder / f"online_{name}.parquet")
        frame["event_timestamp"] = frame["event_timestamp"].dt.tz_localize("UTC")
        feast.write_to_online_store(name, frame)
    wall, after = time.perf_counter() - started, os.times()
    names, draw, took = [f"{name}:{column}" for name in VIEWS for column in "abc"], random.Random(7), []
    for number in range(READS + 100):
        key = draw.randrange(ONLINE_KEYS)
        begun = time.perf_counter()
        value = feast.get_online_features(names, [{"entity_id": key}], full_feature_names=True).to_dict()["f2__c"][0]
        if number >= 100:
            took.append((time.perf_counter() - begun) * 1000)
        if value is None:
            raise SystemExit(f"key {key} has no value")
    took.sort()
    written = {"cpu_s": round(sum(after[:2]) - sum(before[:2]), 2), "wall_s": round(wall, 2), "rows": ONLINE_KEYS * len(VIEWS)}
    figures = {"p50_ms": round(took[len(took) // 2], 4), "p99_ms": round(took[len(took) * 99 // 100], 4), "reads": len(took)}
    return {**figures, "materialize": written}


if __name__ == "__main__":
    where, part = Path(sys.argv[1]), sys.argv[2]
    print(json.dumps(join(where) if part == "join" else online(where)))
