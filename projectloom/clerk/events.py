"""Clerk's events, signed as Standard Webhooks (https://www.standardwebhooks.com), which Svix sends.

The signature is HMAC-SHA256 over ``{id}.{timestamp}.{body}`` with the secret's bytes, in base64 behind ``v1,``. There
may be several of them, and several secrets while one is being replaced.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from projectloom import limits
from projectloom.clerk.people import ClerkPerson, read_person
from projectloom.clock import now
from projectloom.config import settings
from projectloom.errors import InvalidEvent, InvalidSignature, NotFound
from projectloom.texts import is_storable

_DIGITS = re.compile(r"[0-9]{1,12}")


class NewsKind(StrEnum):
    """What we act upon."""

    CHANGED = "user.updated"
    """A person chose another address, or confirmed it."""
    DELETED = "user.deleted"
    """A person is gone."""
    OTHER = "other"
    """Whatever else Clerk tells: kept, and nothing is done."""


@dataclass(frozen=True, slots=True)
class ClerkNews:
    """One event whose signature holds."""

    id: str
    """The sender's id of it, the same each time that it is sent."""
    kind: NewsKind
    clerk_id: str
    """Whom it is about; empty for other events."""
    person: ClerkPerson | None
    """How they are now, where it says."""


def read_news(body: bytes, headers: Mapping[str, str]) -> ClerkNews:
    """The event of one delivery.

    Raises:
        NotFound: no signing secret is set, so none can be believed.
        InvalidSignature: it is not from Clerk, or too old or too new. InvalidEvent: it is, and makes no sense.
    """
    clerk = settings().clerk
    if clerk is None or not clerk.webhook_secrets:
        raise NotFound
    event_id = _signed_id(body, headers, clerk.webhook_secrets)
    try:
        given: Any = json.loads(body)
        kind, data = given["type"], given["data"]
        if kind not in {NewsKind.CHANGED, NewsKind.DELETED}:
            return ClerkNews(event_id, NewsKind.OTHER, "", None)
        clerk_id: Any = cast(dict[str, Any], data)["id"]
        if not isinstance(clerk_id, str) or not 0 < len(clerk_id) <= limits.MAX_ID_CHARS or not is_storable(clerk_id):
            raise InvalidEvent
        person = read_person(data) if kind == NewsKind.CHANGED else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidEvent from error
    return ClerkNews(event_id, NewsKind(kind), clerk_id, person)


def _signed_id(body: bytes, headers: Mapping[str, str], secrets: tuple[str, ...]) -> str:
    named = [headers.get(f"svix-{part}") or headers.get(f"webhook-{part}") or "" for part in ("id", "timestamp")]
    shown = headers.get("svix-signature") or headers.get("webhook-signature") or ""
    event_id, sent = named
    if not 0 < len(event_id) <= limits.MAX_ID_CHARS or not event_id.isascii() or not _DIGITS.fullmatch(sent):
        raise InvalidSignature
    if abs(now().timestamp() - int(sent)) > limits.CLERK_EVENT_SECONDS:
        raise InvalidSignature
    signed = f"{event_id}.{sent}.".encode() + body
    for secret in secrets:
        digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        wanted = b"v1," + base64.b64encode(digest)
        if any(hmac.compare_digest(wanted, one.encode()) for one in shown.split()):
            return event_id
    raise InvalidSignature
