"""A batch that breaks its contract: its own agent stops, the others run on, good data stays served, a corrected file heals it."""

from __future__ import annotations

from collections.abc import Callable

from homes import Home

ORDERS = "varejo/olist/olist_orders_dataset.csv"


def spoil(home: Home) -> str:
    """Put a date that is none into the third row; returns the file as it was."""
    path = home.data / ORDERS
    good = path.read_text(encoding="utf-8")
    lines = good.splitlines(keepends=True)
    cells = lines[3].split(",")
    cells[3] = "31 de maio"
    path.write_text("".join([*lines[:3], ",".join(cells), *lines[4:]]), encoding="utf-8")
    return good


def test_a_rejected_batch_stops_its_agent_and_no_other_and_a_corrected_file_heals_it(copied_home: Callable[[], Home]) -> None:
    home = copied_home()
    good = spoil(home)
    head = home.platform.ledger.head()
    with home.platform.lake.raw() as db:
        rows = db.execute("SELECT count(*) FROM varejo.orders").fetchone()

    outcome = home.run()

    assert not outcome.is_success
    refused = [problem for problem in outcome.problems if problem.startswith("refused: raw/varejo/orders [contract]")]
    assert len(refused) == 1
    assert f"{ORDERS}: row 3, column order_purchase_timestamp: not a valid TIMESTAMP" in refused[0]
    with home.instance() as opened:
        steps = {stat.step_key: str(stat.status) for stat in opened.get_run_step_stats(outcome.run_id)}
    assert not any("varejo" in step and "aurion" not in step for step in steps), "nothing of varejo may run after a refusal"
    for agent in ("comercial", "industrial", "agencia"):
        assert steps[f"reports__{agent}__daily_report"].endswith("SUCCESS")
    assert home.platform.ledger.head() == head
    with home.platform.lake.raw() as db:
        assert db.execute("SELECT count(*) FROM varejo.orders").fetchone() == rows

    (home.data / ORDERS).write_text(good, encoding="utf-8")
    healed = home.run("eco_varejo")
    assert healed.is_success, healed.problems
    assert home.platform.landing.land(next(c for c in _contracts() if c.table == "varejo.orders")).is_accepted


def _contracts() -> list:  # type: ignore[type-arg]
    from eco_assets.contracts.contract import load_contracts

    return list(load_contracts())
