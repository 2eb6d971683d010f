"""How often somebody may come: the windows, the addresses behind proxies, and a Redis that several servers share."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from limits import parse

from projectloom import limits, rates
from projectloom.addresses import Proxies, block_of
from projectloom.config import ConfigurationError, read_settings
from projectloom.errors import TooManyRequests
from projectloom.rates import Act, Windows, count
from tests.conftest import forget_settings
from tests.live import free_port


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts in this process, and in a real Redis."""
    if request.param == "redis":
        share(request.getfixturevalue("redis_url"), monkeypatch)


def share(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("SECRET_KEY", "s" * 40)
    forget_settings()


@pytest_asyncio.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await rates.close_gates()


@pytest.mark.usefixtures("store")
async def test_the_act_after_the_last_allowed_one_is_refused_with_the_time_to_wait() -> None:
    for _ in range(10):
        await count(Act.CHECKOUT, user_id="ada")
    with pytest.raises(TooManyRequests) as refused:
        await count(Act.CHECKOUT, user_id="ada")
    wait = refused.value.data["retry_after"]
    assert isinstance(wait, int)
    assert 3_590 <= wait <= 3_600
    assert "You have not been charged." in refused.value.message
    await count(Act.CHECKOUT, user_id="bob")


@pytest.mark.usefixtures("store")
async def test_a_person_a_key_and_an_address_are_each_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_PROGRAM", "2/minute")
    forget_settings()
    await count(Act.PROGRAM, user_id="ada", api_key_id="k1")
    await count(Act.PROGRAM, user_id="ada", api_key_id="k1")
    with pytest.raises(TooManyRequests):
        # Another key of the same person is no way around.
        await count(Act.PROGRAM, user_id="ada", api_key_id="k2")
    for number in range(2 * limits.PEOPLE_AT_ONE_ADDRESS):
        await count(Act.PROGRAM, user_id=f"p{number}", address="192.0.2.7")
    with pytest.raises(TooManyRequests):
        await count(Act.PROGRAM, user_id="somebody else", address="192.0.2.7")
    await count(Act.PROGRAM, user_id="somebody else", address="192.0.2.8")


async def test_one_ipv6_subscriber_is_one_address_whichever_of_theirs_they_use() -> None:
    for number in range(20):
        await count(Act.SIGN_UP, address=f"2001:db8:1:2::{number:x}")
    with pytest.raises(TooManyRequests):
        await count(Act.SIGN_UP, address="2001:db8:1:2:ffff::1")
    await count(Act.SIGN_UP, address="2001:db8:1:3::1")
    assert block_of("::ffff:192.0.2.1") == "192.0.2.1"


async def test_room_comes_back_as_the_window_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_CHAT", "2/second")
    forget_settings()
    await count(Act.CHAT, user_id="ada")
    await count(Act.CHAT, user_id="ada")
    with pytest.raises(TooManyRequests) as refused:
        await count(Act.CHAT, user_id="ada")
    await asyncio.sleep(float(str(refused.value.data["retry_after"])))
    await count(Act.CHAT, user_id="ada")


async def test_a_redis_that_is_away_closes_no_door_and_opens_none(monkeypatch: pytest.MonkeyPatch) -> None:
    share(f"redis://127.0.0.1:{free_port()}/0", monkeypatch)
    for _ in range(10):
        await count(Act.CHECKOUT, user_id="ada")
    with pytest.raises(TooManyRequests):
        await count(Act.CHECKOUT, user_id="ada")


async def test_two_servers_that_share_a_redis_share_the_count(redis_url: str) -> None:
    one, other, most = rates.Gate(redis_url), rates.Gate(redis_url), parse("10/hour")
    for number in range(10):
        assert await (one, other)[number % 2].hit(most, Act.CHECKOUT, "person:ada") == 0
    assert await one.hit(most, Act.CHECKOUT, "person:ada") > 0
    assert await other.hit(most, Act.CHECKOUT, "person:ada") > 0
    await one.close()
    await other.close()


async def test_memory_is_bounded_however_many_addresses_come() -> None:
    windows = Windows(most=100)
    for number in range(1_000):
        assert await windows.acquire_entry(f"address:{number}", 3, 60)
    assert len(windows) == 100


@pytest.mark.alone
async def test_counting_costs_a_request_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_PROGRAM", "1000000/minute")
    forget_settings()
    await count(Act.PROGRAM, user_id="ada", api_key_id="k", address="192.0.2.1")
    began = time.perf_counter()
    for _ in range(2_000):
        await count(Act.PROGRAM, user_id="ada", api_key_id="k", address="192.0.2.1")
    assert (time.perf_counter() - began) / 2_000 < 0.000_2


def test_no_proxy_is_believed_unless_it_is_named() -> None:
    assert Proxies.read("").client("198.51.100.1", "192.0.2.1") == "198.51.100.1"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("127.0.0.1", "127.0.0.1", "192.0.2.1", "192.0.2.1"),
        # What the client itself claims stands before what the proxy added.
        ("127.0.0.1", "127.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1, 10.0.0.0/8", "127.0.0.1", "6.6.6.6, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        # Who reaches the server past the proxy is who connects.
        ("127.0.0.1", "198.51.100.1", "192.0.2.1", "198.51.100.1"),
        ("127.0.0.1", "127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("::1", "::1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("1", "198.51.100.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("2", "198.51.100.1", "6.6.6.6, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("2", "198.51.100.1", "192.0.2.1", "198.51.100.1"),
    ],
)
def test_a_client_is_found_behind_trusted_proxies(trusted: str, peer: str, forwarded: str, client: str) -> None:
    assert Proxies.read(trusted).client(peer, forwarded) == client


@pytest.mark.parametrize(("name", "value"), [("TRUSTED_PROXIES", "nginx"), ("RATE_CHAT", "often")])
def test_a_limit_that_cannot_be_read_stops_the_start(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        read_settings()
