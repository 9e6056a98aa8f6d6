"""The Markdown writer under its first name; it lives in `documents.markdown_writer`."""

from notion_sync.documents.markdown_inline import write_inline as inline
from notion_sync.documents.markdown_writer import CALLOUT_LABELS, IMAGE_FOLDER, to_markdown

__all__ = ["CALLOUT_LABELS", "IMAGE_FOLDER", "inline", "to_markdown"]
