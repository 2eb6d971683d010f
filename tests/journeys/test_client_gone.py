"""FAULTS, row Client gone: the socket is closed at every moment of a reply, and the reply goes on to its end."""

import json

import httpx
import pytest

from tests.conftest import ENGINES
from tests.journeys.chatting import Chatter, servers, shared_database
from tests.journeys.held_provider import MODEL, HeldProvider

WORDS = ("Once upon ", "a time ", "there was a river.")
# $10 and $50 a million.
EXACT = 25 * 10_000 + 40 * 50_000


def leave(client: httpx.Client, provider: HeldProvider, *, after: int) -> None:
    """Ask, read so many pieces of text, and close the socket; then the provider goes on."""
    body = {"messages": [{"role": "user", "content": "Hello there"}], "model": MODEL}
    number = len(provider.calls) + 1
    with client.stream("POST", "/api/chat", json=body) as answer:
        call = provider.await_call(number)
        call.begin()
        lines = answer.iter_lines()
        for words in WORDS[:after]:
            call.say(words)
            seen = ""
            while not seen:
                line = next(lines)
                part = json.loads(line[6:]) if line.startswith("data: {") else {}
                seen = part.get("delta", "") if part.get("type") == "text-delta" else ""
            assert seen == words
    for words in WORDS[after:]:
        call.say(words)
    call.report(input_tokens=25, output_tokens=40)
    call.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_client_gone_before_the_first_token_in_mid_stream_or_after_the_last_changes_nothing_for_the_reply(
    request, tmp_path, zygote, engine: str
):
    with (
        HeldProvider() as provider,
        shared_database(request, engine, tmp_path / "live", provider.environment) as environment,
        servers(environment, zygote) as (server,),
    ):
        for after in (0, 1, len(WORDS)):
            # Somebody else each time, of whom there is one reply.
            chatter = Chatter(server, nanos=10**9)
            leave(chatter.clients[0], provider, after=after)
            turn = chatter.await_end()
            assert (turn.text, turn.completion) == ("".join(WORDS), "complete")
            text, receipt = chatter.watch()
            assert (text, receipt["completion"]) == ("".join(WORDS), "complete")
            assert chatter.check_books() == EXACT
        assert len(provider.calls) == 3
