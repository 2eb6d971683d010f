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
# A picture of about a million pixels, and a document of two pages.
LIKELY_IMAGE_TOKENS = 1_000
LIKELY_FILE_TOKENS = 4_000


# No picture makes more: Anthropic's are scaled to under 5,000 tokens
# (https://platform.claude.com/docs/en/build-with-claude/vision), OpenAI's to at most 10,000 patches
# (https://platform.openai.com/docs/guides/images-vision).
IMAGE_TOKENS: dict[Provider, int] = {"anthropic": 6_000, "openai": 12_000}


def picture_bound(provider: Provider, width: int, height: int) -> int:
    """An upper bound on the tokens of a picture of so many pixels.

    By the published formulas a token of Anthropic's is 750 pixels or a patch of 28 by 28, and of OpenAI's a patch of 32
    by 32 or a quarter of a tile, of which a small picture has four (the sources stand above). Doubled, and for OpenAI
    tripled, as its smaller models count a patch as 2.46 tokens.
    """
    if provider == "anthropic":
        by_size = 256 + 2 * -(-width // 28) * -(-height // 28)
    else:
        by_size = 1_024 + 3 * -(-width // 32) * -(-height // 32)
    return min(IMAGE_TOKENS[provider], by_size)


def likely_picture_tokens(provider: Provider, width: int, height: int) -> int:
    """An estimate of the tokens of a picture, for showing a likely price."""
    if provider == "anthropic":
        return min(4_784, -(-width * height // 750))
    return min(1_536, -(-width // 32) * -(-height // 32))


def request_bound(provider: Provider, *, text_bytes: int, messages: int, tools: int, images: int) -> int:
    """As :func:`input_bound`, of a request in the provider's own format.

    ``text_bytes`` is the length of its JSON without its pictures.
    """
    overhead = REQUEST_OVERHEAD_TOKENS[provider] + MESSAGE_OVERHEAD_TOKENS[provider] * messages
    if tools:
        overhead += TOOLS_OVERHEAD_TOKENS[provider] + TOOL_OVERHEAD_TOKENS[provider] * tools
    return overhead + text_bytes + IMAGE_TOKENS[provider] * images


def input_bound(
    provider: Provider,
    messages: Sequence[tuple[str, str]],
    *,
    tools: Sequence[str] = (),
    pictures: Sequence[tuple[int, int]] = (),
) -> int:
    """An upper bound on the input tokens of a request with these ``(role, text)`` messages, system text included.

    ``tools`` are its tools, the calls of them and the results, each as JSON: no provider spells them at more length.
    ``pictures`` are widths and heights in pixels; each has words around it as a message has.
    """
    parts = len(messages) + len(pictures)
    overhead = REQUEST_OVERHEAD_TOKENS[provider] + MESSAGE_OVERHEAD_TOKENS[provider] * parts
    overhead += sum(picture_bound(provider, *size) for size in pictures)
    if tools:
        overhead += TOOLS_OVERHEAD_TOKENS[provider] + TOOL_OVERHEAD_TOKENS[provider] * len(tools)
    return overhead + sum(_size(text) for _, text in messages) + sum(map(_size, tools))


def likely_tokens(text: str) -> int:
    """An estimate of the tokens of a text, for showing a likely price. At least 1 for any text that is not empty."""
    return -(-_size(text) // LIKELY_BYTES_PER_TOKEN)


def _size(text: str) -> int:
    # A lone surrogate is sent as U+FFFD, which is three bytes long as well.
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
