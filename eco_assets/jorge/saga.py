"""The old names of `workflow.py`; they go when the last user of them has moved."""

from eco_assets.jorge.workflow import Act, Order, Step, Workflow, booking, catalogue, message

Saga = Workflow

__all__ = ["Act", "Order", "Saga", "Step", "booking", "catalogue", "message"]
