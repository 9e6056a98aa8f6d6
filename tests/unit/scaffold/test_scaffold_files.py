"""What `eco new` writes: nothing that exists is overwritten, names are checked, a contract is guessed from a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from eco_assets.contracts.contract import read_contract
from eco_assets.errors import ConfigError
from eco_assets.jorge.workflow import Workflow
from eco_assets.mcp.policies import read_policy
from eco_assets.scaffold import files

COLUMNS = [("coupon_id", "VARCHAR"), ("issued_on", "DATE"), ("amount_brl", "DOUBLE"), ("is_used", "BOOLEAN")]
SAMPLE = "Coupon ID;issued_on;amount_brl;is_used\nc1;2026-10-30;12.5;true\nc2;2026-10-31;3;\n"


def sample(tmp_path: Path, text: str = SAMPLE) -> Path:
    path = tmp_path / "coupons.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_contract_is_guessed_from_a_sample_and_can_be_read(tmp_path: Path) -> None:
    made = files.write(files.source("varejo.coupons", sample(tmp_path), "coupon_id"), tmp_path)
    contract = read_contract(made[0])
    assert (contract.table, contract.key, contract.delimiter) == ("varejo.coupons", ("coupon_id",), ";")
    assert [(c.name, c.physical_name, c.sql_type, c.is_required) for c in contract.columns] == [
        ("coupon_id", "Coupon ID", "VARCHAR", True),
        ("issued_on", "issued_on", "DATE", True),
        ("amount_brl", "amount_brl", "DOUBLE", True),
        ("is_used", "is_used", "BOOLEAN", False),
    ]
    assert {column.classification for column in contract.columns} == {"confidential"}


@pytest.mark.parametrize(
    ("name", "text", "key", "words"),
    [
        ("vendas.coupons", SAMPLE, "coupon_id", "is no name"),
        ("varejo.Coupons", SAMPLE, "coupon_id", "is no name"),
        ("varejo.coupons", SAMPLE, "id", "no column 'id'; its columns are coupon_id"),
        ("varejo.coupons", "a,b\n", "a", "has no row"),
    ],
)
def test_what_cannot_be_started_is_refused_with_what_to_do(tmp_path: Path, name: str, text: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        files.source(name, sample(tmp_path, text), key)


def test_nothing_that_exists_is_overwritten_and_then_nothing_is_written(tmp_path: Path) -> None:
    made = files.feature("varejo.coupon_use", "stg_varejo__coupons", "coupon_id", COLUMNS)
    (sql, yml) = files.write(made, tmp_path)
    yml.unlink()
    with pytest.raises(ConfigError, match="exists"):
        files.write(made, tmp_path)
    assert not yml.exists()
    assert "{{ ref('stg_varejo__coupons') }}" in sql.read_text(encoding="utf-8")


def test_a_model_takes_every_other_column_as_an_input_and_a_missing_one_is_named() -> None:
    ((_, text),) = files.model("varejo.use", "feat", COLUMNS, key="coupon_id", target="is_used", time="issued_on").items()
    assert 'NUMBERS = ["amount_brl"]' in text
    assert "$as_of" in text
    compile(text, "family.py", "exec")
    with pytest.raises(ConfigError, match="no column 'is_late'"):
        files.model("varejo.use", "feat", COLUMNS, key="coupon_id", target="is_late", time="issued_on")


def test_a_decision_point_is_a_policy_that_can_be_read(tmp_path: Path) -> None:
    made = files.decision(
        "varejo.coupon", "mart", key="coupon_id", value="amount_brl", workflow="varejo.pedir_desculpas", source="varejo.coupons"
    )
    (path,) = files.write(made, tmp_path)
    policy = read_policy(path)
    assert (policy.agent, policy.point, policy.default) == ("varejo", "coupon", "nada_a_fazer")


def test_a_workflow_is_one_file_that_declares_it(tmp_path: Path) -> None:
    (made,) = files.write(files.workflow("varejo.enviar_cupom", "Enviar cupom", "crm"), tmp_path)
    assert made == tmp_path / "eco_assets/jorge/agents/own/varejo__enviar_cupom.py"
    told: dict[str, object] = {}
    exec(compile(made.read_text("utf-8"), made, "exec"), told)  # noqa: S102 -- our own template
    workflow = told["WORKFLOW"]
    assert isinstance(workflow, Workflow)
    assert (workflow.name, workflow.label, [step.name for step in workflow.steps]) == (
        "varejo.enviar_cupom",
        "Enviar cupom",
        ["register", "follow_up"],
    )
    assert workflow.steps[0].undo is not None
