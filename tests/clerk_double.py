"""A stand-in for an instance of Clerk's: its keys, its people, the tokens that it signs, its events, over real HTTP.

Its script (tests/browser/clerk_script.js) does in a page what Clerk's own does, as far as @clerk/clerk-react asks.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

SECRET_KEY = "sk_test_of_the_stand_in"
SIGNING_SECRET = "whsec_" + base64.b64encode(b"the stand-in's own secret").decode()
SCRIPT = Path(__file__).parent / "browser" / "clerk_script.js"
# Making one takes a while, and tests make many instances.
_KEYS: dict[str, RSAKey] = {}


def rsa_key(name: str) -> RSAKey:
    if name not in _KEYS:
        _KEYS[name] = RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})
    return _KEYS[name]


@dataclass
class ClerkDouble:
    """One instance. What it knows may be changed while it answers."""

    port: int = 0
    key: RSAKey = field(default_factory=lambda: rsa_key("ins_1"))
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths that it was asked for, in turn."""
    down: bool = False
    token_seconds: int = 60

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def publishable_key(self) -> str:
        return "pk_test_" + base64.b64encode(f"127.0.0.1:{self.port}$".encode()).decode()

    @property
    def issuer(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server that it signs people in to."""
        return {
            "CLERK_PUBLISHABLE_KEY": self.publishable_key,
            "CLERK_SECRET_KEY": SECRET_KEY,
            "CLERK_WEBHOOK_SIGNING_SECRET": SIGNING_SECRET,
            "CLERK_JWKS_URL": f"{self.url}/.well-known/jwks.json",
            "CLERK_API_URL": self.url,
            "CLERK_JS_URL": f"{self.url}/clerk.js",
        }

    def join(self, clerk_id: str, email: str | None, *, verified: bool = True, at: int = 1) -> dict[str, Any]:
        """Somebody is known to Clerk from now on; Clerk's own form of them."""
        status = "verified" if verified else "unverified"
        addresses = [{"id": "idn_1", "email_address": email, "verification": {"status": status}}] if email else []
        self.people[clerk_id] = {
            "id": clerk_id,
            "object": "user",
            "primary_email_address_id": "idn_1" if email else None,
            "email_addresses": [
                {"id": "idn_0", "email_address": "other@example.org", "verification": None},
                *addresses,
            ],
            "updated_at": at,
        }
        return self.people[clerk_id]

    def enter(self, email: str) -> str:
        """Somebody signs in, or up, on a page; Clerk's id of them."""
        clerk_id = f"user_{hashlib.sha256(email.encode()).hexdigest()[:12]}"
        if clerk_id not in self.people:
            self.join(clerk_id, email)
        return clerk_id

    def claims(self, clerk_id: str, azp: str, /, **changes: Any) -> dict[str, Any]:
        """What a session token of Clerk's says; None takes a claim away."""
        moment = int(time.time())
        claims = {
            "azp": azp,
            "exp": moment + 60,
            "iat": moment,
            "nbf": moment - 10,
            "iss": self.issuer,
            "sid": "sess_1",
            "sub": clerk_id,
            "sts": "active",
            "v": 2,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, clerk_id: str, azp: str, /, *, key: RSAKey | None = None, **changes: Any) -> str:
        """A token as Clerk signs it."""
        signing = key or self.key
        return jwt.encode({"alg": "RS256", "kid": signing.kid}, self.claims(clerk_id, azp, **changes), signing)

    def pem(self) -> str:
        return self.key.as_pem(private=False).decode()

    def forged_with_the_public_key(self, clerk_id: str, azp: str) -> str:
        """HS256, the public key as its secret: taken by a verifier that lets the token choose the algorithm."""
        parts = ({"alg": "HS256", "typ": "JWT", "kid": self.key.kid}, self.claims(clerk_id, azp))
        signed = ".".join(map(_part, parts))
        digest = hmac.new(self.key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_text(digest)}"

    def unsigned(self, clerk_id: str, azp: str) -> str:
        """``alg: none``."""
        parts = ({"alg": "none", "typ": "JWT", "kid": self.key.kid}, self.claims(clerk_id, azp))
        return ".".join([_part(one) for one in parts] + [""])

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if self.down:
            return 503, b"{}"
        if path == "/.well-known/jwks.json":
            return 200, json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()
        if path == "/clerk.js":
            return 200, SCRIPT.read_bytes()
        asked = dict(parse_qsl(urlsplit(path).query))
        if path.startswith("/enter?"):
            return 200, json.dumps({"id": "sess_1", "clerkId": self.enter(asked["email"])}).encode()
        if path.startswith("/token?") and asked["sub"] in self.people:
            moment = int(time.time())
            return 200, self.token(asked["sub"], asked["azp"], exp=moment + self.token_seconds).encode()
        if path.startswith("/v1/users/") and authorization == f"Bearer {SECRET_KEY}":
            person = self.people.get(unquote(path.removeprefix("/v1/users/")))
            return (404, b"{}") if person is None else (200, json.dumps(person).encode())
        return 401, b"{}"


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def event(kind: str, data: dict[str, Any]) -> bytes:
    """The body of an event as Clerk sends it."""
    return json.dumps({"type": kind, "object": "event", "data": data}).encode()


def signed(body: bytes, event_id: str, *, secret: str = SIGNING_SECRET, at: float | None = None) -> dict[str, str]:
    """The headers of one delivery (https://www.standardwebhooks.com)."""
    sent = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    return {
        "svix-id": event_id,
        "svix-timestamp": sent,
        "svix-signature": f"v1a,other v1,{base64.b64encode(digest).decode()}",
    }


@contextmanager
def clerk_double(port: int = 0) -> Iterator[ClerkDouble]:
    """A running instance, on this port unless somebody has it."""
    double, lock = ClerkDouble(), Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with lock:
                status, body = double.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "application/json")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
