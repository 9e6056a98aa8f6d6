"""Every workflow of every agent. A new one is one block in its agent's file."""

from eco_assets.jorge.agents import agencia, comercial, industrial, varejo
from eco_assets.jorge.saga import catalogue

SAGAS = catalogue((*comercial.SAGAS, *varejo.SAGAS, *industrial.SAGAS, *agencia.SAGAS))
