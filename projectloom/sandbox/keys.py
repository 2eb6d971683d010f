"""Which API keys the model stand-ins take.

The operator's sandbox key, and anything that looks like a person's own key. A key that contains ``invalid`` is refused,
so that what a wrong key looks like can be shown.
"""

from fastapi import Request


def sent_key(request: Request) -> str:
    """The key of a request, from ``x-api-key`` or ``Authorization: Bearer``; empty if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return request.headers.get("x-api-key", "").strip() or (token.strip() if scheme.lower() == "bearer" else "")


def accepted(key: str, *, operator_key: str | None) -> bool:
    """Whether the stand-in serves this key."""
    return key == operator_key or (key.startswith("sk-") and "invalid" not in key.lower())
