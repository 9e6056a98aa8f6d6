"""Full-text search: time to index, p50 and p95 of a question, and recall@10 on labelled questions hidden among the generated pages.

`python -m tests.benchmarks.search` writes 100,000 pages, indexes them, asks and keeps `results/search.json`. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from eco_assets.settings import AGENTS, Settings
from notion_sync.search import Filters, search
from notion_sync.search_index import SearchIndex
from tests.unit.notion_search import labelled_pages as labelled

RESULTS = Path(__file__).parent / "results"


def questions(count: int) -> list[tuple[str, Filters]]:
    """What people might ask: one to three words, a third with filters, some the beginning of a word or a phrase."""
    draw = random.Random(5)
    known, weights = labelled.vocabulary()
    made = []
    for number in range(count):
        words = (
            draw.choices(known, weights=weights, k=draw.randint(1, 3)) if number % 2 else draw.choices(labelled.WORDS, k=draw.randint(1, 3))
        )
        text = " ".join(words)
        if number % 10 == 0:
            text = f"{words[0][:5]}*"
        if number % 10 == 1:
            text = f'"{text}"'
        filters = Filters(draw.choice(AGENTS), None, date(2022, 1, 1)) if number % 3 == 0 else Filters()
        made.append((text, filters))
    return made


def measure(documents: int, asked: int) -> dict[str, Any]:
    """All figures; times in milliseconds unless named otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        labelled.write_pages(settings.knowledge)
        labelled.write_others(settings.knowledge, documents - len(labelled.PAGES))
        index = SearchIndex.of(settings.home)
        index_s, index_cpu_s = _timed(lambda: index.refresh([settings.knowledge]))
        quiet_s, _ = _timed(lambda: index.refresh([settings.knowledge]))
        times, cpu = [], []
        for text, filters in questions(asked):
            wall, used = _timed(lambda text=text, filters=filters: search(settings, text, filters))  # type: ignore[misc]
            times.append(wall * 1000)
            cpu.append(used * 1000)
        recalls = {
            text: labelled.recall_at([hit.path for hit in search(settings, text)], pages) for text, pages in labelled.QUERIES.items()
        }
        size = sum(file.stat().st_size for file in index.path.parent.iterdir()) / 1024**2
    return {
        "documents": documents,
        "index_s": round(index_s, 1),
        "index_cpu_s": round(index_cpu_s, 1),
        "quiet_refresh_s": round(quiet_s, 2),
        "index_mb": round(size),
        "questions": asked,
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
        "p50_cpu_ms": round(statistics.median(cpu), 2),
        "p95_cpu_ms": round(statistics.quantiles(cpu, n=20)[-1], 2),
        "labelled_questions": len(recalls),
        "recall_at_10": round(statistics.fmean(recalls.values()), 4),
        "missed": sorted(text for text, recall in recalls.items() if recall < 1),
    }


def _timed(work: Any) -> tuple[float, float]:
    """Seconds by the clock and of this thread's processor time: a folder is looked through by another thread while people ask."""
    started, used = time.perf_counter(), time.thread_time()
    work()
    return time.perf_counter() - started, time.thread_time() - used


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=300)
    options = parser.parse_args()
    figures = measure(options.documents, options.questions)
    for name, value in figures.items():
        print(f"{name:20} {value}")
    kept = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count(), "load": os.getloadavg(), **figures}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "search.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
