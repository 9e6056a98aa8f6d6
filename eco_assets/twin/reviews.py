"""Draws the reviews: who answers, with which score, and what they write.

Belongs here: the link from lateness and quality to the score. Stays out: the phrases (`texts.py`).
"""

from __future__ import annotations

import numpy as np

from eco_assets.twin import texts
from eco_assets.twin.catalog import CATEGORIES, Catalog
from eco_assets.twin.orders import Orders
from eco_assets.twin.plan import Days, Floats, Plan
from eco_assets.twin.tables import Table, hex_ids, pick, stamps

ANSWERS = 0.72  # share of surveyed orders that answer
CUTS = (-1.45, -1.15, -0.65, 0.30)  # a latent above the last cut is a 5, below the first a 1
TEXT_SHARE = {1: 0.72, 2: 0.65, 3: 0.45, 4: 0.34, 5: 0.38}
LATE_WEIGHT, LOST_WEIGHT, FLAW_WEIGHT, QUALITY_WEIGHT = -2.1, -3.2, -2.6, 0.5
FLAWED = 0.07  # share of parcels of mean quality with a flaw (broken, wrong, incomplete)


def build(plan: Plan, orders: Orders, catalog: Catalog, order_ids: list[str]) -> tuple[Table, dict[str, object]]:
    """The reviews answered by the end of the plan, and the truth behind the scores."""
    rng = plan.rng("reviews")
    sent, answered, latent = _surveys(rng, orders, catalog)
    known = ~np.isnat(sent) & (answered < plan.closing) & (rng.random(orders.count) < ANSWERS)
    score = (np.searchsorted(CUTS, latent + rng.standard_normal(orders.count)) + 1).astype(np.int64)
    chosen = np.flatnonzero(known)
    scores, nouns = score[chosen].tolist(), orders.category[chosen].tolist()
    messages, titles = _texts(rng, scores, nouns)
    table = Table(
        "varejo/olist/olist_order_reviews_dataset.csv",
        {
            "review_id": hex_ids(rng, chosen.size),
            "order_id": pick(order_ids, chosen),
            "review_score": scores,
            "review_comment_title": titles,
            "review_comment_message": messages,
            "review_creation_date": stamps(sent[chosen]),
            "review_answer_timestamp": stamps(answered[chosen]),
        },
    )
    truth: dict[str, object] = {
        "share_of_low_scores": round(float((score[chosen] <= 2).mean()), 4),
        "late_weight": LATE_WEIGHT,
        "quality_weight": QUALITY_WEIGHT,
        "flaw_weight": FLAW_WEIGHT,
        "flawed_share_at_mean_quality": FLAWED,
        "product_quality": dict(zip(catalog.product_ids, np.round(catalog.quality, 3).tolist(), strict=True)),
    }
    return table, truth


def _surveys(rng: np.random.Generator, orders: Orders, catalog: Catalog) -> tuple[Days, Days, Floats]:
    """Day the survey is sent, moment of the answer, and mean of the latent satisfaction, each of shape (orders,)."""
    lost = np.isnat(orders.delivered) & ~orders.canceled & ~orders.unavailable
    due = np.where(lost, orders.estimated + np.timedelta64(3, "D"), orders.delivered.astype("datetime64[D]"))
    sent = (due + np.timedelta64(1, "D")).astype("datetime64[s]")
    answered = sent + np.round(rng.exponential(1.6 * 86_400, orders.count) + 1_800).astype("timedelta64[s]")
    late = orders.delivered.astype("datetime64[D]") > orders.estimated
    quality = catalog.quality[orders.main_product()]
    flawed = rng.random(orders.count) < FLAWED * np.exp(-0.6 * quality)
    latent = 0.9 + QUALITY_WEIGHT * quality + LATE_WEIGHT * late + LOST_WEIGHT * lost + FLAW_WEIGHT * flawed
    return sent, answered, latent


def _texts(rng: np.random.Generator, scores: list[int], categories: list[int]) -> tuple[list[str], list[str]]:
    """Comment and title of each review; empty where the customer wrote none."""
    messages, titles = [], []
    for score, category in zip(scores, categories, strict=True):
        writes = rng.random() < TEXT_SHARE[score]
        nouns = CATEGORIES[category].nouns
        noun = nouns[int(rng.integers(0, len(nouns)))]
        messages.append(texts.comment(rng, score, noun) if writes else "")
        titles.append(texts.title(rng, score) if writes and rng.random() < 0.22 else "")
    return messages, titles
