"""The mailbox: where mails go when no mail server is configured, and the page that shows them.

The product posts each mail as JSON; one that comes again, because its sender did not hear the answer, is kept once.
"""

import html
import json
import re
import sqlite3
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, ValidationError

from projectloom.config import Settings
from projectloom.sandbox import store
from projectloom.sandbox.control_door import ControlDoor, bad_request
from projectloom.sandbox.page_shell import respond
from projectloom.sandbox.store import Store

MAILS_SHOWN = 100
_LINK = re.compile(r"(https?://\S+)")


class Letter(BaseModel):
    """One mail as it is posted."""

    id: str = Field(pattern=r"^mail_\w{1,60}$")
    to: str = Field(max_length=320)
    kind: str = Field(max_length=40)
    subject: str = Field(max_length=1_000)
    body: str = Field(max_length=20_000)
    created: int
    """Seconds since 1970."""


def mailbox_router(settings: Settings, kept: Store) -> APIRouter:
    """The page at ``/mailbox``, and ``/mailbox/api`` which takes mails in."""
    router = APIRouter()
    door = ControlDoor(settings, kept, lambda: None)

    @router.get("")
    async def show() -> Response:
        return respond(_page(await door.do(_newest)))

    @router.post("/api")
    async def take(request: Request) -> Response:
        try:
            letter = Letter.model_validate_json(await door.body(request))
        except ValidationError as error:
            raise bad_request(error) from None
        await door.do(lambda db: _keep(db, letter))
        return Response(json.dumps({"id": letter.id}), media_type="application/json")

    return router


def _keep(db: sqlite3.Connection, letter: Letter) -> None:
    if store.find(db, "mail", letter.id) is None:
        store.insert(db, {"object": "mail", **letter.model_dump()})


def _newest(db: sqlite3.Connection) -> list[dict[str, Any]]:
    return [one.body for one in store.newest(db, "mail", where="1", values=(), before=None, limit=MAILS_SHOWN)]


def _page(mails: list[dict[str, Any]]) -> tuple[str, str]:
    letters = "".join(map(_letter, mails)) or '<section class="card"><p>No mail has come yet.</p></section>'
    return (
        "Mailbox",
        f"""<main class="single"><header><h2>Mailbox</h2>
<p class="quiet">What people would have got by e-mail, newest first. <a href="control">Sandbox control</a></p></header>
{letters}</main>""",
    )


def _letter(mail: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(mail["created"], UTC)
    return f"""<article class="card"><h1>{html.escape(mail["to"])}</h1>
<h2>{html.escape(mail["subject"])}</h2><div class="letter">{_linked(mail["body"].strip())}</div>
<p class="quiet">{moment.day} {moment:%B %Y, %H:%M} UTC · {html.escape(mail["kind"].replace("_", " "))}</p></article>"""


def _linked(text: str) -> str:
    """The text, escaped, with its web addresses as links."""
    # Splitting by a group gives text and addresses in turn.
    parts = [html.escape(part) for part in _LINK.split(text)]
    return "".join(f'<a href="{part}">{part}</a>' if at % 2 else part for at, part in enumerate(parts))
