"""Where pages live: a folder of Markdown or Notion, behind one protocol."""
