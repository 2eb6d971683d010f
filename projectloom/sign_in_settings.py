"""The part of the settings that says how people sign in: local accounts, or Clerk where its keys are set.

Clerk's publishable key names its instance: behind the prefix it is the host of that instance in base64, with a ``$`` at
the end. Everything that is Clerk's here follows from that host, and each address can be set by itself.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from projectloom import limits

CLERK_SESSION_COOKIE = "__session"

_PUBLISHABLE = re.compile(r"pk_(test|live)_(.+)")
_SECRET = re.compile(r"sk_(test|live)_.+")
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:\d{1,5})?")
_CLERK_API = "https://api.clerk.com"
_SUFFIX_CHARS = 8


@dataclass(frozen=True, slots=True)
class Clerk:
    """The instance of Clerk's that signs people in here."""

    publishable_key: str
    secret_key: str = field(repr=False)
    issuer: str
    """What its tokens say they are from."""
    jwks_url: str
    """Where its public keys are."""
    jwt_key: str | None
    """One public key as PEM, which then counts alone and is asked of nobody."""
    api_url: str
    script_url: str | None
    """Where its script is loaded from; None is the instance itself."""
    webhook_secrets: tuple[str, ...] = field(repr=False)
    cookies: tuple[str, ...]
    """The cookies that its script keeps a session's token in, the surer one first."""

    def origins(self) -> dict[str, tuple[str, ...]]:
        """Whom a page talks to that shows Clerk's components, by directive of a content security policy.

        As https://clerk.com/docs/security/clerk-csp says. Its styles are written by script, so ``style-src`` needs
        ``'unsafe-inline'``.
        """
        instance = {self.issuer, origin_of(self.script_url or self.issuer)}
        return {
            "script-src": tuple(sorted({*instance, _CHALLENGES})),
            "connect-src": tuple(sorted(instance)),
            "img-src": ("https://img.clerk.com",),
            "worker-src": ("blob:",),
            "frame-src": (_CHALLENGES,),
            "style-src": ("'unsafe-inline'",),
        }


# Clerk's sign-up asks there whether it is dealing with a person.
_CHALLENGES = "https://challenges.cloudflare.com"


class SignInSettings(BaseSettings):
    """Field names are the environment's, in lower case. Clerk's are those of its own SDKs."""

    clerk_publishable_key: str | None = None
    clerk_secret_key: SecretStr | None = None
    clerk_webhook_signing_secret: SecretStr | None = Field(
        None, validation_alias=AliasChoices("CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_WEBHOOK_SECRET")
    )
    clerk_jwt_key: str | None = None
    clerk_jwks_url: str | None = None
    clerk_api_url: str | None = None
    clerk_js_url: str | None = None

    # Whether people must confirm their e-mail before they spend credit, or before they sign in at all.
    confirm_email: Literal["off", "spending", "sign_in"] = "off"

    @field_validator("clerk_webhook_signing_secret")
    @classmethod
    def _signing_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in listed(value):
            try:
                decoded = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            except ValueError:
                decoded = b""
            if not decoded:
                raise ValueError("is no signing secret of Clerk's, which begins with whsec_")
        return value

    @field_validator("clerk_jwt_key")
    @classmethod
    def _a_public_key(cls, value: str | None) -> str | None:
        # A file of settings holds it in one line.
        pem = value.replace("\\n", "\n").strip() if value else None
        try:
            key = load_pem_public_key(pem.encode()) if pem else None
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("must be a public key as PEM") from None
        if key is not None and not (isinstance(key, RSAPublicKey) and key.key_size >= limits.MIN_RSA_BITS):
            raise ValueError(f"must be an RSA key of at least {limits.MIN_RSA_BITS} bits")
        return pem

    @field_validator("clerk_jwks_url", "clerk_api_url", "clerk_js_url")
    @classmethod
    def _an_address_of_clerks(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an http or https address")
        return value.rstrip("/") if value else None

    @cached_property
    def clerk(self) -> Clerk | None:
        """Who signs people in; None where accounts are local."""
        key, secret = self.clerk_publishable_key, self.clerk_secret_key
        if not key or secret is None:
            return None
        issuer = f"https://{instance_host(key)}"
        digest = base64.urlsafe_b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        return Clerk(
            publishable_key=key,
            secret_key=secret.get_secret_value(),
            issuer=issuer,
            jwks_url=self.clerk_jwks_url or f"{issuer}/.well-known/jwks.json",
            jwt_key=self.clerk_jwt_key,
            api_url=self.clerk_api_url or _CLERK_API,
            script_url=self.clerk_js_url,
            webhook_secrets=listed(self.clerk_webhook_signing_secret),
            # Several instances on one host tell their cookies apart by the key: getSuffixedCookieName in @clerk/shared.
            cookies=(f"{CLERK_SESSION_COOKIE}_{digest[:_SUFFIX_CHARS]}", CLERK_SESSION_COOKIE),
        )


def instance_host(publishable_key: str) -> str:
    """The host of the instance that a publishable key names.

    Raises:
        ValueError: it is no publishable key.
    """
    match = _PUBLISHABLE.fullmatch(publishable_key)
    try:
        named = base64.b64decode((match[2] + "===") if match else "", validate=False).decode()
    except ValueError:
        named = ""
    host = named.removesuffix("$")
    if host == named or not _HOST.fullmatch(host):
        raise ValueError("is none of Clerk's publishable keys, which begin with pk_test_ or pk_live_")
    return host.lower()


def is_secret_key(text: str) -> bool:
    """Whether it can be one of Clerk's secret keys."""
    return _SECRET.fullmatch(text) is not None


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as a browser's ``Origin`` header spells them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def listed(value: SecretStr | None) -> tuple[str, ...]:
    """Secrets of which there may be several, with commas between."""
    return tuple(part.strip() for part in value.get_secret_value().split(",") if part.strip()) if value else ()
