"""A reply's text for this site's own page, with as little around it as server-sent events allow.

Each frame is a piece of text as one JSON string, several tokens at a time; ``trouble`` is said in words, and ``end``
comes once the turn is settled. What it cost the page reads elsewhere.
"""

import json
import logging
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from projectloom.api.bodies import id_of
from projectloom.api.identity import person_of
from projectloom.api.ui_stream import kept_alive
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.receipts import read_receipt
from projectloom.metering.turn import Text, watch_turn

_log = logging.getLogger(__name__)

_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}

router = APIRouter(prefix="/api")


@router.get("/turns/{turn_id}/text")
async def get_turn_text(request: Request, turn_id: str) -> StreamingResponse:
    """Watch the text of a reply from its beginning, whether it runs or has ended."""
    person, turn_id = await person_of(request), id_of(turn_id)
    # Before the stream begins, so that somebody else's turn is answered with its status.
    await in_thread(read_receipt, person.user_id, turn_id)
    return StreamingResponse(_frames(person.user_id, turn_id), media_type="text/event-stream", headers=_HEADERS)


async def _frames(user_id: str, turn_id: str) -> AsyncIterator[str]:
    try:
        async for event in kept_alive(watch_turn(user_id, turn_id)):
            match event:
                case None:
                    yield ":\n\n"
                case Text(text=text):
                    yield f"data:{_spelt(text)}\n\n"
                case _:
                    pass
    except LoomError as error:
        yield f"event:trouble\ndata:{_spelt(error.message)}\n\n"
    except Exception:  # noqa: BLE001 - logged
        # A broken promise of ours: the watching ends in words, and the reply itself goes on.
        _log.exception("a reply could not be watched", extra={"turn_id": turn_id})
        yield f"event:trouble\ndata:{_spelt(LoomError.default_message)}\n\n"
    yield "event:end\ndata:1\n\n"


def _spelt(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
