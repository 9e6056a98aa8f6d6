"""What the workflows read of their order: one model a kind of subject.

A figure that the data may lack may be absent; one that is there must be sound, or the order is refused before its first step.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from eco_assets.jorge.workflow import WorkflowInput

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class LeadInput(WorkflowInput):
    """A lead of the funnel."""

    origin: str | None = None
    landing_page_id: str | None = None
    age_days: Count | None = None
    p_convert: Share | None = None
    p_open: Share | None = None


class AccountInput(WorkflowInput):
    """An account: a seller on the marketplace."""

    orders_28d: Count | None = None
    revenue_28d_brl: Amount | None = None
    revenue_gap_brl: Amount | None = None
    days_since_sale: Count | None = None


class CategoryInput(WorkflowInput):
    """A product category of the shop, in units of the coming week."""

    planned_units: Count | None = None
    price_mean_brl: Amount | None = None
    p_units_p50: Amount | None = None

    @property
    def week_brl(self) -> float:
        """The planned week at the mean price; 0 where one of them is not known."""
        return (self.planned_units or 0) * (self.price_mean_brl or 0.0)


class OrderInput(WorkflowInput):
    """A customer's order on its way."""

    seller_id: str | None = None
    order_value_brl: Amount | None = None
    freight_brl: Amount | None = None
    days_late: Count | None = None


class ReviewInput(WorkflowInput):
    """A review; the subject is `review:order`."""

    score: int | None = Field(default=None, ge=1, le=5)
    order_value_brl: Amount | None = None

    @property
    def order_id(self) -> str:
        """The order that the review is about."""
        return self.subject.partition(":")[2] or self.subject


class SellerInput(WorkflowInput):
    """A seller who is watched."""

    orders_28d: Count | None = None
    late_rate_90d: Share | None = None
    bad_rate_90d: Share | None = None


class MachineInput(WorkflowInput):
    """A machine, or a sensor of it as `machine:sensor`."""

    machine_kind: str | None = None
    temperature_last: float | None = None
    p_anomaly_score: Share | None = None
    p_wear: Share | None = None

    @property
    def machine(self) -> str:
        """The machine, also where the subject is one of its sensors."""
        return self.subject.partition(":")[0]


class AudienceInput(WorkflowInput):
    """An audience, a line of the budget, or an ad exchange."""

    channel: str | None = None
    customers: Count | None = None
    cpc_24h: Amount | None = None
    p_response: Share | None = None


class GoalInput(WorkflowInput):
    """A goal or an event of the mega-agent's plan; for the daily brief, the day itself."""

    title: str = Field(min_length=3)
    why: str = ""
    tasks: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    decisions: Count = 0
    value_brl: float = 0.0
    held: Count = 0
