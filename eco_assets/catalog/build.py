"""Builds the catalogue: collects, publishes a page a dataset and the first page, and writes the search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.catalog.datasets import collect
from eco_assets.catalog.pages import FOLDER, dataset_page, index_page, page_path
from eco_assets.catalog.search import Index

if TYPE_CHECKING:
    from eco_assets.platform import Platform


@dataclass(frozen=True)
class CatalogResult:
    """What was built. `changed` are the pages that say something new, `conflicts` people's versions that were kept beside ours."""

    index: Path
    datasets: int
    changed: tuple[str, ...]
    conflicts: tuple[Path, ...]


def build_catalog(platform: Platform) -> CatalogResult:
    """Build the catalogue as of now; a page that would say the same is not written again.

    Raises:
        ConfigError: dbt cannot compile the project.
        ContractError: a contract is malformed.
    """
    datasets = collect(platform)
    known = [dataset.name for dataset in datasets]
    pages = [(page_path(dataset.name), dataset_page(dataset, known)) for dataset in datasets]
    published = [platform.workspace.publish(path, page) for path, page in pages]
    first = platform.workspace.publish(f"{FOLDER}/index.md", index_page(datasets))
    Index.of(platform.settings.home).write(datasets)
    everything = [*published, first]
    return CatalogResult(
        index=first.path,
        datasets=len(datasets),
        changed=tuple(page.path.relative_to(platform.workspace.root).as_posix() for page in everything if page.is_changed),
        conflicts=tuple(page.conflict for page in everything if page.conflict),
    )
