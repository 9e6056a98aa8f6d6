"""Workflows of a user's own: each module here names one `WORKFLOW`. `eco new workflow` starts one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from eco_assets.errors import ConfigError
from eco_assets.jorge.workflow import Workflow


def own_workflows() -> Iterator[Workflow]:
    """Every one, in the order of their files.

    Raises:
        ConfigError: a file has no `WORKFLOW`.
    """
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        workflow = getattr(importlib.import_module(f"{__name__}.{found.name}"), "WORKFLOW", None)
        if not isinstance(workflow, Workflow):
            raise ConfigError(
                f"eco_assets/jorge/agents/own/{found.name}.py must say WORKFLOW = Workflow(...), as `eco new workflow` starts it"
            )
        yield workflow
