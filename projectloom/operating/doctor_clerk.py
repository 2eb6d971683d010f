"""What the doctor checks of Clerk: its mode, its public keys, its secret key, and its webhook's secret."""

from typing import Any

import httpx

from projectloom import limits
from projectloom.config import settings
from projectloom.operating.doctor import Finding, failed, note, ok, unused
from projectloom.sign_in_settings import Clerk

_DASHBOARD = "In Clerk's dashboard, Configure, "


async def check_clerk() -> list[Finding]:
    """Whether sessions can be verified and people be asked about. The keys' form is a matter of the configuration."""
    clerk = settings().clerk
    if clerk is None:
        return [unused("clerk", "CLERK_PUBLISHABLE_KEY is not set: accounts are local")]
    found = _mode(clerk)
    async with httpx.AsyncClient(timeout=limits.DOCTOR_HTTP_SECONDS, follow_redirects=False) as client:
        ours = await _ask(client, clerk.api_url + "/v1/jwks", {"authorization": f"Bearer {clerk.secret_key}"})
        shown = None if clerk.jwt_key else await _ask(client, clerk.jwks_url, {})
    if isinstance(shown, str):
        words = f"its public keys are not at {clerk.jwks_url} ({shown}), so nobody can be signed in"
        mend = "Is it reachable from here? Else set CLERK_JWT_KEY to the key as PEM, which is asked of nobody."
        found.append(failed("clerk", words, mend))
    elif shown is not None:
        found.append(ok("clerk", f"{len(shown)} public keys at {clerk.jwks_url}"))
    if ours in ("401", "403"):
        found.append(failed("clerk", "it does not take the secret key", _DASHBOARD + "API keys: set CLERK_SECRET_KEY."))
    elif isinstance(ours, str):
        words = f"{clerk.api_url} did not answer as it should ({ours})"
        found.append(failed("clerk", words, "Is it reachable from here? See status.clerk.com."))
    elif isinstance(shown, frozenset) and not ours & shown:
        words = "the secret key is another instance's than the publishable key"
        found.append(failed("clerk", words, _DASHBOARD + "API keys: copy both from the same instance."))
    else:
        found.append(ok("clerk", "it takes the secret key"))
    return found


def _mode(clerk: Clerk) -> list[Finding]:
    found: list[Finding] = []
    if clerk.publishable_key.startswith("pk_test_"):
        words = "a development instance: few people may sign up, and sessions pass through addresses"
        found.append(note("clerk", words, "Make a production instance before people come, and set its keys."))
    if not clerk.webhook_secrets:
        words = "CLERK_WEBHOOK_SIGNING_SECRET is not set: who deletes their account there stays known here"
        told = note
        if settings().operators:
            words += ", and an operator (ADMIN_EMAILS) whose address there becomes another one stays an operator"
            told = failed
        found.append(told("clerk", words, _DASHBOARD + "Webhooks: add one for user.updated and user.deleted."))
    return found


async def _ask(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> frozenset[str] | str:
    """The ids of the keys at an address, or in a word why there are none."""
    try:
        answer = await client.get(address, headers=headers)
        if not answer.is_success:
            return str(answer.status_code)
        listed: list[dict[str, Any]] = answer.json()["keys"]
        return frozenset(str(key["kid"]) for key in listed) or "no keys"
    except httpx.HTTPError as error:
        return type(error).__name__
    except (ValueError, KeyError, TypeError):
        return "no keys"
