"""The gateway: answers the questions of policies by language models, local heads or nobody, within a deadline and a budget.

`gateway.py` is the way in. What may be asked is declared in `providers.yaml`; how one hop goes is `ladder.py`'s; breakers, budgets and
the cache are shared by all processes of one home. Nothing here knows a policy, and nothing here is imported before a question is asked.
"""

from eco_assets.mcp.gateway.gateway import Gateway, open_gateway

__all__ = ["Gateway", "open_gateway"]
