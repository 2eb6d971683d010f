"""Sign-up, sign-in and sign-out over HTTP; the pages use these routes too, since only HTTP can set the cookie."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.bodies import read_object, text_of
from projectloom.api.identity import check_origin, clear_session_cookie, set_session_cookie, token_of
from projectloom.db import in_sign_in_thread, in_thread
from projectloom.errors import InvalidInput
from projectloom.workspace.identity import SignedIn, demo_sign_in, sign_in, sign_out, sign_up

router = APIRouter(prefix="/api/auth")


@router.post("/sign-up")
async def post_sign_up(request: Request) -> JSONResponse:
    """``{"email", "password"}`` → ``{"token"}`` and the session cookie."""
    email, password = await _credentials(request)
    return _answer(await in_sign_in_thread(sign_up, email, password))


@router.post("/sign-in")
async def post_sign_in(request: Request) -> JSONResponse:
    """``{"email", "password"}`` → ``{"token"}`` and the session cookie."""
    email, password = await _credentials(request)
    return _answer(await in_sign_in_thread(sign_in, email, password))


@router.post("/demo")
async def post_demo(request: Request) -> JSONResponse:
    """Sign in the sandbox's demonstration user; 404 where there is no sandbox."""
    check_origin(request)
    return _answer(await in_thread(demo_sign_in))


@router.post("/sign-out")
async def post_sign_out(request: Request) -> JSONResponse:
    """End the session that the request carries, and take the cookie away."""
    await in_thread(sign_out, token_of(request))
    response = JSONResponse({"ok": True})
    clear_session_cookie(response)
    return response


async def _credentials(request: Request) -> tuple[str, str]:
    check_origin(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    password = values.get("password")
    if not isinstance(password, str):
        raise InvalidInput("password must be a text.")
    return text_of(values, "email", limit=limits.MAX_EMAIL_CHARS), password


def _answer(signed_in: SignedIn) -> JSONResponse:
    response = JSONResponse({"token": signed_in.token})
    set_session_cookie(response, signed_in.token)
    return response
