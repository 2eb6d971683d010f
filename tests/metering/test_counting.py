"""A person has only so many prompts counted in a minute."""

from projectloom import limits
from projectloom.config import settings
from projectloom.ids import new_id
from projectloom.metering.counting import counted_input
from projectloom.providers import ChatCall, ChatMessage
from tests.metering.test_tight_money import MODEL, counted
from tests.providers.scripted_server import refusal


def call() -> ChatCall:
    base_url = settings().provider_base("anthropic")
    return ChatCall(MODEL, (ChatMessage("user", "Hello"),), 1, "sk-ant-operator-0123456789", base_url=base_url)


async def test_beyond_the_allowance_nobody_is_asked_and_others_keep_theirs(world):
    async with world(counted(7)) as w:
        told = [await counted_input(w.person, call()) for _ in range(limits.COUNTS_PER_MINUTE + 5)]
        assert told == [7] * limits.COUNTS_PER_MINUTE + [0] * 5
        assert len(w.provider.asked) == limits.COUNTS_PER_MINUTE
        assert await counted_input(new_id("usr"), call()) == 7


async def test_a_provider_that_does_not_tell_has_counted_nothing(world):
    async with world(refusal(500, {})) as w:
        assert await counted_input(w.person, call()) == 0
