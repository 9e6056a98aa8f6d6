"""The bank's phone campaign: calls in the order of time, each with a true probability to sell.

Belongs here: people called, the economy they were called in, and the outcome. Stays out: the choice of whom to call.
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin.plan import Days, Floats, Ints, Plan, sigmoid, weekday
from eco_assets.twin.tables import Layout, Table, numbers, pick

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
    day = _call_days(rng, plan, count)
    economy = _economy(rng, day, plan)
    job = rng.choice(len(JOBS), count, p=[share for share, _ in JOBS.values()])
    age = np.clip(np.round(_typical_age(job) + rng.normal(0, 8.5, count)), 18, 92).astype(np.int64)
    outcome = rng.choice(3, count, p=(0.82, 0.11, 0.07))
    cellular = rng.random(count) < 0.64
    campaign = np.minimum(rng.geometric(0.42, count), 40)
    default = rng.choice(3, count, p=(0.795, 0.204, 0.001))
    month = day.astype("datetime64[M]").astype(np.int64) % 12
    logit = BASE_LOGIT + np.array([effect for _, effect in JOBS.values()])[job] + MONTH_EFFECT[month]
    logit = logit + np.array(list(OUTCOME_EFFECT.values()))[outcome] + 0.90 * cellular - 0.12 * (campaign - 1)
    logit = logit - 0.45 * (default != 0) + 0.25 * (age > 60) - 0.40 * (economy["euribor3m"] - economy["euribor3m"].mean())
    probability = sigmoid(logit)
    sold = rng.random(count) < probability
    previous = np.where(outcome == 0, 0, 1 + (rng.random(count) < 0.2))
    columns: dict[str, list[object]] = {
        "age": age.tolist(),
        "job": list(pick(list(JOBS), job)),
        "marital": list(pick(("married", "single", "divorced", "unknown"), rng.choice(4, count, p=(0.6, 0.28, 0.115, 0.005)))),
        "education": list(pick(list(EDUCATION), rng.choice(len(EDUCATION), count, p=list(EDUCATION.values())))),
        "default": list(pick(("no", "unknown", "yes"), default)),
        "housing": list(pick(("yes", "no", "unknown"), rng.choice(3, count, p=(0.52, 0.455, 0.025)))),
        "loan": list(pick(("no", "yes", "unknown"), rng.choice(3, count, p=(0.82, 0.155, 0.025)))),
        "contact": list(pick(("telephone", "cellular"), cellular.astype(np.int64))),
        "month": list(pick(MONTHS, month)),
        "day_of_week": list(pick(("mon", "tue", "wed", "thu", "fri"), weekday(day))),
        "duration": np.round(rng.lognormal(np.where(sold, 6.1, 5.1), 0.75)).astype(np.int64).tolist(),
        "campaign": campaign.tolist(),
        "pdays": np.where(outcome == 2, rng.integers(2, 16, count), 999).tolist(),
        "previous": previous.tolist(),
        "poutcome": list(pick(list(OUTCOME_EFFECT), outcome)),
        **{name: list(numbers(values, 3)) for name, values in economy.items()},
        "y": list(pick(("no", "yes"), sold.astype(np.int64))),
    }
    table = Table("agencia/bank_marketing/bank-additional-full.csv", dict(columns), Layout(delimiter=";"))
    late = np.arange(count) >= count - count // 10
    truth: dict[str, object] = {
        "mean_probability_by_job": _by_job(job, probability),
        "mean_probability_by_job_last_tenth": _by_job(job[late], probability[late]),
        "share_sold": round(float(sold.mean()), 4),
    }
    return [table], truth


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
