"""What the page's list of conversations reads: a list by pages, and a search. For the person alone, never for a key."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.identity import person_of
from projectloom.db import in_thread
from projectloom.errors import InvalidInput
from projectloom.workspace.chats import ConversationView, Shelf, read_page, search

_MOST_DIGITS = 9

router = APIRouter(prefix="/api/workspace/conversations")


@router.get("")
async def get_page(request: Request) -> JSONResponse:
    """``?shelf=main|archive|trash&after=…&size=…`` → ``{"pinned": […], "rows": […], "more": "…"}``.

    ``more`` is the next page's ``after``, empty on the last. A row has ``id``, ``title``, ``moment`` (when it was used,
    or deleted), ``pinned`` and ``archived``.
    """
    person = await person_of(request)
    asked = request.query_params
    name = asked.get("shelf", Shelf.MAIN)
    if name not in set(Shelf):
        raise InvalidInput(f"shelf must be one of {', '.join(Shelf)}.")
    size = _size_in(asked.get("size", str(limits.CONVERSATIONS_PAGE)))
    page = await in_thread(read_page, person.user_id, Shelf(name), asked.get("after", ""), size=size)
    rows = {"pinned": [_row(view) for view in page.pinned], "rows": [_row(view) for view in page.rows]}
    return _private(rows | {"more": page.more})


@router.get("/search")
async def get_found(request: Request) -> JSONResponse:
    """``?q=words`` → ``{"found": […]}``, each with the names of :class:`projectloom.workspace.chats.Found`."""
    person = await person_of(request)
    found = await in_thread(search, person.user_id, request.query_params.get("q", ""))
    return _private({"found": [asdict(one) for one in found]})


def _size_in(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise InvalidInput("size must be a whole number.")
    return int(text)


def _row(view: ConversationView) -> dict[str, object]:
    return {
        "id": view.id,
        "title": view.title,
        "moment": (view.deleted_at or view.updated_at).isoformat(),
        "pinned": view.pinned,
        "archived": view.archived,
    }


def _private(values: Mapping[str, object]) -> JSONResponse:
    return JSONResponse(values, headers={"Cache-Control": "no-store"})
