"""In which line of a policy's text a key stands, so that an error names it."""

from __future__ import annotations

from functools import lru_cache

import yaml

Loc = tuple[int | str, ...]


def line_of(text: str, loc: Loc) -> int:
    """Line, from 1, of the key or item at `loc`, or of the nearest part above it that is there; 0 where the text is no YAML."""
    node = _composed(text)
    if node is None:
        return 0
    line = node.start_mark.line + 1
    for key in loc:
        step = _step(node, key)
        if step is None:
            break
        line, node = step
    return line


@lru_cache(maxsize=4)
def _composed(text: str) -> yaml.Node | None:
    """The nodes of a text, kept: a policy asks for the line of each of its expressions, and reading it anew took 13 s for all policies."""
    try:
        return yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None


def _step(node: yaml.Node, key: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None
