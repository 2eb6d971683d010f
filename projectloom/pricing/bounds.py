"""How many tokens a prompt can be, known before any provider has seen it.

A byte-level tokenizer makes at most one token of each UTF-8 byte, so bytes plus what each provider wraps around them
bound the input from above. That bound is what a hold is made of. The estimate is for people only: nothing is ever
charged by it while the provider reports its own count.
"""

from collections.abc import Sequence

from projectloom.pricing.card import Provider

# Tokens that a provider wraps around each message (role, separators) and around each request (preamble, priming of the
# reply). OpenAI's cookbook, "How to count tokens", has 3 to 4 and 3; Anthropic publishes none. Doubled, and far more
# where nothing is published, since a bound may be generous but never short.
MESSAGE_OVERHEAD_TOKENS: dict[Provider, int] = {"anthropic": 16, "openai": 8}
REQUEST_OVERHEAD_TOKENS: dict[Provider, int] = {"anthropic": 64, "openai": 32}

# Tokens around each tool, call and result, and once around a request that has any of them. Anthropic tells the model
# how to call tools in a hidden system prompt of several hundred tokens, 346 for most models
# (https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing); OpenAI's cookbook has 7 and 12.
TOOL_OVERHEAD_TOKENS: dict[Provider, int] = {"anthropic": 64, "openai": 32}
TOOLS_OVERHEAD_TOKENS: dict[Provider, int] = {"anthropic": 2_048, "openai": 256}

# English prose runs at four to five bytes a token. Newer tokenizers make about a third more tokens of the same text.
LIKELY_BYTES_PER_TOKEN = 3


def input_bound(provider: Provider, messages: Sequence[tuple[str, str]], *, tools: Sequence[str] = ()) -> int:
    """An upper bound on the input tokens of a request with these ``(role, text)`` messages, system text included.

    ``tools`` are its tools, the calls of them and the results, each as JSON: no provider spells them at more length.
    """
    overhead = REQUEST_OVERHEAD_TOKENS[provider] + MESSAGE_OVERHEAD_TOKENS[provider] * len(messages)
    if tools:
        overhead += TOOLS_OVERHEAD_TOKENS[provider] + TOOL_OVERHEAD_TOKENS[provider] * len(tools)
    return overhead + sum(_size(text) for _, text in messages) + sum(map(_size, tools))


def likely_tokens(text: str) -> int:
    """An estimate of the tokens of a text, for showing a likely price. At least 1 for any text that is not empty."""
    return -(-_size(text) // LIKELY_BYTES_PER_TOKEN)


def _size(text: str) -> int:
    # A lone surrogate is sent as U+FFFD, which is three bytes long as well.
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
