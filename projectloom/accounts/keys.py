"""People's own provider keys, encrypted at rest.

AES-256-GCM (https://csrc.nist.gov/pubs/sp/800/38/d/final) under a key derived from the master secret with HKDF-SHA256;
the person and the provider are the associated data, so a row copied to somebody else cannot be opened. ``key_id`` names
the master secret, for rotation.
"""

import hashlib
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.models import ProviderKey
from projectloom.clock import now
from projectloom.errors import InvalidInput, NotFound

PROVIDERS = ("anthropic", "openai")

_NONCE_BYTES = 12
_MIN_KEY_CHARS = 8
_HINT_TAIL = 4
_SHOWN_PREFIXES = ("sk-ant-", "sk-proj-", "sk-")
_KEY = re.compile(r"[\x21-\x7e]+")


def store_key(session: Session, *, user_id: str, provider: str, api_key: str, master_secret: str) -> ProviderKey:
    """Keep (or replace) a person's key for a provider.

    Raises:
        InvalidInput: the provider is unknown, or the key cannot be a key.
    """
    if provider not in PROVIDERS:
        raise InvalidInput("Unknown provider.")
    trimmed = clean_key(api_key)
    row = session.get(ProviderKey, (user_id, provider)) or ProviderKey(
        user_id=user_id, provider=provider, key_id="", sealed=b"", hint=""
    )
    row.key_id = key_id_of(master_secret)
    row.sealed = seal(trimmed, user_id=user_id, provider=provider, master_secret=master_secret)
    row.hint = hint_of(trimmed)
    row.created_at = now()
    session.add(row)
    session.flush()
    return row


def clean_key(api_key: str) -> str:
    """A provider key without the white space that pasting brings.

    Raises:
        InvalidInput: empty, too long, or not printable ASCII.
    """
    trimmed = api_key.strip()
    if not _MIN_KEY_CHARS <= len(trimmed) <= limits.MAX_API_KEY_CHARS or not _KEY.fullmatch(trimmed):
        raise InvalidInput("That does not look like an API key. Please paste it again.")
    return trimmed


def list_keys(session: Session, *, user_id: str) -> list[ProviderKey]:
    """A person's keys, sealed."""
    query = select(ProviderKey).where(ProviderKey.user_id == user_id).order_by(col(ProviderKey.provider))
    return list(session.exec(query).all())


def open_key(
    session: Session, *, user_id: str, provider: str, master_secret: str, previous: tuple[str, ...] = ()
) -> str | None:
    """A person's key in the clear, or None when they keep none, or none that one of these master secrets opens."""
    row = session.get(ProviderKey, (user_id, provider))
    if row is None:
        return None
    return next((key for secret in (master_secret, *previous) if (key := unsealed(row, secret)) is not None), None)


def unsealed(row: ProviderKey, master_secret: str) -> str | None:
    """A key in the clear; None where it is sealed under another secret, or for somebody else."""
    if row.key_id != key_id_of(master_secret):
        return None
    nonce, ciphertext = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
    try:
        clear = AESGCM(_derive(master_secret)).decrypt(nonce, ciphertext, _associated(row.user_id, row.provider))
    except (InvalidTag, ValueError):
        # Sealed for somebody else, or cut so short that not even its nonce is there.
        return None
    return clear.decode()


def limit_key(session: Session, *, user_id: str, provider: str, limit_nanos: int | None) -> None:
    """Set the most that replies with a key may cost in a month, or take the limit away with None.

    Raises:
        NotFound: there is no such key.
    """
    row = session.get(ProviderKey, (user_id, provider))
    if row is None:
        raise NotFound
    row.limit_month_nanos = limit_nanos
    session.add(row)
    session.flush()


def delete_key(session: Session, *, user_id: str, provider: str) -> None:
    """Forget a person's key.

    Raises:
        NotFound: there is none.
    """
    row = session.get(ProviderKey, (user_id, provider))
    if row is None:
        raise NotFound
    session.delete(row)
    session.flush()


def hint_of(api_key: str) -> str:
    """What may be shown of a key: its public prefix and its last four characters."""
    prefix = next((known for known in _SHOWN_PREFIXES if api_key.startswith(known)), "")
    return f"{prefix}…{api_key[-_HINT_TAIL:]}"


def seal(api_key: str, *, user_id: str, provider: str, master_secret: str) -> bytes:
    """A key as it is kept."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(_derive(master_secret)).encrypt(nonce, api_key.encode(), _associated(user_id, provider))


def _derive(master_secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"projectloom provider keys").derive(
        master_secret.encode()
    )


def _associated(user_id: str, provider: str) -> bytes:
    return f"{user_id}\0{provider}".encode()


def key_id_of(master_secret: str) -> str:
    """What stands beside a key to name the secret that it is sealed under."""
    return hashlib.sha256(b"projectloom key id" + master_secret.encode()).hexdigest()[:12]
