"""The mock provider's answers, rendered once: OpenAI's and Anthropic's streams as they are published, byte for byte.

A stream is a list of HTTP chunks, one for each event, because that is how a provider sends them. The text of a reply
begins with :data:`FIRST_WORD` and ends with :data:`LAST_WORD`, so that whoever reads it, in whatever format it was
relayed, can tell when the first token came and whether the last one did.

Formats: https://platform.openai.com/docs/api-reference/chat-streaming and
https://docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

import json
from functools import lru_cache

FIRST_WORD = "Once"
LAST_WORD = "evermore."
DEFAULT_CHUNKS = 50
INPUT_TOKENS = 20
EMBEDDING_SIZE = 256

_WORDS = (" upon", " a", " time", " there", " was", " a", " quiet", " river", " under", " the", " hills,", " and")


def words_of(chunks: int) -> list[str]:
    """The pieces of a reply of so many content chunks, at least two."""
    middle = [_WORDS[number % len(_WORDS)] for number in range(max(chunks - 2, 0))]
    return [FIRST_WORD, *middle, " " + LAST_WORD]


@lru_cache(maxsize=64)
def openai_stream(model: str, chunks: int, *, with_usage: bool) -> tuple[bytes, ...]:
    """A streamed chat completion: content chunks, the finish chunk, the usage chunk if asked for, ``[DONE]``."""
    pieces = words_of(chunks)
    events = [_openai_event(model, {"role": "assistant", "content": pieces[0]})]
    events += [_openai_event(model, {"content": piece}) for piece in pieces[1:]]
    events.append(_openai_event(model, {}, finish="stop"))
    if with_usage:
        events.append(_chunk(f"data: {json.dumps(_openai_head(model) | {'choices': [], 'usage': _usage(chunks)})}\n\n"))
    return (*events, _chunk("data: [DONE]\n\n"))


@lru_cache(maxsize=64)
def openai_answer(model: str, chunks: int) -> bytes:
    """A chat completion that is not streamed, as its JSON body."""
    message = {"role": "assistant", "content": "".join(words_of(chunks)), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {**_openai_head(model), "object": "chat.completion", "choices": [choice], "usage": _usage(chunks)}
    return json.dumps(body).encode()


@lru_cache(maxsize=64)
def openai_embeddings(model: str, texts: int) -> bytes:
    """The vectors of so many texts, all alike."""
    vector = [0.0625] * EMBEDDING_SIZE
    data = [{"object": "embedding", "index": number, "embedding": vector} for number in range(texts)]
    usage = {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS}
    return json.dumps({"object": "list", "data": data, "model": model, "usage": usage}).encode()


@lru_cache(maxsize=64)
def anthropic_stream(model: str, chunks: int) -> tuple[bytes, ...]:
    """A streamed message, from ``message_start`` to ``message_stop``."""
    start = {"type": "message_start", "message": _message(model, [], 1, None)}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in words_of(chunks)
    ]
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": chunks},
    }
    events = (start, block, *deltas, {"type": "content_block_stop", "index": 0}, end, {"type": "message_stop"})
    return tuple(_chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n") for event in events)


@lru_cache(maxsize=64)
def anthropic_answer(model: str, chunks: int) -> bytes:
    """A message that is not streamed, as its JSON body."""
    text = {"type": "text", "text": "".join(words_of(chunks))}
    return json.dumps(_message(model, [text], chunks, "end_turn")).encode()


def _openai_head(model: str) -> dict[str, object]:
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": model}
    return {**head, "service_tier": "default", "system_fingerprint": "fp_bench"}


def _openai_event(model: str, delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _chunk(f"data: {json.dumps(_openai_head(model) | {'choices': [choice], 'usage': None})}\n\n")


def _usage(chunks: int) -> dict[str, object]:
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": chunks,
        "total_tokens": INPUT_TOKENS + chunks,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _message(model: str, content: list[dict[str, str]], output: int, reason: str | None) -> dict[str, object]:
    usage = {
        "input_tokens": INPUT_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
    }
    head = {"id": "msg_bench", "type": "message", "role": "assistant", "model": model, "content": content}
    return {**head, "stop_reason": reason, "stop_sequence": None, "usage": usage}


def _chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%b\r\n" % (len(data), data)
