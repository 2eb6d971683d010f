"""The public keys that an instance of Clerk's signs its tokens with (JWKS, https://www.rfc-editor.org/rfc/rfc7517).

They are asked for when the first token comes, again once they are old, and again for a key that is not among them,
since Clerk may have changed keys; but never oftener than the named time, whatever is shown to us. One thread asks; the
others go on with what is known.
"""

import logging
import time
from functools import lru_cache
from threading import Lock
from typing import Any, cast

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from projectloom import limits
from projectloom.errors import SignInUnavailable

_log = logging.getLogger(__name__)


class SigningKeys:
    """The keys at one address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, RSAKey] = {}
        self._old_at = 0.0
        self._ask_again_at = 0.0
        self._asking = Lock()

    def find(self, key_id: str) -> RSAKey | None:
        """The key of this name, or None when Clerk has no such key.

        Raises:
            SignInUnavailable: no keys are known yet, and Clerk cannot be asked.
        """
        moment = time.monotonic()
        if key_id not in self._keys or moment >= self._old_at:
            self._ask()
        return self._keys.get(key_id)

    def _ask(self) -> None:
        if not self._asking.acquire(blocking=not self._keys):
            return
        try:
            moment = time.monotonic()
            if moment < self._ask_again_at:
                if not self._keys:
                    raise SignInUnavailable
                return
            self._ask_again_at = moment + limits.CLERK_KEYS_PAUSE_SECONDS
            try:
                self._keys = _fetch(self._url)
                self._old_at = moment + limits.CLERK_KEYS_SECONDS
            except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                _log.warning("Clerk's keys could not be read", extra={"reason": type(error).__name__})
                self._ask_again_at = moment + limits.CLERK_KEYS_RETRY_SECONDS
                if not self._keys:
                    raise SignInUnavailable from error
        finally:
            self._asking.release()


@lru_cache(maxsize=4)
def signing_keys(url: str) -> SigningKeys:
    """The keys at an address, as this process knows them."""
    return SigningKeys(url)


@lru_cache(maxsize=4)
def key_of_pem(pem: str) -> RSAKey:
    """A public key that was set by hand. Raises ValueError when it is no RSA key that is strong enough."""
    try:
        return _strong(RSAKey.import_key(pem))
    except JoseError as error:
        raise ValueError("it is no RSA key") from error


def _fetch(url: str) -> dict[str, RSAKey]:
    answer = httpx2.get(url, timeout=limits.CLERK_SECONDS, follow_redirects=False).raise_for_status()
    if len(answer.content) > limits.MAX_CLERK_ANSWER_BYTES:
        raise ValueError("too large")
    body: Any = answer.json()
    listed: Any = cast(dict[str, Any], body).get("keys") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no list of keys")
    found = dict(filter(None, map(_read, cast(list[Any], listed))))
    if not found:
        raise ValueError("no key that could be used")
    return found


def _read(listed: Any) -> tuple[str, RSAKey] | None:
    """One key with its name; None for one of another kind, which is for somebody else."""
    if not isinstance(listed, dict):
        return None
    given = cast(dict[str, Any], listed)
    key_id, for_signing = given.get("kid"), given.get("use", "sig") == "sig" and given.get("alg", "RS256") == "RS256"
    if not isinstance(key_id, str) or given.get("kty") != "RSA" or not for_signing:
        return None
    try:
        # Only what is public: no key of another shape comes in by the way.
        return key_id, _strong(RSAKey.import_key({name: given[name] for name in ("kty", "n", "e")}))
    except (JoseError, KeyError, TypeError, ValueError):
        return None


def _strong(key: RSAKey) -> RSAKey:
    if key.public_key.key_size < limits.MIN_RSA_BITS:
        raise ValueError("the key is too short")
    return key
