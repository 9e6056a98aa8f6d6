"""Makes the files that a user's addition starts from. Nothing that exists is ever overwritten.

Each function returns the files that it wrote, the one to edit first. Names are `domain.entity` or `agent.name`, in lower case with
underscores; columns are asked of the lake, so what is read must have been built once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ConfigError, NotFound
from eco_assets.settings import AGENTS, PROJECT_ROOT

if TYPE_CHECKING:
    from eco_assets.lake import Lake

TEMPLATES = Path(__file__).parent / "templates"
Columns = Sequence[tuple[str, str]]  # name, type as DuckDB says it
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NUMERIC = ("BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "FLOAT", "HUGEINT", "BOOLEAN")


def split_name(name: str, known: Sequence[str] = AGENTS) -> tuple[str, str]:
    """`varejo.coupons` as its two parts.

    Raises:
        ConfigError: it is not of that form, or its first part is unknown.
    """
    first, _, rest = name.partition(".")
    if first not in known or not _NAME.fullmatch(rest):
        raise ConfigError(
            f"{name!r} is no name: say one of {', '.join(known)}, a full stop, and lower-case words, as {known[0]}.my_addition"
        )
    return first, rest


def write(files: Mapping[Path, str], root: Path = PROJECT_ROOT) -> list[Path]:
    """Write files given relative to `root`, all or none.

    Raises:
        ConfigError: one of them exists.
    """
    there = [path for path in files if (root / path).exists()]
    if there:
        raise ConfigError(f"{there[0]} exists: choose another name, or change that file")
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return [root / path for path in files]


def filled(template: str, **values: str) -> str:
    """A template of this package with its values; `$$` is a dollar sign."""
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def columns_of(lake: Lake, table: str) -> Columns:
    """The columns of `schema.table`.

    Raises:
        NotFound: it was never built.
    """
    import duckdb

    try:
        with lake.connect() as db:
            return [(str(row[0]), str(row[1])) for row in db.execute(f"DESCRIBE {table}").fetchall()]
    except duckdb.Error as error:
        raise NotFound(f"{table} is not in the lake: build it once (`eco run`), so that its columns are known") from error


def source(name: str, sample: Path, key: str) -> dict[Path, str]:
    """A contract for files like `sample`, and the staging model on it.

    Args:
        name: `domain.entity`; the files go to `<domain>/<entity>/` under the data root.
        sample: a CSV file with a header.
        key: the column that tells rows apart.

    Raises:
        ConfigError: the sample cannot be read, or has no such column.
    """
    from eco_assets.contracts.contract import load_contracts
    from eco_assets.scaffold.contract_file import contract_file, read_sample

    domains = sorted({contract.domain for contract in load_contracts()})
    domain, entity = split_name(name, domains)
    read = read_sample(sample)
    if key not in {column.name for column in read.columns}:
        raise ConfigError(f"{sample.name} has no column {key!r}; its columns are {', '.join(column.name for column in read.columns)}")
    staging = Path("dbt_project/models/staging") / domain
    model = f"stg_{domain}__{entity}"
    selected = ",\n  ".join(column.name for column in read.columns)
    return {
        Path("eco_assets/contracts/sources") / domain / f"{entity}.odcs.yaml": contract_file(domain, entity, read, key),
        staging / f"{model}.sql": f"SELECT\n  {selected}\nFROM {{{{ source('{domain}', '{entity}') }}}}\n",
        staging / f"{model}.yml": _yaml(model, f"{entity.replace('_', ' ').capitalize()} as they arrived.", [], key),
    }


def feature(name: str, reads: str, key: str, columns: Columns) -> dict[Path, str]:
    """A feature table that starts as all columns of the model that it reads."""
    agent, short = split_name(name)
    model = f"feat_{agent}__{short}"
    description = f"{short.replace('_', ' ').capitalize()}, one row a {key}."
    folder = Path("dbt_project/models/features") / agent
    sql = filled("feature.sql", description=description, columns=_selected(columns), reads=reads)
    return {folder / f"{model}.sql": sql, folder / f"{model}.yml": _yaml(model, description, columns, key)}


def mart(name: str, reads: str, key: str, columns: Columns) -> dict[Path, str]:
    """A mart, which is what a decision point reads: the day's rows of a feature table."""
    agent, short = split_name(name)
    model = f"mart_{agent}__{short}"
    description = f"{short.replace('_', ' ').capitalize()}."
    folder = Path("dbt_project/models/marts") / agent
    named = [("as_of", "DATE"), *columns]
    sql = filled("mart.sql", description=description, columns=_selected(columns), reads=reads)
    return {folder / f"{model}.sql": sql, folder / f"{model}.yml": _yaml(model, description, named, key, is_unique=False)}


