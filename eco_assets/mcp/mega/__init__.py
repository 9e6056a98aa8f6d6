"""The mega-agent: splits a goal or an event among the four agents, resolves their conflicts and anticipates. See docs/agents/mega.md.

`plan(platform, goal, day)` answers one goal and writes nothing; `plan_day` plans a day and records it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eco_assets.mcp.mega.planner import newest_plan, plan, plan_day

__all__ = ["newest_plan", "plan", "plan_day"]


def __getattr__(name: str) -> Any:
    """Load the plan when it is asked for: what dispatches decisions needs the resolution only."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("eco_assets.mcp.mega.planner"), name)
    raise AttributeError(name)
