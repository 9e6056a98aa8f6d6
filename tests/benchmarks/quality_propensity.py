"""Propensity and uplift on public data: bank marketing, Olist's funnel, orders and customers, iFood, CDNOW, Hillstrom.

Frames come from the project's own dbt models and family queries, rendered here on the public files. The public folder holds a part
of some sets (bank marketing 32,950 of 41,188 calls, Hillstrom 44,649 of 64,000, CDNOW up to 1997-09-30): a published figure on the
whole is named beside ours and is no like for like; the plain logistic regression in the same row is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from ml.families.agencia import CALL_NUMBERS, CALL_TEXT
from ml.families.comercial import LEAD_NUMBERS, LEAD_TEXT
from ml.model import Trained
from ml.probability_scores import auc, ece
from ml.propensity import conversion, queries, repurchase, uplift
from ml.propensity.choice import Rows, candidates, choose, fit_calibrated
from ml.propensity.estimators import Columns, to_inputs
from ml.workers import one_thread
from tests.benchmarks.quality import Row

SEED = 20180531
MODELS = [Path(__file__).resolve().parents[2] / "dbt_project" / "models"]
FILES = {
    **{f"varejo/olist/olist_{name}_dataset.csv": name for name in ("orders", "order_items", "order_payments", "order_reviews")},
    **{f"varejo/olist/olist_{name}_dataset.csv": name for name in ("customers", "products", "sellers")},
    "varejo/olist/sample_manifest.csv": "sample_manifest",
    "comercial/olist_funnel/olist_marketing_qualified_leads_dataset.csv": "leads",
    "comercial/olist_funnel/olist_closed_deals_dataset.csv": "closed_deals",
    "agencia/bank_marketing/bank-additional-full.csv": "bank_calls",
    "agencia/hillstrom/hillstrom.csv": "email_experiment",
}
LAKE = [
    *("staging/varejo/stg_varejo__customers", "staging/varejo/stg_varejo__orders", "staging/varejo/stg_varejo__order_items"),
    *("staging/varejo/stg_varejo__order_payments", "staging/varejo/stg_varejo__reviews", "staging/varejo/stg_varejo__sellers"),
    *("staging/comercial/stg_comercial__leads", "staging/comercial/stg_comercial__closed_deals"),
    *("staging/agencia/stg_agencia__bank_calls", "staging/agencia/stg_agencia__email_experiment"),
    *("features/varejo/feat_varejo__order_risk", "features/comercial/feat_comercial__lead_history"),
    "features/agencia/feat_agencia__call_history",
]
CONTRACT_NAMES = {"default": "has_default"}
AS_OF = {"varejo": "2018-05-31", "comercial": "2018-07-30"}  # 60 days after the last contact, when its outcome is known


def rows(data: Path) -> Iterable[Row]:
    """Every figure of this part."""
    with one_thread():
        lake = _lake(data)
        yield from _bank(lake)
        yield from _olist(lake)
        yield from _ifood(data)
        yield from _cdnow(data)
        yield from _hillstrom(lake)


def _bank(lake: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    calls = lake.execute("select * from features.feat_agencia__call_history order by call_number").df()
    published = "NN 0.80 (rolling windows, 22 features, later calls); LR 0.748 on the last fifth of the whole file"
    columns, cut = Columns(tuple(CALL_TEXT), tuple(CALL_NUMBERS)), int(len(calls) * 0.8)
    settings: dict[str, Any] = {"target": "is_subscribed", "time_column": "call_number", "columns": columns, "seed": SEED}
    first, last = calls.iloc[:cut], calls.iloc[cut:]
    model, train_s = _timed(lambda: conversion.fit(first, **settings))
    yield from _propensity(
        "bank calls, last fifth in time", model, first, last, "is_subscribed", columns, train_s, published, model.candidate
    )
    order = np.random.default_rng(SEED).permutation(len(calls))
    mixed = calls.assign(call_number=np.argsort(order))
    first, last = (mixed[(mixed["call_number"] < cut) == is_first] for is_first in (True, False))
    model, train_s = _timed(lambda: conversion.fit(first, **settings))
    published = "LR 0.788 on a random split of the whole file"
    yield from _propensity("bank calls, random fifth", model, first, last, "is_subscribed", columns, train_s, published, model.candidate)
    scored, start = [], time.process_time()
    for at in range(cut, len(calls), 1000):
        part = calls.iloc[at : at + 1000]
        scored.append(conversion.fit(calls.iloc[:at], **settings).predict(part)["probability"].to_numpy())
    probability, actual = np.concatenate(scored), calls["is_subscribed"].iloc[cut:].astype(int).to_numpy()
    plain = [_plain(calls.iloc[:at], calls.iloc[at : at + 1000], "is_subscribed", columns) for at in range(cut, len(calls), 1000)]
    row = Row(
        "bank calls, refitted every 1,000 calls", "auc", auc(actual, probability), auc(actual, np.concatenate(plain)), "LR, same refits"
    )
    seconds = time.process_time() - start
    row = replace(row, published="NN 0.80 (rolling windows)", seed=SEED, rows=len(actual), train_s=seconds, note="last fifth in time")
    yield row
    yield replace(row, metric="ece", ours=ece(actual, probability), baseline=ece(actual, np.concatenate(plain)), published="")


def _olist(lake: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    # The public part holds no deal of a lead that came after 2018-03-30: later leads have no outcome in it.
    leads = lake.execute("select * from features.feat_comercial__lead_history where contacted_on <= date '2018-03-30'").df()
    late = lake.execute(queries.LATE_TRAINING, {"as_of": AS_OF["varejo"]}).df()
    bad = lake.execute(queries.BAD_REVIEW_TRAINING, {"as_of": AS_OF["varejo"]}).df()
    orders = {"categorical": queries.ORDER_TEXT, "numeric": queries.ORDER_NUMBERS, "time_column": "purchased_at", "seed": SEED}
    tasks: list[tuple[str, pd.DataFrame, dict[str, Any]]] = [
        (
            *("leads that convert within 60 days", leads),
            {"target": "is_converted", "time_column": "contacted_on", "seed": SEED} | {"categorical": LEAD_TEXT, "numeric": LEAD_NUMBERS},
        ),
        ("late delivery, at purchase", late, orders | {"target": "is_late", "known_column": "promise_known_on"}),
        ("bad review (1 or 2 stars), at purchase", bad, orders | {"target": "is_bad_review", "known_column": "review_known_on"}),
    ]
    for task, frame, settings in tasks:
        trained, seconds = _timed(lambda frame=frame, settings=settings: conversion.train(frame, **settings))
        yield from _trained(task, trained, frame, settings, seconds)
    customers = lake.execute(queries.REPURCHASE_TRAINING, {"as_of": AS_OF["varejo"]}).df()
    settings = {"categorical": queries.CUSTOMER_TEXT, "numeric": queries.CUSTOMER_NUMBERS, "seed": SEED}
    trained, seconds = _timed(lambda: repurchase.train(customers, horizon_days=queries.HORIZON_DAYS, **settings))
    named = settings | {"target": repurchase.TARGET, "time_column": repurchase.TIME, "known_column": repurchase.KNOWN}
    yield from _trained("Olist customers who buy again within 90 days", trained, customers, named, seconds)


def _ifood(data: Path) -> Iterator[Row]:
    people = pd.read_csv(data / "agencia/ifood_crm/ml_project1_data.csv", parse_dates=["Dt_Customer"])
    people["customer_days"] = (people["Dt_Customer"].max() - people.pop("Dt_Customer")).dt.days
    text = ("Education", "Marital_Status")
    columns = Columns(text, tuple(name for name in people if name not in (*text, "ID", "Response", "Z_CostContact", "Z_Revenue")))
    order = np.random.default_rng(SEED).permutation(len(people))
    people = people.iloc[order].reset_index(drop=True)
    outcome, fold = people["Response"].to_numpy(), np.arange(len(people)) % 5
    ours, plain, train_s = np.zeros(len(people)), np.zeros(len(people)), 0.0
    for number in range(5):
        inside = fold == number
        inputs = to_inputs(people[~inside], columns)
        part = Rows(inputs, outcome[~inside], np.arange(len(inputs)))
        (estimator, (shift, slope)), seconds = _timed(
            lambda part=part: fit_calibrated(choose(candidates(part.inputs, columns, SEED), part), part)
        )
        ours[inside] = 1 / (1 + np.exp(-(shift + slope * estimator.score(to_inputs(people[inside], columns)))))
        plain[inside] = _plain(people[~inside], people[inside], "Response", columns)
        train_s += seconds
    mean = np.mean([[auc(outcome[fold == each], scores[fold == each]) for each in range(5)] for scores in (ours, plain)], axis=1)
    row = Row("iFood campaign response", "auc", float(mean[0]), float(mean[1]), "LR", "LR 0.899 (5 folds, whole file of 2,240)")
    row = replace(row, seed=SEED, rows=len(people), train_s=train_s, note="5 random folds, no campaign time in the file")
    yield row
    yield replace(row, metric="ece", ours=ece(outcome, ours), baseline=ece(outcome, plain), published="")


def _cdnow(data: Path) -> Iterator[Row]:
    """Half a year of history tells the next quarter; what is learnt comes from the quarter before."""
    bought = pd.read_csv(data / "varejo/cdnow/CDNOW_master.txt", sep=r"\s+")
    bought["date"] = pd.to_datetime(bought["date"].astype(str), format="%Y%m%d")
    early, late = (_snapshot(bought, pd.Timestamp(day)) for day in ("1997-04-01", "1997-07-01"))
    numbers = ["since_last_days", "spent_usd", "cds", "orders_90d"]
    columns = Columns((), (*numbers, *repurchase.HISTORY))
    model, train_s = _timed(lambda: repurchase.fit(early, categorical=[], numeric=numbers, horizon_days=91, seed=SEED))
    wide = repurchase.fit_beta_geometric(_snapshot(bought, pd.Timestamp("1997-09-30")))
    weeks = f"BG/NBD on 39 weeks: r {wide.r:.3f} alpha {wide.alpha:.2f} a {wide.a:.3f} b {wide.b:.2f} (paper, a tenth: .243 4.41 .793 2.43)"
    note = f"learnt on 1997-04-01, judged on 1997-07-01; {weeks}"
    yield from _propensity("CDNOW customers who buy within 91 days", model, early, late, repurchase.TARGET, columns, train_s, "", note)
    actual, alone = late[repurchase.TARGET].astype(int).to_numpy(), model.purchases.p_purchase(late, 91)
    ours = model.predict(late)["probability"].to_numpy()
    row = Row("CDNOW customers who buy within 91 days", "auc", auc(actual, ours), auc(actual, alone), "BG/NBD alone", seed=SEED)
    yield row
    yield replace(row, metric="ece", ours=ece(actual, ours), baseline=ece(actual, alone))


def _hillstrom(lake: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    people = lake.execute(queries.EMAIL_ROWS).df()
    for outcome in ("has_visited", "has_bought", "spend_brl"):
        experiment = replace(queries.EMAIL, outcome=outcome)
        trained, train_s = _timed(lambda experiment=experiment: uplift.train(people, experiment, seed=SEED))
        _, predict_s = _timed(lambda trained=trained: trained.judged.predict(trained.held_out))
        found, naive = trained.metrics, trained.baseline
        base = Row(f"Hillstrom {outcome}", "qini", found["qini"], naive["qini"], "average effect for all", seed=SEED)
        base = replace(base, rows=len(trained.held_out), train_s=train_s, predict_s=predict_s)
        note = f"{trained.params['learner']}, 95 % {found['qini_low']:.5f} to {found['qini_high']:.5f}"
        arms = ", ".join(f"{name} {value:.5f}" for name, value in found.items() if name.startswith("qini_") and name.endswith("mail"))
        yield replace(base, note=f"{note}; {arms}; unit: outcome a customer, none published on these rows and definition")
        span = f"95 % {found['auuc_low']:.5f} to {found['auuc_high']:.5f}"
        yield replace(base, metric="auuc", ours=found["auuc"], baseline=naive["auuc"], note=span)
        gap = f"over everybody 95 % {found['policy_over_everybody_low']:.4f} to {found['policy_over_everybody_high']:.4f}"
        note = f"{gap}; arms by lot {found['random_value']:.4f}"
        value, everybody = found["policy_value"], found["everybody_value"]
        yield replace(base, metric="policy value", ours=value, baseline=everybody, baseline_name="best e-mail to everybody", note=note)


def _trained(task: str, trained: Trained, frame: pd.DataFrame, settings: dict[str, Any], train_s: float) -> Iterator[Row]:
    held_out, moment = trained.held_out, trained.held_out[settings["time_column"]].min()
    first = frame[
        (frame[settings["time_column"]] < moment)
        & (frame[settings.get("known_column", settings["time_column"])] <= moment)
        & frame[settings["target"]].notna()
    ]
    columns = Columns(tuple(settings["categorical"]), tuple(settings["numeric"]))
    note = f"last quarter in time, fit on {trained.params['fit_rows']:,} rows; {trained.params['candidate']}"
    note += f"; BG/NBD alone {trained.metrics['auc_bg_nbd']:.4f}" if "auc_bg_nbd" in trained.metrics else ""
    yield from _propensity(task, trained.judged, first, held_out, settings["target"], columns, train_s, "", note)


def _propensity(
    task: str, model: Any, first: pd.DataFrame, last: pd.DataFrame, target: str, columns: Columns, train_s: float, published: str, note: str
) -> Iterator[Row]:
    """AUC beside a plain logistic regression on all columns; ECE and log loss beside the training rate for everybody."""
    found, predict_s = _timed(lambda: conversion.evaluate(model, last, target=target))
    naive = conversion.evaluate(conversion.BaseRateModel(target, float(first[target].astype(int).mean())), last, target=target)
    plain = auc(last[target].astype(int).to_numpy(), _plain(first, last, target, columns))
    row = Row(task, "auc", found["auc"], plain, "LR", published, SEED, len(last), train_s, predict_s, note)
    yield row
    for name in ("ece", "log_loss"):
        yield replace(row, metric=name, ours=found[name], baseline=naive[name], baseline_name="training rate", published="", note="")


def _plain(first: pd.DataFrame, last: pd.DataFrame, target: str, columns: Columns) -> np.ndarray:
    """scikit-learn's logistic regression on one-hot and standardised columns, all of them, no choice and no calibration."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    text = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    prepared = make_column_transformer((text, list(columns.categorical)), (numbers, list(columns.numeric)))
    model = make_pipeline(prepared, LogisticRegression(solver="newton-cholesky"))
    model.fit(to_inputs(first, columns), first[target].astype(int))
    return np.asarray(model.predict_proba(to_inputs(last, columns))[:, 1])


