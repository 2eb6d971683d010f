"""``/api/keys``: a person's own keys for their programs. By session only: a key reaches no other key, nor itself."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.amounts import dollars
from projectloom.api.bodies import id_of, read_object
from projectloom.api.identity import person_of, token_of
from projectloom.db import in_thread
from projectloom.metering.key_caps import KeySpending, spending_of_keys
from projectloom.workspace.api_keys import PersonalKey, create_key, my_keys, revoke_key

router = APIRouter(prefix="/api/keys")


@router.get("")
async def get_keys(request: Request) -> JSONResponse:
    """``{"keys"}``, the latest first, each with its limits, what it spent, and about when it was last used."""
    person = await person_of(request)
    keys = await in_thread(my_keys, person.user_id)
    spent = await in_thread(spending_of_keys, [key.id for key in keys])
    return JSONResponse({"keys": [_values(key) | _spent(spent.get(key.id, KeySpending())) for key in keys]})


@router.post("")
async def post_key(request: Request) -> JSONResponse:
    """``{"name", "limits"?: {"day"?, "month"?, "total"?}, "scopes"?}`` → the key, with its secret this once.

    Limits are dollars: a number, or an exact decimal text, with at most cents.
    """
    person = await person_of(request)
    wanted = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    asked = wanted.get("name"), wanted.get("limits"), wanted.get("scopes")
    made = await in_thread(create_key, person.user_id, *asked, token=token_of(request))
    return JSONResponse(_values(made.key) | {"key": made.secret}, 201, {"Cache-Control": "no-store"})


@router.delete("/{key_id}")
async def delete_key(request: Request, key_id: str) -> Response:
    """Revoke a key for good."""
    person = await person_of(request)
    await in_thread(revoke_key, person.user_id, id_of(key_id))
    return Response(status_code=204)


def _values(key: PersonalKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "limits": {
            name: amount
            for window, nanos in (("day", key.day_nanos), ("month", key.month_nanos), ("total", key.total_nanos))
            if nanos is not None
            for name, amount in dollars(window, nanos).items()
        },
        "scopes": sorted(key.scopes),
        "createdAt": key.created_at.isoformat(),
        "lastUsedAt": key.last_used_at.isoformat() if key.last_used_at else None,
    }


def _spent(spending: KeySpending) -> dict[str, object]:
    return {
        **dollars("spentToday", spending.day_nanos),
        **dollars("spentThisMonth", spending.month_nanos),
        **dollars("spentTotal", spending.total_nanos),
    }
