"""OpenAI's embeddings: unit vectors in which texts that share words lie near each other.

The same text always has the same vector (https://platform.openai.com/docs/api-reference/embeddings).
"""

import base64
import hashlib
import math
import re
import sys
from array import array
from typing import Any

from projectloom.sandbox.bodies import as_list
from projectloom.sandbox.openai_content import OpenAIFault
from projectloom.sandbox.openai_prompt import read_model, unknown_model
from projectloom.sandbox.tokenizer import count_tokens

DIMENSIONS = {"text-embedding-3-small": 1_536, "text-embedding-3-large": 3_072, "text-embedding-ada-002": 1_536}
MAX_INPUTS = 2_048
MAX_INPUT_TOKENS = 8_192
MAX_TOTAL_TOKENS = 300_000

_WORD = re.compile(r"\w+")
_TEXT_WEIGHT = 0.25


def embed(body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request body. Raises :class:`OpenAIFault` with the parameter that is wrong."""
    model = read_model(body)
    if model not in DIMENSIONS:
        raise unknown_model(model)
    size = body.get("dimensions", DIMENSIONS[model])
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= DIMENSIONS[model]:
        raise OpenAIFault(f"Invalid 'dimensions': must be 1 to {DIMENSIONS[model]}.", param="dimensions")
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise OpenAIFault("Invalid 'encoding_format': must be 'float' or 'base64'.", param="encoding_format")
    texts, tokens = _inputs(body.get("input"))
    data = [
        {"object": "embedding", "index": index, "embedding": _written(_vector(text, size), encoding)}
        for index, text in enumerate(texts)
    ]
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _inputs(value: object) -> tuple[list[str], int]:
    """The texts to embed and their tokens. A list of token ids counts one each and is read as its numbers."""
    given = [value] if isinstance(value, str) or _tokens(value) else as_list(value)
    if given is None or not 1 <= len(given) <= MAX_INPUTS:
        raise OpenAIFault(f"'input' must be a text or a list of 1 to {MAX_INPUTS} texts.", param="input")
    texts: list[str] = []
    total = 0
    for item in given:
        if isinstance(item, str) and item:
            text, tokens = item, count_tokens(item)
        elif numbers := _tokens(item):
            text, tokens = " ".join(map(str, numbers)), len(numbers)
        else:
            raise OpenAIFault("'input' must hold texts that are not empty, or lists of tokens.", param="input")
        if tokens > MAX_INPUT_TOKENS:
            raise OpenAIFault(
                f"This model's maximum context length is {MAX_INPUT_TOKENS} tokens; {tokens} were given.", param="input"
            )
        texts.append(text)
        total += tokens
    if total > MAX_TOTAL_TOKENS:
        raise OpenAIFault(f"At most {MAX_TOTAL_TOKENS} tokens can be embedded at once.", param="input")
    return texts, total


def _tokens(value: object) -> list[int]:
    """A list of token ids, or an empty one if the value is something else."""
    items = as_list(value) or []
    return items if all(type(item) is int and item >= 0 for item in items) else []


def _vector(text: str, size: int) -> "array[float]":
    """Each word adds to places that its hash names; the whole text adds a little of its own, so that none is zero."""
    sums = [0.0] * size
    for word in _WORD.findall(text.lower()):
        _add(sums, word, 1.0)
    _add(sums, f"\0{text}", _TEXT_WEIGHT)
    length = math.sqrt(math.fsum(value * value for value in sums)) or 1.0
    return array("f", (value / length for value in sums))


def _add(sums: list[float], word: str, weight: float) -> None:
    digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
    for place in range(0, len(digest), 4):
        number = int.from_bytes(digest[place : place + 4], "big")
        sums[(number >> 1) % len(sums)] += weight if number & 1 else -weight


def _written(vector: "array[float]", encoding: str) -> list[float] | str:
    if encoding == "float":
        return list(vector)
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode("ascii")
