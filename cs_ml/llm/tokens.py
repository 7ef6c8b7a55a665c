"""Counting tokens before a call; after it, what the server reports is the truth."""

from collections.abc import Callable
from dataclasses import dataclass

from cs_ml.llm.request import estimated_tokens

ENCODING = "o200k_base"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCounter:
    """`method` says how it counts, for people."""

    count: Callable[[str], int]
    method: str


def token_counter() -> TokenCounter:
    """Exact for OpenAI's models where the package `bpe-openai` is installed (75 MB), else an estimate."""
    try:
        import bpe_openai
    except ImportError:
        return TokenCounter(count=estimated_tokens, method="estimated from the length")
    encoding = bpe_openai.get_encoding(ENCODING)
    return TokenCounter(count=lambda text: len(encoding.encode(text)), method=ENCODING)
