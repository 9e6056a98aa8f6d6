"""An empty house for workflow tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from workflow_house import WorkflowHouse


@pytest.fixture
def house(tmp_path: Path) -> WorkflowHouse:
    return WorkflowHouse(tmp_path)