def model(name: str, reads: str, columns: Columns, *, key: str, target: str, time: str) -> dict[Path, str]:
    """A propensity model: who of those that `reads` tells of will have `target`.

    Raises:
        ConfigError: one of the three columns is not there.
    """
    agent, short = split_name(name)
    there = dict(columns)
    if missing := [column for column in (key, target, time) if column not in there]:
        raise ConfigError(f"{reads} has no column {missing[0]!r}; its columns are {', '.join(there)}")
    inputs = [(column, kind) for column, kind in columns if column not in (key, target, time)]
    numbers = [column for column, kind in inputs if kind.startswith(_NUMERIC)]
    text = [column for column, kind in inputs if kind == "VARCHAR"]
    values = {"text": _listed(text), "numbers": _listed(numbers), "key": key, "target": target, "time": time, "reads": reads}
    description = f"Probability of {target.replace('_', ' ')}."
    content = filled("model.py.txt", agent=agent, name=short, description=description, **values)
    return {Path("ml/families") / f"{agent}_{short}.py": content}


def decision(name: str, reads: str, *, key: str, value: str, workflow: str, source: str) -> dict[Path, str]:
    """A policy that weighs acting against leaving alone by one value of a mart."""
    agent, short = split_name(name)
    description = f"Whether to act on a {short.replace('_', ' ')}."
    values = {"key": key, "value": value, "workflow": workflow, "source": source, "reads": reads, "subject": short}
    content = filled("decision.yaml", agent=agent, name=short, description=description, **values)
    return {Path("eco_assets/mcp/policies") / agent / f"{short}.yaml": content}


def workflow(name: str, label: str, door: str) -> dict[Path, str]:
    """A workflow of two steps: a message through a door, and a task for people."""
    agent, short = split_name(name)
    content = filled("workflow.py.txt", agent=agent, name=short, label=label.replace('"', "'"), door=door)
    return {Path("eco_assets/jorge/agents/own") / f"{agent}__{short}.py": content}


def report(name: str, reads: str) -> dict[Path, str]:
    """A page a day of a mart's rows."""
    agent, short = split_name(name)
    title = short.replace("_", " ").capitalize()
    content = filled("report.yaml", title=title, description=f"{title} of the day.", reads=reads)
    return {Path("eco_assets/reports") / agent / f"{short}.yaml": content}


def _selected(columns: Columns) -> str:
    return ",\n  ".join(name for name, _ in columns)


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _yaml(model: str, description: str, columns: Columns, key: str, *, is_unique: bool = True) -> str:
    """The `.yml` beside a dbt model: its words, its columns' types, and the tests of its key."""
    import yaml

    tests = ["not_null", "unique"] if is_unique else ["not_null"]
    named: list[dict[str, Any]] = [
        {"name": name, "data_type": kind.lower(), "description": _words(name)} | ({"data_tests": tests} if name == key else {})
        for name, kind in columns
    ]
    body = {"version": 2, "models": [{"name": model, "description": description, "columns": named or [{"name": key, "data_tests": tests}]}]}
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=140)


def _words(column: str) -> str:
    return "Business day that the row is a snapshot of." if column == "as_of" else f"{column.replace('_', ' ').capitalize()}."
