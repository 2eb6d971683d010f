"""The files of messages over HTTP: taken in as they are dropped, and given out to their owner alone.

What is given out never runs: its type is the one its bytes have, no browser may guess another, pictures alone are shown
in place, and a text is a download whatever it holds.
"""

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from projectloom import limits
from projectloom.api.bodies import id_of, read_bytes
from projectloom.api.gate import person_for
from projectloom.api.identity import caller_of, person_of
from projectloom.attached import Attached, limits_in_words
from projectloom.db import in_thread
from projectloom.errors import InvalidInput, TooLarge
from projectloom.rates import Act
from projectloom.texts import is_storable
from projectloom.workspace.api_keys import Scope
from projectloom.workspace.attachments import forget_file, keep_file, open_file

router = APIRouter(prefix="/api")


@router.post("/attachments")
async def post_attachment(request: Request) -> JSONResponse:
    """``?name=`` and the file as the body → ``{"id", "name", "mediaType", "bytes", "width", "height"}``.

    It waits for the message that will have it. What it is is told from its bytes.
    """
    person = await person_for(request, Act.UPLOAD)
    name = request.query_params.get("name", "")
    if not is_storable(name):
        raise InvalidInput("The file's name is not valid text.")
    try:
        data = await read_bytes(request, limit=max(limits.MAX_PICTURE_BYTES, limits.MAX_TEXT_FILE_BYTES))
    except TooLarge:
        raise TooLarge(f"That file is too large. {limits_in_words()}") from None
    return JSONResponse((await in_thread(keep_file, person.user_id, name, data)).values(), 201)


@router.get("/attachments/{file_id}")
async def get_attachment(request: Request, file_id: str) -> Response:
    """The file itself; 404 for what is somebody else's."""
    caller = await caller_of(request, scope=Scope.READ)
    file = await in_thread(open_file, caller.user_id, id_of(file_id))
    headers = _safe_headers(file)
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(None, 304, headers)
    return Response(file.data, media_type=_shown_type(file), headers=headers)


@router.delete("/attachments/{file_id}")
async def delete_attachment(request: Request, file_id: str) -> Response:
    """Take a file out of a draft. One that a message has stays."""
    person = await person_of(request)
    await in_thread(forget_file, person.user_id, id_of(file_id))
    return Response(None, 204)


def _shown_type(file: Attached) -> str:
    return file.media_type if file.is_picture else "text/plain; charset=utf-8"


def _safe_headers(file: Attached) -> dict[str, str]:
    place = "inline" if file.is_picture else "attachment"
    return {
        "content-disposition": f"{place}; filename*=UTF-8''{quote(file.name, safe='')}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        # Kept by the browser, and asked about each time: whoever signs in after somebody sees nothing of theirs.
        "cache-control": "private, no-cache",
        "etag": f'"{file.digest}"',
    }
