"""The knowledge base: what a first publication, a quiet synchronisation and one after a few changes cost, in requests and in time.

    python -m tests.benchmarks.knowledge [--pages 1000] [--reference-pages 200]

The emulated Notion is a process of its own, so that processor time is the platform's alone; the rate budget is lifted, and with it the
wall time is what is left besides waiting: at 144 requests a minute a real workspace takes requests / 144 minutes. The reference is the
usual way of such tools, deleting what stands on a page and appending it anew. Figures go to `results/knowledge.json`; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from notion_sync.documents.notion_limits import append_all
from notion_sync.documents.notion_writer import rich_text, to_blocks
from notion_sync.documents.tree import Block, BulletList, Document, Heading, Item, Paragraph, Table
from notion_sync.knowledge import Knowledge
from notion_sync.testing.server import TOKEN
from notion_sync.workspaces.folder import Folder
from notion_sync.workspaces.limiter import Limiter
from notion_sync.workspaces.notion import Notion
from notion_sync.workspaces.transport import Transport
from tests.benchmarks.knowledge_emulator import Emulator, emulator

RESULTS = Path(__file__).parent / "results"
CHANGED = 100
"""Every so manieth page is changed: 1 %."""
Line = dict[str, Any]


class Lifted(Limiter):
    """A budget without a bound."""

    def take(self) -> None:
        """At once."""


def page(number: int, figure: int = 0) -> Document:
    """A report of eleven blocks, such as the platform publishes every day."""
    rows = tuple((f"Produto {number}-{row}", f"R$ {number + row + figure},00", f"{row} %") for row in range(5))
    blocks: tuple[Block, ...] = (
        Paragraph(f"Resumo do dia da unidade {number}: {figure} pedidos a mais que na véspera."),
        Heading(2, "Vendas"),
        Table(("Produto", "Receita", "Margem"), rows),
        Paragraph("A receita vem da camada ouro; devoluções foram descontadas."),
        Heading(2, "Decisões"),
        BulletList(tuple(Item(f"Decisão {step} da unidade {number}, com o seu motivo.") for step in range(4))),
        Heading(2, "Custos"),
        Paragraph(f"Os agentes custaram R$ {number % 90},50 neste dia."),
    )
    return Document(f"Unidade {number}", {"tipo": "relatorio", "agente": "varejo"}, blocks)


def path(number: int) -> str:
    """The page's key."""
    return f"relatorios/unidades/{number:05}.md"


def timed(name: str, pages: int, work: Callable[[], object], calls: Callable[[], Counter[str]] | None = None) -> Line:
    """What a step cost; `calls` counts requests by kind so far."""
    before = calls() if calls else Counter[str]()
    started, used = time.perf_counter(), time.process_time()
    work()
    line: Line = {"step": name, "pages": pages, "wall_s": round(time.perf_counter() - started, 2)}
    line["cpu_s"] = round(time.process_time() - used, 2)
    if calls:
        made = calls() - before
        line |= {"requests": made.total(), "a_page": round(made.total() / pages, 3), **{kind: made[kind] for kind in KINDS}}
    print("  ".join(f"{key} {value}" for key, value in line.items()), flush=True)
    return line


KINDS = ("query", "read", "write")


class Clock:
    """The platform's time, which goes with the emulator's."""

    def __init__(self, notion: Emulator | None = None) -> None:
        self.now, self._notion = datetime(2026, 11, 22, 12, tzinfo=UTC), notion

    def __call__(self) -> datetime:
        return self.now

    def advance(self, minutes: int = 5) -> None:
        """Let time pass on both sides."""
        self.now += timedelta(minutes=minutes)
        if self._notion is not None:
            self._notion.at(self.now)


