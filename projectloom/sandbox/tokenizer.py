"""How the stand-ins count tokens: four UTF-8 bytes a token, rounded up.

No text has more tokens than bytes, which is the bound that the meter relies on for real models, and equal text always
has equal tokens, so that a stream's usage can be checked against the text it carried.
"""

BYTES_PER_TOKEN = 4
MESSAGE_OVERHEAD_TOKENS = 4
REQUEST_OVERHEAD_TOKENS = 3


def encode(text: str) -> bytes:
    """The text as whole tokens: its UTF-8 bytes padded with zeros to a multiple of four.

    A lone surrogate, which JSON can carry and UTF-8 cannot, counts as one replacement character.
    """
    raw = text.encode("utf-8", "replace")
    return raw + b"\0" * (-len(raw) % BYTES_PER_TOKEN)


def count_tokens(text: str) -> int:
    """Tokens of a text."""
    return len(encode(text)) // BYTES_PER_TOKEN


def first_tokens(text: str, tokens: int) -> str:
    """The longest beginning of the text that takes at most that many tokens, never cutting a character in two."""
    return text.encode("utf-8", "replace")[: max(tokens, 0) * BYTES_PER_TOKEN].decode("utf-8", "ignore")
