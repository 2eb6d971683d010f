"""What the OpenAPI document says of request bodies and questions: routes read and check them by themselves."""

from typing import Any

from fastapi import FastAPI

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_WHOLE = {"type": "integer"}
_CHOICE = {"type": "boolean"}
_MESSAGE = {
    "type": "object",
    "properties": {"role": {"enum": ["system", "user", "assistant"]}, "content": _TEXT},
    "required": ["role", "content"],
}
_CREDENTIALS = {"email": _TEXT, "password": _TEXT}
_DOLLARS = {"type": ["integer", "null"]}

# The fields of each JSON body. A route that takes one and is missing here fails a test.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/api/auth/sign-up"): _CREDENTIALS,
    ("post", "/api/auth/sign-in"): _CREDENTIALS,
    ("post", "/api/auth/forgot-password"): {"email": _TEXT},
    ("post", "/api/auth/reset-password"): {"token": _TEXT, "password": _TEXT},
    ("post", "/api/auth/confirm-email"): {"token": _TEXT, "password": _TEXT},
    ("put", "/api/preferences"): {"apiKeyMode": {"enum": ["own", "credits"]}},
    ("post", "/api/keys"): {
        "name": _TEXT,
        "limits": {"type": "object", "properties": {"day": _NUMBER, "month": _NUMBER, "total": _NUMBER}},
        "scopes": {"type": "array", "items": _TEXT},
    },
    ("post", "/api/credits/redeem"): {"code": _TEXT},
    ("post", "/api/stripe/create-checkout"): {"amount": {"enum": [10, 25, 50, 100]}, "customAmount": _WHOLE},
    ("put", "/api/auto-top-up"): {"enabled": _CHOICE, "threshold": _WHOLE, "amount": _WHOLE, "monthlyCeiling": _WHOLE},
    ("put", "/api/caps"): {"day": _DOLLARS, "month": _DOLLARS, "conversation": _DOLLARS},
    ("post", "/api/chat"): {
        "messages": {"type": "array", "items": _MESSAGE},
        "model": _TEXT,
        "id": _TEXT,
        "conversationId": _TEXT,
        "maxTokens": _WHOLE,
        "clientRequestId": _TEXT,
        "trigger": _TEXT,
    },
    ("post", "/api/summarize"): {"conversationId": _TEXT, "text": _TEXT, "model": _TEXT, "maxTokens": _WHOLE},
    ("post", "/api/embeddings"): {"input": {"type": ["string", "array"], "items": _TEXT}, "model": _TEXT},
    ("post", "/api/agent"): {"task": _TEXT, "model": _TEXT, "budgetUsd": _NUMBER, "clientRequestId": _TEXT},
    ("post", "/api/agent/{run_id}/proposals/{proposal_id}"): {"decision": {"enum": ["confirm", "decline"]}},
    ("post", "/api/conversations/import"): {
        "format": _TEXT,
        "version": _WHOLE,
        "title": _TEXT,
        "messages": {"type": "array", "items": _MESSAGE},
    },
}
# What may stand behind the question mark.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "/api/statement": ("kind", "since", "until", "before"),
    "/api/statement.csv": ("kind", "since", "until"),
    "/api/activity.csv": ("range", "since", "until", "on", "model", "source", "key", "payer", "conversation"),
    "/api/usage": ("before", "source"),
    "/api/caps": ("conversationId",),
    "/api/conversations": ("q", "before", "limit"),
    "/api/conversations/{conversation_id}": ("after",),
    "/api/conversations/{conversation_id}/export": ("format",),
    "/api/workspace/conversations": ("shelf", "after", "size"),
    "/api/workspace/conversations/search": ("q",),
}
# Writes that take no JSON: events that are signed as they came, and files.
WITHOUT_BODY = frozenset({"/api/stripe/webhook", "/api/clerk/webhook", "/api/attachments"})


def describe(app: FastAPI) -> None:
    """Make the application's document tell of bodies and questions."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                fields = BODIES.get((method, path))
                if fields is not None and "requestBody" not in operation:
                    schema = {"type": "object", "properties": fields}
                    operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
                if method == "get":
                    told = operation.setdefault("parameters", [])
                    there = {one["name"] for one in told}
                    asked = [name for name in QUESTIONS.get(path, ()) if name not in there]
                    told += [{"name": name, "in": "query", "required": False, "schema": _TEXT} for name in asked]
        return document

    app.openapi = openapi
