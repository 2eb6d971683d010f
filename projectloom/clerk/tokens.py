"""Whether a session token of Clerk's may be believed (https://clerk.com/docs/backend-requests/manual-jwt).

Everything that it must say is asked for here, and all of it is checked: Clerk's own verifier does not look at the
issuer, and takes tokens that never end or are nobody's.
"""

import math
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from projectloom import limits
from projectloom.clerk.keys import key_of_pem, signing_keys
from projectloom.clock import now
from projectloom.config import Settings, settings
from projectloom.texts import is_storable

# Named here and nowhere else: what a token says of itself never chooses how it is checked.
_ALGORITHMS = ("RS256",)


class BadToken(ValueError):
    """It is no token of ours. The reason names the rule, never the token."""


@dataclass(frozen=True, slots=True)
class ClerkSession:
    """What a token that holds says."""

    clerk_id: str
    """Clerk's id of the person."""


def verify_token(token: str) -> ClerkSession:
    """The session that a token proves.

    It must be signed (RS256) by our instance, be from it (``iss``), for one of our own pages (``azp``), name a person
    (``sub``) and its end (``exp``), have begun (``nbf``, ``iat``), and belong to a session that waits for nothing more
    (``sts``). Clocks may differ by the named time.

    Raises:
        BadToken: one of these does not hold. SignInUnavailable: Clerk's keys are not known and cannot be asked for.
    """
    known = settings()
    if not 0 < len(token) <= limits.MAX_TOKEN_CHARS:
        raise BadToken("length")
    try:
        claims = jwt.decode(token, _key_of(token, known), algorithms=_ALGORITHMS).claims
    except (JoseError, ValueError) as error:
        raise BadToken(type(error).__name__) from error
    return _checked(claims, known)


def _key_of(token: str, known: Settings) -> RSAKey:
    if known.clerk is None:
        raise BadToken("Clerk is off")
    if known.clerk.jwt_key is not None:
        return key_of_pem(known.clerk.jwt_key)
    key_id = jws.extract_compact(token.encode()).headers().get("kid")
    key = signing_keys(known.clerk.jwks_url).find(key_id) if isinstance(key_id, str) else None
    if key is None:
        raise BadToken("kid")
    return key


def _checked(claims: dict[str, Any], known: Settings) -> ClerkSession:
    moment, skew = now().timestamp(), limits.CLERK_SKEW_SECONDS
    ends, clerk_id = _seconds(claims, "exp"), claims.get("sub")
    if ends is None or ends <= moment - skew:
        raise BadToken("exp")
    for name in ("nbf", "iat"):
        begins = _seconds(claims, name)
        if begins is not None and begins > moment + skew:
            raise BadToken(name)
    if known.clerk is None or claims.get("iss") != known.clerk.issuer:
        raise BadToken("iss")
    if claims.get("azp") not in known.allowed_origins:
        raise BadToken("azp")
    if claims.get("sts", "active") != "active":
        raise BadToken("sts")
    if not isinstance(clerk_id, str) or not 0 < len(clerk_id) <= limits.MAX_ID_CHARS or not is_storable(clerk_id):
        raise BadToken("sub")
    return ClerkSession(clerk_id)


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    """A moment that a token names; None where it names none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadToken(name)
    return float(value)
