"""Walks from a decision back to the raw rows that caused it and on to what came of it. Reads only; `eco explain` prints it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from eco_assets.day import resolutions
from eco_assets.decision_words import policy_of, questions_told, rules_told
from eco_assets.errors import NotFound
from eco_assets.jorge.dispatch import execution_of
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from notion_sync.decision_log import log_path
from notion_sync.reports import report_path

SAMPLE = 5


def explain(platform: Platform, decision_id: str) -> dict[str, Any]:
    """The whole chain of one decision; a unique prefix of its id is enough.

    Returns:
        `decision` (ledger record), `raw_rows` (by source and file: number, first row numbers, batch), `models` (version, MLflow run,
        metric against baseline), `policy`, `rules` that held and `questions` that were asked (see `decision_words`), `resolution` (what it
        gave way to, if ever), `execution` (ledger record or how it stands), `approval`, `pages`.

    Raises:
        NotFound: no such decision.
    """
    decision = platform.ledger.get("decision", decision_id)
    decided_by = policy_of(platform.ledger, decision["policy"]["digest"])
    return {
        "decision": decision,
        "raw_rows": _raw_rows(platform, decision),
        "models": [_model(platform, model) for model in decision["models"]],
        "contributions": _contributions(platform, decision),
        "policy": _policy(decision),
        "rules": rules_told(decided_by, decision),
        "questions": questions_told(decided_by, decision),
        "resolution": resolutions(platform.ledger, decision["agent"], decision["as_of"]).get(decision["decision_id"]),
        "approval": _find(platform, "approval", decision["decision_id"]),
        "execution": execution_of(platform.ledger, decision),
        "pages": [str(path) for path in _pages(platform, decision)],
    }


def _raw_rows(platform: Platform, decision: dict[str, Any]) -> list[dict[str, Any]]:
    if not platform.lake.exists("raw"):
        raise NotFound(f"the raw rows in {platform.lake.root} are gone: `make run` loads them again")
    policy = load_policies()[decision["policy"]["name"]]
    parameters: dict[str, Any] = {"subject": decision["subject"]}
    if "$as_of" in policy.trace:
        parameters["as_of"] = date.fromisoformat(decision["as_of"])
    query = f"""SELECT source, file, batch, count(*) AS rows, list(row_number ORDER BY row_number)[:{SAMPLE}] AS first_rows
                FROM ({policy.trace}) GROUP BY 1, 2, 3 ORDER BY 1, 2"""
    with platform.lake.connect() as db:
        found = db.execute(query, parameters)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _model(platform: Platform, model: dict[str, str]) -> dict[str, Any]:
    version = platform.registry.version(model["name"], model["version"])
    metric = version.primary_metric
    return {
        **model,
        "mlflow_run": version.run_id,
        "trained_through": version.as_of.isoformat(),
        "metric": metric,
        "value": version.metrics[metric],
        "baseline": version.baseline[metric],
    }


def _contributions(platform: Platform, decision: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What moved each prediction that the decision read, as it was kept when the prediction was made."""
    import duckdb

    from ml.families import family

    found: dict[str, list[dict[str, Any]]] = {}
    for model in decision["models"]:
        query = f"""SELECT feature, value, contribution FROM explanations.{family(model["name"]).table}
                    WHERE as_of = $as_of AND subject = $subject AND model_version = $version"""
        known = {"as_of": date.fromisoformat(decision["as_of"]), "subject": decision["subject"], "version": model["version"]}
        try:
            found[model["name"]] = platform.lake.frame(query, known).to_dict("records")  # type: ignore[assignment]
        except duckdb.CatalogException:  # made before explanations were kept
            found[model["name"]] = []
    return found


def _policy(decision: dict[str, Any]) -> dict[str, Any]:
    recorded = decision["policy"]
    current = load_policies()[recorded["name"]]
    return {**recorded, "is_current": current.digest == recorded["digest"], "description": current.description}


def _find(platform: Platform, kind: str, entry_id: str) -> dict[str, Any] | None:
    try:
        return platform.ledger.get(kind, entry_id)
    except NotFound:
        return None


def _pages(platform: Platform, decision: dict[str, Any]) -> list[Path]:
    agent, as_of = decision["agent"], date.fromisoformat(decision["as_of"])
    pages = [platform.settings.knowledge / path for path in (report_path(agent, as_of), log_path(agent, as_of))]
    return [page for page in pages if page.exists()]
