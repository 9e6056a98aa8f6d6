"""The bank's phone campaign: calls in the order of time, each with a true probability to sell.

Belongs here: people called, the economy they were called in, and the outcome. Stays out: the choice of whom to call.
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin.plan import Days, Floats, Ints, Plan, sigmoid, weekday
from eco_assets.twin.tables import Column, Layout, Table, numbers, pick

CALLS = 4_000
BASE_LOGIT = -3.0
# occupation: (share of the calls, effect on the logit of a sale)
JOBS = {
    "admin.": (0.25, 0.10), "blue-collar": (0.21, -0.45), "technician": (0.16, 0.00), "services": (0.10, -0.25),
    "management": (0.08, 0.05), "retired": (0.045, 0.85), "entrepreneur": (0.035, -0.30), "self-employed": (0.035, -0.05),
    "housemaid": (0.025, -0.15), "unemployed": (0.025, 0.25), "student": (0.025, 1.05), "unknown": (0.010, -0.10),
}  # fmt: skip
EDUCATION = {
    "university.degree": 0.30, "high.school": 0.23, "basic.9y": 0.15, "professional.course": 0.13, "basic.4y": 0.10,
    "basic.6y": 0.05, "unknown": 0.0395, "illiterate": 0.0005,
}  # fmt: skip
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH_EFFECT = np.array([0.0, 0.1, 0.5, 0.2, -0.45, 0.0, -0.1, -0.05, 0.35, 0.4, -0.1, 0.3])
OUTCOME_EFFECT = {"nonexistent": 0.0, "failure": 0.1, "success": 2.6}


def build(plan: Plan) -> tuple[list[Table], dict[str, object]]:
    """The calls, and the true mean probability of a sale by occupation over all calls and over the last tenth."""
    rng = plan.rng("calls")
    count = plan.rows(CALLS, least=400)
    people, day = _people(rng, count), _call_days(rng, plan, count)
    economy = _economy(rng, day, plan)
    month = np.asarray(day.astype("datetime64[M]").astype(np.int64) % 12, dtype=np.int64)
    probability = _probability(people, month, economy["euribor3m"])
    sold = rng.random(count) < probability
    columns: dict[str, Column] = {
        **_person_columns(rng, people),
        "month": pick(MONTHS, month),
        "day_of_week": pick(("mon", "tue", "wed", "thu", "fri"), weekday(day)),
        "duration": np.round(rng.lognormal(np.where(sold, 6.1, 5.1), 0.75)).astype(np.int64).tolist(),
        "campaign": people["campaign"].tolist(),
        "pdays": np.where(people["outcome"] == 2, rng.integers(2, 16, count), 999).tolist(),
        "previous": np.where(people["outcome"] == 0, 0, 1 + (rng.random(count) < 0.2)).tolist(),
        "poutcome": pick(list(OUTCOME_EFFECT), people["outcome"]),
        **{name: numbers(values, 3) for name, values in economy.items()},
        "y": pick(("no", "yes"), sold.astype(np.int64)),
    }
    late = np.arange(count) >= count - count // 10
    truth: dict[str, object] = {
        "mean_probability_by_job": _by_job(people["job"], probability),
        "mean_probability_by_job_last_tenth": _by_job(people["job"][late], probability[late]),
        "share_sold": round(float(sold.mean()), 4),
    }
    return [Table("agencia/bank_marketing/bank-additional-full.csv", columns, Layout(delimiter=";"))], truth


def _people(rng: np.random.Generator, count: int) -> dict[str, Ints]:
    """What of a call moves its outcome, as whole numbers, each of shape (count,)."""
    job = rng.choice(len(JOBS), count, p=[share for share, _ in JOBS.values()])
    return {
        "job": job,
        "age": np.clip(np.round(_typical_age(job) + rng.normal(0, 8.5, count)), 18, 92).astype(np.int64),
        "outcome": rng.choice(3, count, p=(0.82, 0.11, 0.07)),
        "cellular": (rng.random(count) < 0.64).astype(np.int64),
        "campaign": np.minimum(rng.geometric(0.42, count), 40),
        "default": rng.choice(3, count, p=(0.795, 0.204, 0.001)),
    }


def _probability(people: dict[str, Ints], month: Ints, euribor: Floats) -> Floats:
    """True probability that a call sells."""
    logit = BASE_LOGIT + np.array([effect for _, effect in JOBS.values()])[people["job"]] + MONTH_EFFECT[month]
    logit = logit + np.array(list(OUTCOME_EFFECT.values()))[people["outcome"]] + 0.90 * people["cellular"]
    logit = logit - 0.12 * (people["campaign"] - 1) - 0.45 * (people["default"] != 0) + 0.25 * (people["age"] > 60)
    return sigmoid(logit - 0.40 * (euribor - euribor.mean()))


def _person_columns(rng: np.random.Generator, people: dict[str, Ints]) -> dict[str, Column]:
    """The columns up to `contact`; marital status, education and loans say nothing about the outcome."""
    count = people["job"].size

    def drawn(shares: dict[str, float]) -> list[str]:
        return pick(list(shares), rng.choice(len(shares), count, p=list(shares.values())))

    return {
        "age": people["age"].tolist(),
        "job": pick(list(JOBS), people["job"]),
        "marital": drawn({"married": 0.6, "single": 0.28, "divorced": 0.115, "unknown": 0.005}),
        "education": drawn(EDUCATION),
        "default": pick(("no", "unknown", "yes"), people["default"]),
        "housing": drawn({"yes": 0.52, "no": 0.455, "unknown": 0.025}),
        "loan": drawn({"no": 0.82, "yes": 0.155, "unknown": 0.025}),
        "contact": pick(("telephone", "cellular"), people["cellular"]),
    }


def _call_days(rng: np.random.Generator, plan: Plan, count: int) -> Days:
    """Working day of each call, oldest first, the last working day of the plan included."""
    working = plan.calendar[weekday(plan.calendar) < 5]
    picked = np.sort(rng.integers(0, working.size, count))
    picked[-1] = working.size - 1
    return working[picked]


def _economy(rng: np.random.Generator, day: Days, plan: Plan) -> dict[str, Floats]:
    """Indices of the economy on each day: rates fall for 70 % of the plan, and sales drift up with them."""
    share = np.minimum((day - plan.calendar[0]).astype(np.float64) / plan.days / 0.7, 1.0)
    quarter = np.floor(share * 5) / 5
    month = np.floor(share * plan.days / 30.4) * 30.4 / plan.days
    phase = rng.uniform(0, 2 * np.pi)
    return {
        "emp.var.rate": np.round(1.4 - 3.2 * quarter, 1),
        "cons.price.idx": 93.9 - 0.9 * month + 0.3 * np.sin(9 * month + phase),
        "cons.conf.idx": np.round(-41.0 + 4.0 * np.sin(7 * month + phase), 1),
        "euribor3m": 4.9 - 2.9 * share + 0.05 * np.sin(40 * share),
        "nr.employed": np.round(5_228.1 - 160 * quarter, 1),
    }


def _typical_age(job: Ints) -> Floats:
    ages = {"retired": 63.0, "student": 25.0, "housemaid": 46.0, "management": 43.0}
    return np.array([ages.get(name, 39.0) for name in JOBS])[job]


def _by_job(job: Ints, probability: Floats) -> dict[str, float]:
    names = list(JOBS)
    return {names[at]: round(float(probability[job == at].mean()), 5) for at in np.unique(job).tolist()}