def _snapshot(bought: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """One row a customer who had bought before `day`, with what happened in the 91 days from it."""
    before, after = bought[bought["date"] < day], bought[(bought["date"] >= day) & (bought["date"] < day + pd.Timedelta(days=91))]
    found = before.groupby("customer_id").agg(
        start=("date", "min"),
        last=("date", "max"),
        days=("date", "nunique"),
        cds=("number_of_cds", "sum"),
        spent_usd=("dollar_value", "sum"),
    )
    recent = before[before["date"] >= day - pd.Timedelta(days=90)].groupby("customer_id").size()
    found = found.assign(repeat_purchases=found["days"] - 1, recency_days=(found["last"] - found["start"]).dt.days)
    found = found.assign(age_days=(day - found["start"]).dt.days, since_last_days=(day - found["last"]).dt.days, snapshot_on=day)
    found = found.assign(orders_90d=recent.reindex(found.index).fillna(0), known_on=day + pd.Timedelta(days=91))
    return found.assign(has_bought_again=found.index.isin(after["customer_id"])).reset_index()


def _lake(data: Path) -> duckdb.DuckDBPyConnection:
    lake = duckdb.connect(config={"threads": 1})
    lake.execute("create schema sources; create schema staging; create schema features")
    for path, name in FILES.items():
        found = lake.read_csv(str(data / path), header=True)
        renamed = ", ".join(f'"{each}" as {CONTRACT_NAMES.get(each, each.replace(".", "_"))}' for each in found.columns)
        kept = "row_number() over () as _eco_row, '' as _eco_file, '' as _eco_batch, now() as _eco_loaded_at"
        lake.execute(f"create table sources.{name} as select {renamed}, {kept} from found")
    for name in LAKE:
        lake.execute(f"create table {name.split('/')[0]}.{Path(name).name} as {_rendered(name)}")
    return lake


def _rendered(name: str) -> str:
    text = next(folder / f"{name}.sql" for folder in MODELS if (folder / f"{name}.sql").is_file()).read_text(encoding="utf-8")
    text = text.replace('{{ var("anchor") }}', AS_OF["comercial" if "comercial" in name else "varejo"])
    text = re.sub(r"\{\{ source\('\w+', '(\w+)'\) \}\}", r"sources.\1", text)
    return re.sub(
        r"\{\{ ref\('(stg|feat)(\w+)'\) \}\}", lambda found: f"{'staging' if found[1] == 'stg' else 'features'}.{found[1]}{found[2]}", text
    )


def _timed(work: Any) -> tuple[Any, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start
