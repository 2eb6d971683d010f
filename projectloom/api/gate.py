"""How often somebody comes through the HTTP doors: counted as soon as it is known who asks, before anything is read."""

from fastapi import Request

from projectloom.api.identity import caller_of, person_of
from projectloom.rates import Act, count
from projectloom.workspace.api_keys import Caller, Scope
from projectloom.workspace.identity import Person


async def person_for(request: Request, act: Act) -> Person:
    """As :func:`projectloom.api.identity.person_of`, with the act counted. Raises TooManyRequests as well."""
    person = await person_of(request)
    await count(act, user_id=person.user_id, address=address_of(request))
    return person


async def caller_for(request: Request, act: Act, *, scope: Scope) -> Caller:
    """As :func:`projectloom.api.identity.caller_of`, with the act counted. Raises TooManyRequests as well."""
    caller = await caller_of(request, scope=scope)
    await count(act, user_id=caller.user_id, api_key_id=caller.api_key_id, address=address_of(request))
    return caller


def address_of(request: Request) -> str | None:
    """The network address of the client, as :mod:`projectloom.api.front` found it."""
    return request.client.host if request.client else None
