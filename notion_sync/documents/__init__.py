"""The typed document tree, its canonical form and hash, and how it is written to and read from Notion blocks and Markdown."""
