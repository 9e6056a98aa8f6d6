"""All operations of the emulated API, on one store, in the name of one user (the integration's bot unless a person edits)."""

from __future__ import annotations

from notion_sync.testing.block_operations import BlockOperations
from notion_sync.testing.database_operations import DatabaseOperations
from notion_sync.testing.other_operations import OtherOperations
from notion_sync.testing.page_operations import PageOperations


class Handlers(PageOperations, BlockOperations, DatabaseOperations, OtherOperations):
    """One method an operation; `routes` says which path leads to which."""
