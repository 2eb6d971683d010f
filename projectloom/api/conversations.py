"""A person's conversations for programs: listed, read, taken along as files, and brought in from one."""

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse

from projectloom import limits
from projectloom.api.bodies import id_of, read_bytes
from projectloom.api.gate import person_for
from projectloom.api.identity import caller_of, person_of
from projectloom.belongings.bringing import bring_in
from projectloom.belongings.files import file_name, json_file, markdown_file
from projectloom.belongings.reading import Head, Said, cursor, list_heads, read_all, read_head, read_page
from projectloom.belongings.taking import archive
from projectloom.db import in_thread
from projectloom.errors import InvalidInput, TooManyRequests
from projectloom.rates import Act
from projectloom.workspace.api_keys import Scope

router = APIRouter(prefix="/api")

_importing = asyncio.Semaphore(limits.IMPORTS_AT_ONCE)
_arriving = asyncio.Semaphore(limits.IMPORTS_ARRIVING)
_bringing: set[str] = set()
_FILES: dict[str, tuple[Callable[[Head, Iterable[Said]], Iterator[str]], str]] = {
    "json": (json_file, "application/json"),
    "md": (markdown_file, "text/markdown; charset=utf-8"),
}


@router.get("/conversations")
async def get_conversations(request: Request) -> JSONResponse:
    """``?q=&before=&limit=`` → ``{"conversations", "next"}``, the latest first; ``q`` looks in the titles.

    ``next`` is the ``before`` of the next page, and null behind the last.
    """
    caller = await caller_of(request, scope=Scope.READ)
    asked = request.query_params
    most = _limit(asked.get("limit"))
    page = await in_thread(list_heads, caller.user_id, words=asked.get("q", ""), before=asked.get("before"), most=most)
    following = cursor(page[-1]) if len(page) == most else None
    return JSONResponse({"conversations": [head.values() for head in page], "next": following})


@router.get("/conversations/{conversation_id}")
async def get_conversation(request: Request, conversation_id: str) -> JSONResponse:
    """``?after=`` → the conversation with a page of its messages, the oldest first, and ``next``, its last one's id."""
    caller = await caller_of(request, scope=Scope.READ)
    wanted, after = id_of(conversation_id), request.query_params.get("after")
    head = await in_thread(read_head, caller.user_id, wanted)
    page = await in_thread(read_page, caller.user_id, wanted, after=None if after is None else id_of(after))
    following = page[-1].id if len(page) == limits.MESSAGES_PAGE else None
    told = {"instructions": head.instructions}
    return JSONResponse(head.values() | told | {"messages": [said.values() for said in page], "next": following})


@router.get("/conversations/{conversation_id}/export")
async def get_conversation_export(request: Request, conversation_id: str) -> StreamingResponse:
    """``?format=md|json`` → the conversation as a file."""
    caller = await caller_of(request, scope=Scope.READ)
    ending = request.query_params.get("format", "md")
    if ending not in _FILES:
        raise InvalidInput("format must be md or json.")
    head = await in_thread(read_head, caller.user_id, id_of(conversation_id))
    written, media_type = _FILES[ending]
    pieces = written(head, read_all(caller.user_id, head.id, content=ending == "json"))
    return StreamingResponse(pieces, media_type=media_type, headers=_attached(file_name(head.title, ending)))


@router.post("/conversations/import")
async def post_import(request: Request) -> JSONResponse:
    """A file of ours, JSON or the whole archive → ``{"ids", "messages"}`` of the conversations that were made."""
    person = await person_for(request, Act.UPLOAD)
    # Files in memory are few, and no one person's: whoever sends slowly keeps one place, and not for long.
    with _one_at_a_time(person.user_id):
        async with _arriving:
            file = await _file_of(request)
            async with _importing:
                made = await in_thread(bring_in, person.user_id, file)
    return JSONResponse({"ids": list(made.conversation_ids), "messages": made.messages}, 201)


@router.get("/export")
async def get_export(request: Request) -> StreamingResponse:
    """Everything that is the person's, as a ZIP archive."""
    person = await person_of(request)
    headers = _attached("projectloom-export.zip")
    return StreamingResponse(archive(person.user_id), media_type="application/zip", headers=headers)


@contextmanager
def _one_at_a_time(user_id: str) -> Generator[None]:
    if user_id in _bringing:
        raise TooManyRequests("Another file of yours is being brought in. Please wait for it.", retry_after=5)
    _bringing.add(user_id)
    try:
        yield
    finally:
        _bringing.discard(user_id)


async def _file_of(request: Request) -> bytes:
    try:
        async with asyncio.timeout(limits.IMPORT_ARRIVAL_SECONDS):
            return await read_bytes(request, limit=limits.MAX_IMPORT_BYTES)
    except TimeoutError:
        raise InvalidInput("The file took too long to arrive.") from None


def _attached(name: str) -> dict[str, str]:
    return {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }


def _limit(written: str | None) -> int:
    if written is None:
        return limits.LIST_PAGE
    if not written.isascii() or not written.isdecimal() or not 1 <= int(written[:9]) <= limits.LIST_PAGE:
        raise InvalidInput(f"limit must be a whole number between 1 and {limits.LIST_PAGE}.")
    return int(written)
