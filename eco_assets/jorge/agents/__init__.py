"""Every workflow of every agent. A new one is one block in its agent's file."""

from eco_assets.jorge.agents import agencia, comercial, industrial, mega, varejo
from eco_assets.jorge.workflow import catalogue

WORKFLOWS = catalogue((*comercial.WORKFLOWS, *varejo.WORKFLOWS, *industrial.WORKFLOWS, *agencia.WORKFLOWS, *mega.WORKFLOWS))
