"""The declared table of models: which rows train each one, how it is fitted, what it scores, what it writes.

Add a model as one `Family` in its agent's module and in `FAMILIES`, or as a file of its own whose `FAMILY` it is (`eco new model`); an
unknown name is an error that lists the known ones. Every query takes the business day as `$as_of` and reads only rows known at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from eco_assets.errors import NotFound
from ml.families import agencia, comercial, industrial, series, varejo
from ml.families.family import SEED, Family

__all__ = ["FAMILIES", "SEED", "Family", "family"]
_SHARED = ("agencia", "comercial", "family", "industrial", "series", "varejo")


def _own() -> Iterator[Family]:
    """The families that have a file of their own."""
    for module in iter_modules(__path__):
        if module.name not in _SHARED:
            yield import_module(f"{__name__}.{module.name}").FAMILY


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
        *_own(),
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
