"""The knowledge layer: document tree, writers, workspaces, charts and the reports that people read."""
