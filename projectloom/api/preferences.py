"""``GET`` and ``PUT /api/preferences``: the stored mode that every call obeys."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.bodies import read_object
from projectloom.api.identity import person_of
from projectloom.db import in_thread
from projectloom.workspace.preferences import read_preferences, set_api_key_mode

router = APIRouter(prefix="/api/preferences")


@router.get("")
async def get_preferences(request: Request) -> JSONResponse:
    """``{"apiKeyMode": "own" | "credits"}``."""
    person = await person_of(request)
    preferences = await in_thread(read_preferences, person.user_id)
    return JSONResponse({"apiKeyMode": preferences.api_key_mode})


@router.put("")
async def put_preferences(request: Request) -> JSONResponse:
    """``{"apiKeyMode": "own" | "credits"}`` → the same, stored."""
    person = await person_of(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    preferences = await in_thread(set_api_key_mode, person.user_id, values.get("apiKeyMode"))
    return JSONResponse({"apiKeyMode": preferences.api_key_mode})
