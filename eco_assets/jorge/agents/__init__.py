"""Every workflow of every agent. A new one is one block in its agent's file, or a file of its own in `own`."""

from eco_assets.jorge.agents import agencia, comercial, industrial, mega, varejo
from eco_assets.jorge.agents.own import own_workflows
from eco_assets.jorge.workflow import catalogue

_OURS = (*comercial.WORKFLOWS, *varejo.WORKFLOWS, *industrial.WORKFLOWS, *agencia.WORKFLOWS, *mega.WORKFLOWS)
WORKFLOWS = catalogue((*_OURS, *own_workflows()))
