"""What a fault does in place of an answer, before it, and to one that is not streamed, for both model stand-ins.

What happens inside a stream is in :mod:`projectloom.sandbox.server_events`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from projectloom.sandbox import provider_faults
from projectloom.sandbox.broken_connections import ConnectionDroppedError, NoAnswer, reset
from projectloom.sandbox.pace import Pace
from projectloom.sandbox.provider_faults import Provider, Taken, Trouble
from projectloom.sandbox.store import Store

OVERLOADED = 529
_HTML = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)

MakeError = Callable[[int, str], Response]


async def take_fault(store: Store, *, provider: Provider, model: str, text: str) -> Taken:
    """The fault that is armed for a request, used up by it."""

    def run() -> Taken:
        with store.transaction() as db:
            return provider_faults.take(db, provider=provider, model=model, text=text)

    return await run_in_threadpool(run)


def answering_model(asked: str, fault: Taken, *, others: Sequence[str]) -> str:
    """The model that answers: the one asked for, or another where the fault is of that kind."""
    if not fault.has(Trouble.OTHER_MODEL):
        return asked
    return fault.sure().answers_as or next(name for name in others if name != asked)


async def in_place_of_an_answer(fault: Taken, *, stream: bool, error: MakeError) -> Response | None:
    """What comes instead of an answer, if the fault is of that kind; a slow first byte is waited for here.

    ``error`` makes the provider's own answer of a status and a code; the usual code of the status if it is empty.
    """
    if fault.asked is None:
        return None
    asked = fault.asked
    match asked.kind:
        case Trouble.STATUS:
            answer = error(asked.status, asked.code)
            if asked.retry_after is not None:
                answer.headers["retry-after"] = str(asked.retry_after)
            return answer
        case Trouble.ERROR_EVENT if not stream:
            return error(OVERLOADED, asked.code)
        case Trouble.HTML_502:
            return Response(_HTML, 502, media_type="text/html")
        case Trouble.NOT_JSON:
            return Response("upstream said nothing useful {", 200, media_type="application/json")
        case Trouble.NO_ANSWER:
            await asyncio.sleep(asked.seconds)
            return NoAnswer()
        case Trouble.SLOW_FIRST_BYTE:
            await asyncio.sleep(asked.seconds)
        case _:
            pass
    return None


async def unstreamed(
    body: dict[str, Any], tokens: int, pace: Pace, fault: Taken, headers: Mapping[str, str]
) -> Response:
    """A whole answer after the time that saying it takes, with what a fault makes of it."""
    seconds = pace.first_token_seconds + tokens / pace.tokens_per_second
    if fault.has(Trouble.STALL):
        seconds += fault.sure().seconds
    if fault.has(Trouble.DRIP):
        seconds = fault.sure().seconds * tokens
    await asyncio.sleep(seconds)
    raw = json.dumps(body).encode("ascii")
    if fault.has(Trouble.CUT, Trouble.RESET, Trouble.BAD_JSON):
        after = fault.sure().after_bytes
        kept = raw[: len(raw) // 2 if after is None else min(after, len(raw) - 1)]
        if fault.has(Trouble.RESET):
            return _Broken(kept, len(raw), headers)
        raw = kept
    return Response(raw, 200, dict(headers), "application/json")


class _Broken(Response):
    """The beginning of an answer, and then a reset connection."""

    def __init__(self, beginning: bytes, size: int, headers: Mapping[str, str]) -> None:
        super().__init__(beginning, 200, {**headers, "content-length": str(size)}, "application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send less than was promised."""
        del receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            await reset(scope)
        except ConnectionDroppedError:
            return
