"""What Reflex puts into Redis is sealed: nobody reads it there, and nothing that was put there is run."""

import asyncio
import pickle
from contextlib import suppress

import pytest
import reflex as rx
from redis.asyncio import Redis
from reflex.state import BaseState, StateUpdate
from reflex.utils import token_manager
from reflex.utils.token_manager import RedisTokenManager
from reflex_base.utils.exceptions import StateSchemaMismatchError

from projectloom.sealed_states import seal_states

SECRET = "the secret that all servers share"
TYPED = "sk-ant-typed-by-somebody"


class SealedState(rx.State):
    """A page's state with something that was typed."""

    typed: str = ""
    _behind: str = ""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch):
    # What is wrapped here is unwrapped afterwards.
    monkeypatch.setattr(BaseState, "_serialize", BaseState._serialize)
    monkeypatch.setattr(BaseState, "_deserialize", BaseState._deserialize)
    monkeypatch.setattr(token_manager, "pickle", pickle)


def written() -> tuple[bytes, SealedState]:
    state = SealedState(_reflex_internal_init=True)
    state.typed = state._behind = TYPED
    return state._serialize(), state


def test_what_was_typed_is_not_readable_and_comes_back_whole():
    plain, _ = written()
    assert TYPED.encode() in plain
    seal_states(SECRET)
    sealed, state = written()
    assert TYPED.encode() not in sealed
    assert sealed != state._serialize()
    again = BaseState._deserialize(data=sealed)
    assert isinstance(again, SealedState)
    assert (again.typed, again._behind) == (TYPED, TYPED)


class Bomb:
    """What somebody who can write to Redis would like to have unpickled."""

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize("kind", ["unsealed", "bomb", "tampered", "short", "empty", "another secret"])
def test_what_was_not_sealed_here_is_never_unpickled(kind: str):
    plain, _ = written()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseState, "_serialize", BaseState._serialize)
        patch.setattr(BaseState, "_deserialize", BaseState._deserialize)
        seal_states("a secret that somebody else has")
        foreign, _ = written()
    seal_states(SECRET)
    sealed, _ = written()
    data = {
        "unsealed": plain,
        "bomb": pickle.dumps(Bomb()),
        "tampered": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "short": sealed[:5],
        "empty": b"",
        "another secret": foreign,
    }[kind]
    # Reflex then begins the page anew.
    with pytest.raises(StateSchemaMismatchError):
        BaseState._deserialize(data=data)


@pytest.fixture
async def servers(redis_url: str):
    """Two servers' records of who holds which page's socket, on one Redis."""
    clients = [Redis.from_url(redis_url) for _ in range(3)]
    first, second = (RedisTokenManager(client) for client in clients[:2])
    yield first, second, clients[2]
    for manager in (first, second):
        await manager.close()
    await clients[2].aclose()


async def test_a_record_of_a_socket_is_sealed_and_what_was_put_in_its_place_is_none(servers):
    seal_states(SECRET)
    first, second, redis = servers
    await first.link_token_to_sid("a-page", "a-socket")
    key = first._get_redis_key("a-page")
    assert b"a-socket" not in await redis.get(key)
    assert await second.is_token_connected("a-page")
    assert await second._get_token_owner("a-page", refresh=True) == first.instance_id
    for data in (pickle.dumps(Bomb()), b"x", (await redis.get(key))[:-1] + b"\0\1"):
        await redis.set(key, data)
        assert await second._get_token_owner("a-page", refresh=True) is None
        second.token_to_socket.clear()
        assert not await second.is_token_connected("a-page")


async def test_what_one_server_tells_a_page_at_another_is_sealed_and_what_others_tell_it_is_not_run(servers):
    seal_states(SECRET)
    first, second, redis = servers
    await first.link_token_to_sid("a-page", "a-socket")
    channel = f"channel:{first._get_lost_and_found_key(first.instance_id)}"
    told: asyncio.Queue[str] = asyncio.Queue()

    async def emit(update: StateUpdate, token: str) -> None:
        told.put_nowait(token + str(update.delta))

    async with redis.pubsub() as overheard:
        await overheard.subscribe(channel)
        first.ensure_lost_and_found_task(emit)
        await _listened_to(redis, channel)
        await redis.publish(channel, pickle.dumps(Bomb()))
        # After a record that it could not read it listens anew.
        for _ in range(100):
            await second.emit_lost_and_found("a-page", StateUpdate(delta={"x": {"typed": TYPED}}))
            with suppress(TimeoutError):
                assert TYPED in await asyncio.wait_for(told.get(), 0.2)
                break
        else:
            pytest.fail("nothing was told")
        sent = [message async for message in _so_far(overheard)]
    assert len(sent) > 1
    assert not any(TYPED.encode() in data for data in sent)


async def _listened_to(redis: Redis, channel: str) -> None:
    for _ in range(200):
        # The test itself overhears by name; Reflex listens by a pattern.
        if await redis.pubsub_numpat():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"nobody listens to {channel}")


async def _so_far(overheard):
    while message := await overheard.get_message(ignore_subscribe_messages=False, timeout=0.2):
        if message["type"] == "message":
            yield message["data"]
