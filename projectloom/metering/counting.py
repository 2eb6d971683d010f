"""Asking a provider to count a prompt, within an allowance: it costs nobody anything, and a call all the same.

Whoever has little money is asked for a count before each reply, and may be refused after it; so a person, in this
process, has so many in a minute. Beyond them the bound by bytes decides, which is what a provider that does not tell
leaves us with as well.
"""

from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.errors import TooManyRequests
from projectloom.providers import ChatCall, count_input

_allowance = Attempts(most=limits.COUNTS_PER_MINUTE, seconds=60, refusal="Too many prompts were counted.")


async def counted_input(user_id: str, call: ChatCall) -> int:
    """The provider's count of a call's input in tokens; 0 where it does not tell, or was asked too often for them."""
    try:
        _allowance.count(user_id)
    except TooManyRequests:
        return 0
    return await count_input(call) or 0
