"""Calling the operator's webhook: one alert as JSON, signed as Standard Webhooks have it.

The signature is over id, time and body, so the receiver can tell that it is ours, new, and not seen before; an alert
that is sent again has the id that it had: https://github.com/standard-webhooks/standard-webhooks.
"""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import urlsplit

import httpx2

from projectloom import limits
from projectloom.config import settings
from projectloom.mails.alerts import WEBHOOK_KEY
from projectloom.mails.models import MailOut
from projectloom.mails.post import PostFailed

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def call_webhook(mail: MailOut) -> None:
    """Hand one alert over; whatever it answers beside a success is none. Call it outside any transaction.

    Raises:
        PostFailed: not this time.
    """
    address, body = settings().alert_webhook_url or "", body_of(mail)
    headers = signed_headers(mail.id, int(time.time()), body)
    try:
        # A redirect could carry the alert to another host, and a proxy is wrong for this machine.
        with (
            httpx2.Client(
                timeout=limits.MAIL_TIMEOUT_SECONDS,
                follow_redirects=False,
                trust_env=urlsplit(address).hostname not in _HERE,
            ) as client,
            # What it answers is not read: its status says enough.
            client.stream("POST", address, content=body, headers=headers) as answer,
        ):
            status, taken = answer.status_code, answer.is_success
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise PostFailed(type(error).__name__, others_may_pass=False) from error
    if not taken:
        raise PostFailed(f"HTTP {status}", others_may_pass=False)


def body_of(mail: MailOut) -> bytes:
    """What is sent of an alert."""
    cause = mail.dedupe_key.removeprefix(WEBHOOK_KEY)
    told = {"cause": cause, "subject": mail.subject, "words": mail.body, "server": settings().public_url}
    return json.dumps({"type": "alert", "timestamp": mail.created_at.isoformat(), "data": told}).encode()


def signed_headers(message_id: str, moment: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows a message; ``moment`` is in seconds since 1970."""
    signed = f"{message_id}.{moment}.".encode() + body
    digest = hmac.new(settings().alert_webhook_key, signed, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "ProjectLoom",
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
