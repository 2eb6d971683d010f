"""The doctor looks at Clerk: whether its public keys are there, and whether the secret key is the same instance's."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from projectloom.config import settings
from projectloom.operating.doctor_clerk import check_clerk

SECRET = "sk_test_of_the_doctor"


@contextmanager
def clerk(public: dict, private: dict) -> Iterator[str]:
    """Something that shows the public keys to everybody, and others to whoever has the secret key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            backend = self.path == "/v1/jwks"
            refused = backend and self.headers.get("authorization") != f"Bearer {SECRET}"
            body = json.dumps(private if backend else public).encode()
            self.send_response(401 if refused else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def keys(*names: str) -> dict:
    return {"keys": [{"kid": name, "kty": "RSA"} for name in names]}


@pytest.mark.parametrize(
    ("public", "private", "changed", "words"),
    [
        (keys("a"), keys("a"), {}, None),
        (keys("a"), keys("b"), {}, "another instance's"),
        (keys(), keys("a"), {}, "nobody can be signed in"),
        ({"no": 1}, keys("a"), {}, "nobody can be signed in"),
        (keys("a"), keys("a"), {"CLERK_SECRET_KEY": "sk_test_another"}, "does not take the secret key"),
        (keys("a"), keys("a"), {"CLERK_JWKS_URL": "http://127.0.0.1:9/jwks"}, "nobody can be signed in"),
        (keys("a"), keys("a"), {"CLERK_API_URL": "http://127.0.0.1:9"}, "did not answer"),
        (keys("a"), keys("a"), {"ADMIN_EMAILS": "ada@example.org"}, "stays an operator"),
    ],
)
async def test_what_is_wrong_with_clerk_is_named_with_how_to_mend_it(
    public: dict, private: dict, changed: dict[str, str], words: str | None, monkeypatch: pytest.MonkeyPatch
):
    with clerk(public, private) as address:
        named = base64.b64encode(b"clerk.example.com$").decode()
        for name, value in {
            "CLERK_PUBLISHABLE_KEY": f"pk_test_{named}",
            "CLERK_SECRET_KEY": SECRET,
            "CLERK_JWKS_URL": f"{address}/.well-known/jwks.json",
            "CLERK_API_URL": address,
            **changed,
        }.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        found = await check_clerk()
    failures = [one for one in found if one.verdict == "failed"]
    if words is None:
        assert failures == []
        assert [one.says for one in found if one.verdict == "ok"] == [
            f"1 public keys at {address}/.well-known/jwks.json",
            "it takes the secret key",
        ]
    else:
        (failure,) = failures
        assert words in failure.says
        assert failure.mend
    assert SECRET not in repr(found)


async def test_local_accounts_need_no_clerk(monkeypatch: pytest.MonkeyPatch):
    (found,) = await check_clerk()
    assert found.verdict == "unused"
