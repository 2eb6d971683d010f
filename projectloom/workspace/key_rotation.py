"""``python -m projectloom keys rotate``: people's stored provider keys are sealed under the SECRET_KEY of now.

Each few are a transaction of their own, so it may be killed and run again, beside a server that serves: whoever reads a
key finds it under the old secret or the new one, and SECRET_KEY_PREVIOUS opens both.
"""

from dataclasses import dataclass

from projectloom import limits
from projectloom.accounts.key_rotation import reseal_some
from projectloom.config import settings
from projectloom.db import transaction
from projectloom.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of every key that was not sealed under the SECRET_KEY of now."""

    sealed: int
    left: int
    """Those that no secret opens: their owners must enter them again."""

    def __str__(self) -> str:
        done = f"{self.sealed} stored keys are sealed under the SECRET_KEY of now."
        if not self.left:
            return f"{done} SECRET_KEY_PREVIOUS can be taken away."
        return (
            f"{done} {self.left} could not be opened with any secret in SECRET_KEY_PREVIOUS and were left as they are. "
            "Name the secret that they are sealed under, or have their owners enter them again."
        )


def rotate_keys() -> Rotation:
    """Seal every stored key under the SECRET_KEY of now. Raises InvalidInput where no previous secret is named."""
    previous = settings().previous_secrets
    if not previous:
        raise InvalidInput("SECRET_KEY_PREVIOUS is missing: it names the secret that the stored keys are sealed under.")
    sealed, looked_at, after = 0, 0, None
    while True:
        with transaction() as session:
            done = reseal_some(
                session,
                master_secret=settings().master_secret,
                previous=previous,
                after=after,
                most=limits.KEYS_ROTATED_AT_ONCE,
            )
        sealed, looked_at, after = sealed + done.sealed, looked_at + done.looked_at, done.after
        if after is None:
            return Rotation(sealed, looked_at - sealed)
