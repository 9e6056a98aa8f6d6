"""The routing part of the quality table: which model a question needs, on RouteLLM's MMLU answers (weak: Mixtral 8x7B, strong: GPT-4-1106).

First with both answers known (APGR, CPT50, CPT80), then as a gateway learns: from a log in which only the model that was asked is known,
valued off-policy (IPS, SNIPS, DR) beside the truth. The files hold no cost and no time: prices are assumed, lateness left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline

from eco_assets.mcp.off_policy import estimate
from ml import routing
from ml.probability_scores import ece
from ml.routing_outcomes import Reward, fit_outcomes
from ml.routing_scores import gap_scores
from tests.benchmarks.quality import Row
from tests.benchmarks.quality_text import Folds, timed

SEED = 0
PLAIN_ROUTER = "word TF-IDF + LR on weak_ok"
RUNGS = ("weak", "strong")
WEAK_PRICE = 10.0  # micro-dollars a question, assumed; 2,000 are worth one right answer
STRONG_PRICES = (400.0, 270.0)  # at 270 both models are worth the same on these questions: there a router can matter most
EPSILON = 0.02


def rows(data: Path) -> Iterable[Row]:
    """All rows of this part; about a CPU-minute."""
    files = sorted((data / "roteamento" / "routellm" / "mmlu" / "responses").glob("mmlu_*.csv"))
    parts = [pd.read_csv(file).set_axis(["question", "weak_ok", "strong_ok"], axis=1).assign(subject=file.stem) for file in files]
    asked = pd.concat(parts, ignore_index=True)
    yield from _answered_by_both(asked)
    for price in STRONG_PRICES:
        yield from _logged(asked, f"drawn evenly, strong at {price:.0f}", 0.5, price)
    yield from _logged(asked, f"strong but for 2 % exploration, at {STRONG_PRICES[0]:.0f}", EPSILON / 2, STRONG_PRICES[0])


def _logged(asked: pd.DataFrame, name: str, p_weak: float, strong_price: float) -> Iterator[Row]:
    """A router learnt on the log of one half of the questions, valued on the other half: truly, and as its own log would tell."""
    first, other = next(KFold(2, shuffle=True, random_state=SEED).split(asked))
    rng, prices = np.random.default_rng(SEED), np.array([WEAK_PRICE, strong_price])
    right = asked[["weak_ok", "strong_ok"]].to_numpy(dtype=float)
    rewards = Reward().of(right, np.tile(prices, (len(asked), 1)), np.zeros_like(right))
    logged = np.tile([p_weak, 1 - p_weak], (len(asked), 1))
    taken = (rng.random(len(asked)) >= p_weak).astype(int)
    at = np.arange(len(asked))
    log = pd.DataFrame({"text": asked["question"], "rung": np.array(RUNGS)[taken], "is_right": right[at, taken].astype(int)})
    log = log.assign(cost_micro_usd=prices[taken], ms=0.0, propensity=logged[at, taken])
    asked_later = list(asked["question"].iloc[other])
    learnt = timed(lambda: fit_outcomes(log.iloc[first]), lambda model: [model.worth(asked_later, rung) for rung in RUNGS])
    unknown = np.full(len(other), -np.inf)
    worth = np.column_stack([unknown if each is None else each for each in learnt.predicted])
    new = np.full((len(other), 2), EPSILON / 2) + (1 - EPSILON) * np.eye(2)[worth.argmax(axis=1)]
    truth = float((new * rewards[other]).sum(axis=1).mean())
    single = rewards[other].mean(axis=0)
    found = estimate(
        taken[other], rewards[other, taken[other]], logged[other], new, pd.factorize(asked["subject"].iloc[other])[0].astype(np.int64)
    )
    told = ", ".join(f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]" for each in (found.ips, found.snips, found.dr))
    best = rewards[other].max(axis=1).mean()
    note = f"{name}; IPS, SNIPS, DR {told}; ESS {found.ess:.0f}; weak asked of {new[:, 0].mean():.0%}; whoever knew both {best:.3f}"
    common: dict[str, Any] = {"rows": len(other), "train_s": learnt.fit_s, "predict_s": learnt.predict_s, "note": note}
    yield Row("routing from a log", f"reward a question, {name}", truth, float(single.max()), "best single rung", **common)
    yield Row("routing from a log", f"DR estimate of it, {name}", found.dr.value, truth, "truth", **common)


def _answered_by_both(asked: pd.DataFrame) -> Iterator[Row]:
    """Weak: Mixtral 8x7B, strong: GPT-4-1106. Folds over all questions (C was chosen on seed 0, hence seed 1), then over whole subjects."""
    for seed in (0, 1):
        yield from _routed(asked, list(KFold(5, shuffle=True, random_state=seed).split(asked)), f"5 folds, seed {seed}")
    yield from _routed(asked, list(GroupKFold(10).split(asked, groups=asked["subject"])), "unseen subjects, 10 folds")


def _routed(asked: pd.DataFrame, folds: Folds, name: str) -> Iterator[Row]:
    weak, strong = asked["weak_ok"].to_numpy(), asked["strong_ok"].to_numpy()
    gain, suffices, plain, length = (np.zeros(len(asked)) for _ in range(4))
    spent = []
    for fit_rows, other in folds:
        train, test = asked.iloc[fit_rows], asked.iloc[other]
        known = (list(train["question"]), list(train["weak_ok"]), list(train["strong_ok"]))
        found = timed(lambda known=known: routing.fit(*known), lambda model, test=test: model.predict(test))
        gain[other], suffices[other] = found.predicted["expected_gain"], found.predicted["p_weak_suffices"]
        length[other] = routing.fit_length(*known).predict(test)["expected_gain"]
        usual = make_pipeline(TfidfVectorizer(min_df=2, sublinear_tf=True, ngram_range=(1, 2)), LogisticRegression(C=1, max_iter=500))
        plain[other] = -usual.fit(train["question"], train["weak_ok"]).predict_proba(test["question"])[:, 1]
        spent.append(found)
    ours, theirs, longest = (gap_scores(rank, weak, strong) for rank in (gain, plain, length))
    common: dict[str, Any] = {
        "train_s": sum(one.fit_s for one in spent),
        "predict_s": sum(one.predict_s for one in spent),
        "rows": len(asked),
    }
    low, high = _gained(gain, plain, weak, strong)
    note = f"{asked['subject'].nunique()} of 57 subjects are in the folder; random 0.5, length {longest['apgr']:.4f}"
    advantage = f"{note}; over the baseline by {low:+.3f} to {high:+.3f} (95 %)"
    published = "0.598 measured with the baseline on all 57 subjects"
    yield Row("routing", f"APGR, {name}", ours["apgr"], theirs["apgr"], PLAIN_ROUTER, published, note=advantage, **common)
    for metric in ("cpt50", "cpt80"):
        yield Row("routing", f"{metric.upper()} (lower is better), {name}", ours[metric], theirs[metric], PLAIN_ROUTER, note=note, **common)
    actual = (strong.astype(int) - weak.astype(int) < 1).astype(int)
    note = f"of p_weak_suffices; {common['predict_s'] / len(asked) * 1000:.2f} ms a question in batches"
    yield Row(
        "routing", f"ECE, {name}", ece(actual, suffices), ece(actual, np.full(len(asked), actual.mean())), "base rate", note=note, **common
    )


def _gained(gain: np.ndarray, plain: np.ndarray, weak: np.ndarray, strong: np.ndarray) -> tuple[float, float]:
    """A 95 % bootstrap interval of our APGR less the baseline's, question by question."""
    rng = np.random.default_rng(SEED)
    found = []
    for at in (rng.integers(0, len(gain), len(gain)) for _ in range(200)):
        ours, theirs = (gap_scores(rank[at], weak[at], strong[at])["apgr"] for rank in (gain, plain))
        found.append(ours - theirs)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
