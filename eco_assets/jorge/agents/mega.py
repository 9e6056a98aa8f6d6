"""Workflows of the mega-agent: what its plan of the day asks of people. What it asks of the agents is in `eco_assets/mcp/mega`."""

from __future__ import annotations

from eco_assets.jorge.agents.inputs import GoalInput
from eco_assets.jorge.steps import document, email, message, sending, task, webhook
from eco_assets.jorge.workflow import Order, Workflow


def _asked(order: Order) -> list[str]:
    return list(order.input.tasks)


WORKFLOWS = (
    Workflow(
        "mega.dividir_meta",
        "Dividir meta",
        "Hands a goal's sub-tasks to the teams of the agents that they are for and has its owner follow it.",
        (
            sending("", "teams", "hand_over", {"kind": "sub_tasks", "tasks": _asked}),
            task("follow_goal", "Acompanhar a meta: {title}", role="dono da meta", due_days=7),
        ),
        GoalInput,
        slo_s=600,
    ),
    Workflow(
        "mega.resumo_do_dia",
        "Resumo do dia",
        "Files the day's brief (goals, what is decided, what waits for a person) and sends it to the direction.",
        (
            document("file_brief", "resumos/{day}.md", template="resumo_do_dia"),
            email("send_brief", "resumo_do_dia", to="direção"),
        ),
        GoalInput,
        slo_s=1800,
        priority=20,
    ),
    Workflow(
        "mega.guarda_de_orcamento",
        "Guarda de orçamento",
        "Notes in the plan that a month's budget runs out early, has its owner decide and warns the direction.",
        (
            message("media_plan", "flag_budget", kind="budget_alert"),
            task("decide_on_budget", "Decidir sobre o orçamento: {title}", role="dono do orçamento", due_days=1),
            email("warn_direction", "alerta_orcamento", to="direção"),
        ),
        GoalInput,
        slo_s=600,
        priority=5,
    ),
    Workflow(
        "mega.resposta_a_incidente",
        "Resposta a incidente",
        "Opens the incident for all agents that it touches, pages who is on call and has one person lead it.",
        (
            message("service_desk", "open_incident", kind="group_incident"),
            webhook("page_on_call", "pager", event="group_incident", title="{title}"),
            task("lead_incident", "Conduzir o incidente: {title}", role="plantão", due_days=1),
        ),
        GoalInput,
        slo_s=120,
        priority=1,
    ),
)
