"""FinOps: what each agent costs, and what it returns for that."""