def steps(
    knowledge: Knowledge,
    clock: Clock,
    pages: int,
    edit: Callable[[Sequence[str]], None],
    calls: Callable[[], Counter[str]] | None = None,
) -> list[Line]:
    """The same days in any workspace."""

    def publish(figure: int = 0) -> None:
        for number in range(pages):
            knowledge.publish(path(number), page(number, figure if number % CHANGED == 0 else 0))

    lines = [timed("first publish", pages, publish, calls)]
    clock.advance()
    lines.append(timed("first sync after it", pages, knowledge.sync, calls))
    clock.advance()
    lines.append(timed("quiet sync", pages, knowledge.sync, calls))
    lines.append(timed("publish again, nothing new", pages, publish, calls))
    lines.append(timed("publish again, 1 % new", pages, lambda: publish(7), calls))
    clock.advance()
    lines.append(timed("sync after it", pages, knowledge.sync, calls))
    clock.advance()
    edit([path(number) for number in range(1, pages, CHANGED)])
    clock.advance()
    lines.append(timed("people edited 1 %: sync", pages, knowledge.sync, calls))
    clock.advance()
    lines.append(timed("quiet sync after it", pages, knowledge.sync, calls))
    return lines


def in_notion(home: Path, pages: int) -> list[Line]:
    """The knowledge base in the emulated Notion."""
    with emulator() as notion:
        clock = Clock(notion)
        clock.advance(0)
        made: list[Transport] = []

        def workspace(store: Any) -> Notion:
            made.append(Transport(TOKEN, notion.url, Lifted(home / "budget.db")))
            return Notion(made[0], notion.root, store, Folder(home / "pages"))

        knowledge = Knowledge(home / "pages", home / "sync.db", workspace, clock)

        def edit(keys: Sequence[str]) -> None:
            rows = [knowledge.store.page(key) for key in keys]
            notion.edit([row.ref for row in rows if row and row.ref], "Uma pessoa escreveu isto.")

        return steps(knowledge, clock, pages, edit, notion.calls)


def in_folder(home: Path, pages: int) -> list[Line]:
    """The knowledge base in a folder."""
    knowledge = Knowledge(home / "pages", home / "sync.db")

    def edit(keys: Sequence[str]) -> None:
        for key in keys:
            file = home / "pages" / key
            file.write_text(file.read_text("utf-8").replace("devoluções foram", "devoluções não foram"), "utf-8")

    return steps(knowledge, Clock(), pages, edit)


def delete_and_append(home: Path, pages: int) -> list[Line]:
    """The usual way: what stands on a page is deleted block by block and appended anew, whether or not anything changed."""
    with emulator() as notion:
        api = Transport(TOKEN, notion.url, Lifted(home / "budget.db"))
        titled = {"Nome": {"title": {}}}
        body = {"parent": {"page_id": notion.root}, "title": rich_text("Páginas"), "initial_data_source": {"properties": titled}}
        source = api.ask("POST", "databases", body)["data_sources"][0]["id"]
        refs: list[str] = []

        def append(ref: str, number: int) -> None:
            def send(parent: str, children: Any) -> list[str]:
                found = api.ask("PATCH", f"blocks/{parent}/children", {"children": children})["results"]
                return [str(each["id"]) for each in found]

            append_all(ref, to_blocks(page(number).blocks), send)

        def first() -> None:
            for number in range(pages):
                title = {"Nome": {"title": rich_text(page(number).title)}}
                made = api.ask("POST", "pages", {"parent": {"type": "data_source_id", "data_source_id": source}, "properties": title})
                refs.append(str(made["id"]))
                append(refs[-1], number)

        def again() -> None:
            for number, ref in enumerate(refs):
                for block in list(api.listed("GET", f"blocks/{ref}/children")):
                    api.ask("DELETE", f"blocks/{block['id']}")
                append(ref, number)

        lines = [timed("delete and append: first", pages, first, notion.calls)]
        return [*lines, timed("delete and append: quiet", pages, again, notion.calls)]


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--reference-pages", type=int, default=200, help="The usual way needs many requests a page; they grow with pages.")
    options = parser.parse_args()
    figures: dict[str, list[Line]] = {}
    places = ((in_notion, options.pages), (delete_and_append, options.reference_pages), (in_folder, options.pages))
    for work, pages in places:
        print(f"\n{work.__name__}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            figures[work.__name__] = work(Path(folder), pages)
    kept = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count(), "load": os.getloadavg(), **figures}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "knowledge.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
