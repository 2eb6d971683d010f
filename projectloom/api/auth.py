"""Sign-up, sign-in, sign-out and links in mails; the pages use these routes too, since only HTTP can set the cookie."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from projectloom import limits
from projectloom.api.bodies import read_object, text_of
from projectloom.api.gate import address_of
from projectloom.api.identity import clear_session_cookie, set_session_cookie, token_of
from projectloom.db import in_sign_in_thread, in_thread
from projectloom.errors import InvalidInput
from projectloom.rates import Act, count
from projectloom.workspace.account_links import ask_reset, can_reset, confirm_email, reset_password
from projectloom.workspace.devices import device_of
from projectloom.workspace.identity import SignedIn, demo_sign_in, identify, sign_in, sign_out, sign_up

router = APIRouter(prefix="/api/auth")


@router.post("/sign-up")
async def post_sign_up(request: Request) -> JSONResponse:
    """``{"email", "password"}`` → ``{"token"}`` and the session cookie."""
    email, password = await _credentials(request, Act.SIGN_UP)
    return _answer(await in_sign_in_thread(sign_up, email, password, _device(request)))


@router.post("/sign-in")
async def post_sign_in(request: Request) -> JSONResponse:
    """``{"email", "password"}`` → ``{"token"}`` and the session cookie."""
    email, password = await _credentials(request, Act.SIGN_IN)
    return _answer(await in_sign_in_thread(sign_in, email, password, _device(request), network=address_of(request)))


@router.post("/demo")
async def post_demo(request: Request) -> JSONResponse:
    """Sign in the sandbox's demonstration user; 404 where there is no sandbox."""
    await count(Act.SIGN_IN, address=address_of(request))
    return _answer(await in_thread(demo_sign_in, _device(request)))


@router.post("/sign-out")
async def post_sign_out(request: Request) -> JSONResponse:
    """End the session that the request carries, and take the cookie away."""
    await in_thread(sign_out, token_of(request))
    response = JSONResponse({"ok": True})
    clear_session_cookie(response)
    return response


@router.post("/forgot-password")
async def post_forgot_password(request: Request) -> JSONResponse:
    """``{"email"}`` → ``{"ok": true}``, whoever has that address: a link is sent where there is an account."""
    await count(Act.SIGN_IN, address=address_of(request))
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    email = can_reset(text_of(values, "email", limit=limits.MAX_EMAIL_CHARS))
    # After the answer, so that not even its time tells whether there is such an account.
    return JSONResponse({"ok": True}, background=BackgroundTask(in_thread, ask_reset, email))


@router.post("/reset-password")
async def post_reset_password(request: Request) -> JSONResponse:
    """``{"token", "password"}`` → whose password it is now, and what ended with the old one. 410: the link is over.

    Every session of the person ends. ``signedInAs`` is somebody else who stays signed in here.
    """
    await count(Act.SIGN_IN, address=address_of(request))
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    secret, password = text_of(values, "token", limit=limits.MAX_LINK_CHARS), values.get("password")
    if not isinstance(password, str):
        raise InvalidInput("password must be a text.")
    done = await in_sign_in_thread(reset_password, secret, password)
    person = await in_thread(identify, token_of(request))
    return JSONResponse(
        {
            "ok": True,
            "email": done.email,
            "accessKeysRevoked": done.closed.access_keys,
            "providerKeysDeleted": done.closed.provider_keys,
            "signedInAs": person.email if person else None,
        }
    )


@router.post("/confirm-email")
async def post_confirm_email(request: Request) -> JSONResponse:
    """``{"token", "password"?}`` → ``{"email"}`` that is confirmed from now on. 410 when the link is over.

    ``signedInAs`` is who is signed in here, if anybody.
    Without a session of that account its password is asked for (403, ``account_unproven``).
    """
    await count(Act.SIGN_IN, address=address_of(request))
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    secret = text_of(values, "token", limit=limits.MAX_LINK_CHARS)
    password = values.get("password")
    if password is not None and not isinstance(password, str):
        raise InvalidInput("password must be a text.")
    person = await in_thread(identify, token_of(request))
    run, network = in_sign_in_thread if password else in_thread, address_of(request)
    email = await run(confirm_email, secret, person=person, password=password, network=network)
    return JSONResponse({"email": email, "signedInAs": person.email if person else None})


async def _credentials(request: Request, act: Act) -> tuple[str, str]:
    await count(act, address=address_of(request))
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    password = values.get("password")
    if not isinstance(password, str):
        raise InvalidInput("password must be a text.")
    return text_of(values, "email", limit=limits.MAX_EMAIL_CHARS), password


def _device(request: Request) -> str | None:
    return device_of(request.headers.get("user-agent", ""))


def _answer(signed_in: SignedIn) -> JSONResponse:
    response = JSONResponse({"token": signed_in.token})
    set_session_cookie(response, signed_in.token)
    return response
