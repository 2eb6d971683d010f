"""What machines ask a server: is it alive, is it ready, and how is it.

``/healthz`` says that the process answers, whatever the database does: a restart would not mend that. ``/readyz`` says
whether to send people here. ``/metrics`` is the operator's alone: with ``METRICS_TOKEN`` for whoever shows it, without
one for programs on this machine that speak to it directly and by a name of this machine, which no public site has: a
proxy beside it may not say for whom it speaks.
"""

import hmac
import ipaddress
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from projectloom.api.metrics import CONTENT_TYPE, exposition
from projectloom.config import settings
from projectloom.errors import NotFound, Unauthorized
from projectloom.operating.readiness import readiness

router = APIRouter(include_in_schema=False)

_UNKEPT = {"cache-control": "no-store"}
# What a proxy says about whom it speaks for.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/healthz")
async def healthz() -> JSONResponse:
    """The process is alive."""
    return JSONResponse({"alive": True}, headers=_UNKEPT)


@router.get("/readyz")
async def readyz() -> JSONResponse:
    """200 when people can be served here, else 503 with the parts that are missing."""
    troubles = await readiness.troubles()
    return JSONResponse(
        {"ready": not troubles, "troubles": troubles}, status_code=503 if troubles else 200, headers=_UNKEPT
    )


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """This process's counters and what all servers share, as Prometheus reads them."""
    _check(request)
    return Response(await exposition(), media_type=CONTENT_TYPE, headers=_UNKEPT)


def _check(request: Request) -> None:
    """Raises Unauthorized without the token where there is one, else NotFound for who is not of this machine."""
    token = settings().metrics_token
    if token is not None:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        wanted = token.get_secret_value().encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), wanted):
            raise Unauthorized
    elif not _from_here(request):
        raise NotFound("There is no such route.")


def _from_here(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    return _is_loopback(request.client.host) and _names_this_machine(request.headers.get("host", ""))


def _names_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
