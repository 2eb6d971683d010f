"""What Clerk knows of a person: a session token names only their id.

https://clerk.com/docs/reference/backend-api/tag/users/get/users/{user_id}
"""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import httpx2

from projectloom import limits
from projectloom.config import settings
from projectloom.errors import SignInUnavailable

_GONE = 404


@dataclass(frozen=True, slots=True)
class ClerkPerson:
    """A person as Clerk has them."""

    email: str | None
    """The address that they chose as theirs; None where they have none."""
    confirmed: bool
    """Clerk knows that they read mails there."""
    changed_ms: int
    """When Clerk changed them last."""


def fetch_person(clerk_id: str) -> ClerkPerson | None:
    """Ask Clerk about a person; None when it has no such person. Waits for the network: outside any transaction.

    Raises:
        SignInUnavailable: Clerk does not answer, or not as it should.
    """
    clerk = settings().clerk
    if clerk is None:
        return None
    try:
        answer = httpx2.get(
            f"{clerk.api_url}/v1/users/{quote(clerk_id, safe='')}",
            headers={"Authorization": f"Bearer {clerk.secret_key}"},
            timeout=limits.CLERK_SECONDS,
            follow_redirects=False,
        )
        if answer.status_code == _GONE:
            return None
        answer.raise_for_status()
        return read_person(answer.json())
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise SignInUnavailable from error


def read_person(given: Any) -> ClerkPerson:
    """The person in Clerk's own form of one. Raises ValueError when it is none."""
    if not isinstance(given, dict):
        raise ValueError("no person")
    values = cast(dict[str, Any], given)
    changed, listed = values.get("updated_at"), values.get("email_addresses")
    if not isinstance(listed, list):
        raise ValueError("no addresses")
    addresses = [cast(dict[str, Any], one) for one in cast(list[Any], listed) if isinstance(one, dict)]
    primary = next((one for one in addresses if one.get("id") == values.get("primary_email_address_id")), None)
    email = primary.get("email_address") if primary else None
    state: Any = primary.get("verification") if primary else None
    confirmed = isinstance(state, dict) and cast(dict[str, Any], state).get("status") == "verified"
    whole = isinstance(changed, int) and not isinstance(changed, bool) and 0 <= changed < limits.MAX_MILLISECONDS
    return ClerkPerson(
        email=email if isinstance(email, str) and email else None,
        confirmed=confirmed,
        changed_ms=changed if isinstance(changed, int) and whole else 0,
    )
