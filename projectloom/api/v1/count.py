"""``POST /v1/messages/count_tokens``: the provider's own count of a prompt, which is free. No turn, no hold."""

from starlette.requests import Request
from starlette.responses import Response

from projectloom import limits
from projectloom.api.bodies import read_bytes
from projectloom.api.chat import own_keys_of
from projectloom.api.gate import caller_for
from projectloom.api.v1.envelopes import refused
from projectloom.api.v1.relay import headers_for, read_wire
from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.requests import TurnRequest
from projectloom.metering.wire_counting import count_as_asked, counting_call
from projectloom.providers.reach import check_links
from projectloom.rates import Act
from projectloom.workspace.api_keys import Scope


async def count_tokens(request: Request) -> Response:
    """The provider's answer, as it is."""
    funding: str | None = None
    try:
        caller = await caller_for(request, Act.PROGRAM, scope=Scope.GENERATE)
        raw = await read_bytes(request, limit=limits.MAX_WIRE_BODY_BYTES)
        wire = await read_wire("/messages/count_tokens", raw, headers_for(request, "anthropic"))
        await check_links(wire, inside=settings().is_operators("anthropic"))
        call, funding = await in_thread(
            counting_call,
            TurnRequest(
                user_id=caller.user_id,
                model=wire.model,
                messages=(),
                kept=False,
                own_keys=own_keys_of(request),
                api_key_id=caller.api_key_id,
                wire=wire,
            ),
        )
        counted = await count_as_asked(call)
    except LoomError as error:
        return refused(error, "anthropic", funding=funding)
    return Response(counted, 200, {}, "application/json")
