"""The document tree under its first name: the blocks are in `documents.tree`, the text inside them in `documents.inline`."""

from notion_sync.documents.inline import Inline as Inline
from notion_sync.documents.inline import Span as Span
from notion_sync.documents.inline import bold as bold
from notion_sync.documents.inline import clean as clean
from notion_sync.documents.inline import code as code
from notion_sync.documents.inline import link as link
from notion_sync.documents.inline import plain as plain
from notion_sync.documents.inline import spans as spans
from notion_sync.documents.tree import Block as Block
from notion_sync.documents.tree import BulletList as BulletList
from notion_sync.documents.tree import Callout as Callout
from notion_sync.documents.tree import Code as Code
from notion_sync.documents.tree import Divider as Divider
from notion_sync.documents.tree import Document as Document
from notion_sync.documents.tree import Heading as Heading
from notion_sync.documents.tree import Image as Image
from notion_sync.documents.tree import Paragraph as Paragraph
from notion_sync.documents.tree import Property as Property
from notion_sync.documents.tree import Table as Table
