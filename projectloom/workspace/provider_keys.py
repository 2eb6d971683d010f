"""A person's own provider keys: tried at their provider, and limited to so much in a month."""

from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.accounts.keys import PROVIDERS, clean_key, limit_key, open_key
from projectloom.config import settings
from projectloom.db import in_thread, reading, transaction
from projectloom.errors import InvalidInput, NotFound
from projectloom.money import from_usd
from projectloom.providers import ProviderName, check_key


def limit_provider_key(user_id: str, provider: str, dollars: object) -> None:
    """Set a key's limit for a calendar month (UTC) in whole dollars; None takes it away.

    Raises:
        InvalidInput: no such amount. NotFound: there is no such key.
    """
    _require_provider(provider)
    limit = None
    if dollars is not None:
        if not isinstance(dollars, int) or isinstance(dollars, bool) or not 1 <= dollars <= limits.MAX_CAP_USD:
            raise InvalidInput(f"A limit is a whole number of dollars between $1 and ${limits.MAX_CAP_USD:,}.")
        limit = from_usd(dollars)
    with transaction() as session:
        limit_key(session, user_id=user_id, provider=provider, limit_nanos=limit)


async def try_provider_key(user_id: str, provider: str, api_key: str | None = None) -> None:
    """Ask the provider whether it takes a key, the one that is kept or the one given, by a call that costs nothing.

    Raises:
        InvalidInput: it cannot be a key. NotFound: none is kept.
        KeyRefused: the provider does not take it. ProviderError: it did not tell in time.
        TooManyRequests: it was asked too often.
    """
    _require_provider(provider)
    key = clean_key(api_key) if api_key is not None else await in_thread(_kept_key, user_id, provider)
    _tries.count(user_id)
    name: ProviderName = "anthropic" if provider == "anthropic" else "openai"
    await check_key(name, key, settings().provider_base(name))


def _kept_key(user_id: str, provider: str) -> str:
    with reading() as session:
        key = open_key(
            session,
            user_id=user_id,
            provider=provider,
            master_secret=settings().master_secret,
            previous=settings().previous_secrets,
        )
    if key is None:
        raise NotFound("No key is kept for that provider. Please add it again.")
    return key


def _require_provider(provider: str) -> None:
    if provider not in PROVIDERS:
        raise InvalidInput("Unknown provider.")


_tries = Attempts(most=limits.KEY_TRIES, seconds=60, refusal="You have tried keys very often. Please wait a minute.")
