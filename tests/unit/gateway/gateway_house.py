"""Questions, and gateways over fake providers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_openai import FakeOpenAI

from eco_assets.mcp.gateway import Gateway, open_gateway
from eco_assets.mcp.gateway.catalogue import Catalogue
from eco_assets.mcp.questions import AskLimits, Choice, Question
from eco_assets.settings import Settings

KEY = "sk-segredo-1234567890"
LIMITS = AskLimits(deadline_ms=5_000, max_cost_micro_usd=5_000)


def question(number: int = 0, **changed: Any) -> Question:
    """One of many questions; each has its own content."""
    given: dict[str, Any] = {
        "id": "motivo",
        "key": f"d{number}/motivo",
        "agent": "varejo",
        "point": "review_recovery",
        "subject": f"pedido-{number}",
        "kind": "choice",
        "text": "Qual é o motivo da reclamação?",
        "choices": (Choice("a", "atraso"), Choice("b", "defeito")),
        "evidence": {"review_comment_message": f"chegou atrasado {number}", "score": 1},
        "limits": LIMITS,
    }
    return Question(**{**given, **changed})


def table(*servers: FakeOpenAI, **changed: Any) -> Catalogue:
    """A table with one provider a server, `p0`, `p1` ..., each with model `m`, in the order of the default route."""
    model = {"endpoints": ["decisions", "chat"], "context": 8000, "confidence": "logprobs", "least_ms": 0}
    model["usd_per_million"] = {"input": 1.0, "cached": 0.1, "output": 10.0}
    model |= changed.pop("model", {})
    names = [f"p{at}" for at in range(len(servers))]
    spec = {"key": "openai_api_key", "models": {"m": model}}
    providers = {name: {"base_url": server.base_url, **spec} for name, server in zip(names, servers, strict=True)}
    routes = {"default": [*(f"{name}/m" for name in names), "head"]}
    return Catalogue.model_validate({"api": "eco/providers/v1", "providers": providers, "routes": routes, **changed})


def gateway(
    home: Path, *servers: FakeOpenAI, heads: Any = (), settings: dict[str, Any] | None = None, router: Any = None, **changed: Any
) -> Gateway:
    """A gateway of a home over fake servers."""
    return open_gateway(Settings(home=home, openai_api_key=KEY, **(settings or {})), heads, router, table(*servers, **changed))


class SureHead:
    """A local head that knows every question's answer."""

    name = "sure"

    def is_for(self, asked: Question) -> bool:
        """Always."""
        return True

    def probabilities(self, asked: Question) -> dict[str, float]:
        """The first choice."""
        return {asked.choices[0].value: 0.9, asked.choices[1].value: 0.1}
