"""The declared table of models: which rows train each one, how it is fitted, what it scores, what it writes.

Add a model as one `Family` in its agent's module and in `FAMILIES`; an unknown name is an error that lists the known ones. Every query
takes the business day as `$as_of` and reads only rows known at the end of that day.
"""

from __future__ import annotations

from eco_assets.errors import NotFound
from ml.families import agencia, comercial, industrial, series, varejo
from ml.families.family import SEED, Family

__all__ = ["FAMILIES", "SEED", "Family", "family"]

FAMILIES: dict[str, Family] = {
    each.name: each
    for each in (
        varejo.DEMAND,
        varejo.SENTIMENT,
        varejo.LATE_DELIVERY,
        varejo.BAD_REVIEW,
        varejo.REPEAT_PURCHASE,
        varejo.BUSINESS_ANOMALY,
        industrial.SENSOR_ANOMALY,
        comercial.LEAD_CONVERSION,
        agencia.CAMPAIGN_RESPONSE,
        agencia.EMAIL_UPLIFT,
        agencia.MEDIA_ANOMALY,
        series.REGIONAL_DEMAND,
        series.MEDIA_COST,
        series.MACHINE_LOAD,
        series.PAYMENT_VOLUME,
    )
}


def family(name: str) -> Family:
    """The family called `name`.

    Raises:
        NotFound: no such model; the message lists the known ones.
    """
    if name not in FAMILIES:
        raise NotFound(f"no model family {name!r}: known are {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]
