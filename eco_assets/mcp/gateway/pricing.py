"""What a hop costs, in whole micro-dollars, and how many tokens a text is before anybody bills it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from eco_assets.errors import ConfigError

SAMPLE_TOKENS = 1_000  # tariffs of long prompts are others; ours are short
CHARACTERS_A_TOKEN = 3.6  # for tokenizers that are not public
OVERHEAD_TOKENS = 32  # roles, separators and the schema's frame, whatever is asked


@dataclass(frozen=True)
class Rates:
    """US dollars per million tokens, which is micro-dollars per token."""

    input: float
    cached: float
    output: float

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int:
        """Micro-dollars, rounded up; `cached_tokens` are part of the input."""
        cached = min(cached_tokens, input_tokens)
        return math.ceil((input_tokens - cached) * self.input + cached * self.cached + output_tokens * self.output - 1e-9)


@cache
def known_rates(provider: str, model: str) -> Rates:
    """The tariff in genai-prices' offline snapshot; looked up once (260 microseconds a call).

    Raises:
        ConfigError: it has none.
    """
    from genai_prices import Usage, calc_price

    def rate(**usage: int) -> float:
        return float(calc_price(Usage(**usage), model_ref=model, provider_id=provider).total_price) / SAMPLE_TOKENS * 1_000_000

    try:
        return Rates(
            rate(input_tokens=SAMPLE_TOKENS, output_tokens=0),
            rate(input_tokens=SAMPLE_TOKENS, output_tokens=0, cache_read_tokens=SAMPLE_TOKENS),
            rate(input_tokens=0, output_tokens=SAMPLE_TOKENS),
        )
    except LookupError as error:
        raise ConfigError(f"providers.yaml: {provider}/{model} has no price; declare usd_per_million") from error


def estimated_tokens(text: str, *, is_openai: bool) -> int:
    """Tokens of a prompt: OpenAI's own count where it is theirs, else from the number of characters; rounded up."""
    return OVERHEAD_TOKENS + (len(_encoding().encode_ordinary(text)) if is_openai else math.ceil(len(text) / CHARACTERS_A_TOKEN))


@cache
def _encoding() -> Any:
    from bpe_openai import get_encoding  # type: ignore[import-untyped, unused-ignore]  # ships no types

    return get_encoding("o200k_base")
