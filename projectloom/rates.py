"""How often somebody may come through a door: per person, per access key and per network address.

Counted with `limits` in moving windows, in this process, or in Redis where several servers share it. A Redis that is
away closes no door: this process then counts by itself. Nothing is held, charged or sent before :func:`count` has let
a request through.
"""

import asyncio
import logging
import math
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from weakref import WeakKeyDictionary

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from projectloom import limits
from projectloom.addresses import block_of
from projectloom.config import settings
from projectloom.errors import TooManyRequests

_log = logging.getLogger(__name__)


class Act(StrEnum):
    """What is counted."""

    CHAT = "chat"
    """A reply, a summary or vectors, asked for by a person."""
    AGENT = "agent"
    """A run of the agent."""
    CHECKOUT = "checkout"
    """A payment page."""
    UPLOAD = "upload"
    """A file for a message."""
    PROGRAM = "program"
    """A request of a person's program."""
    SIGN_IN = "sign_in"
    """A try to sign in."""
    SIGN_UP = "sign_up"
    """A new account."""


_REFUSALS = {
    Act.CHAT: "You are asking faster than this server answers.",
    Act.AGENT: "You have started many runs in a short time.",
    Act.CHECKOUT: "You have opened many payment pages in a short time. You have not been charged.",
    Act.UPLOAD: "You have attached many files in a short time.",
    Act.PROGRAM: "Too many requests in a short time.",
    Act.SIGN_IN: "Too many attempts to sign in from your network.",
    Act.SIGN_UP: "Too many accounts were made from your network.",
}


async def count(
    act: Act, *, user_id: str | None = None, api_key_id: str | None = None, address: str | None = None
) -> None:
    """Count one act of whoever is named.

    Raises:
        TooManyRequests: it is one too many. ``data['retry_after']`` says after how many seconds it is not.
    """
    for subject, item in _subjects(act, user_id, api_key_id, address):
        wait = await _gate().hit(item, act, subject)
        if wait:
            raise TooManyRequests(
                f"{_REFUSALS[act]} Please wait {wait_in_words(wait)} and try again.", retry_after=wait
            )


def wait_in_words(seconds: int) -> str:
    """``"a moment"``, ``"40 seconds"``, ``"12 minutes"``."""
    if seconds < 5:
        return "a moment"
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{math.ceil(seconds / 60)} minutes"


def accounts_over_all() -> tuple[int, int]:
    """How many accounts may be made in how many seconds, wherever they come from: counted where they are made."""
    most = parse(settings().rate_sign_up_all)
    return most.amount, most.get_expiry()


def _subjects(
    act: Act, user_id: str | None, api_key_id: str | None, address: str | None
) -> list[tuple[str, RateLimitItem]]:
    rule = _rules()[act]
    found: list[tuple[str, RateLimitItem]] = []
    if user_id is not None:
        found.append((f"person:{user_id}", rule.most))
    if api_key_id is not None:
        found.append((f"key:{api_key_id}", rule.most))
    if address is not None:
        found.append((f"address:{block_of(address)}", rule.most_of_address))
    return found


@dataclass(frozen=True, slots=True)
class _Rule:
    most: RateLimitItem
    most_of_address: RateLimitItem


@lru_cache(maxsize=1)
def _rules() -> dict[Act, _Rule]:
    rules: dict[Act, _Rule] = {}
    for act in Act:
        most = parse(getattr(settings(), f"rate_{act}"))
        # Behind one address may be a house full of people; accounts are counted by nothing else.
        times = 1 if act in (Act.SIGN_IN, Act.SIGN_UP) else limits.PEOPLE_AT_ONE_ADDRESS
        of_address = type(most)(most.amount * times, most.multiples)
        rules[act] = _Rule(most, of_address)
    return rules


class Windows(MemoryStorage):
    """The library's counting in memory, with a bound: the subjects that were counted least recently are forgotten.

    Its own would look through all of them in a task for each hit.
    """

    STORAGE_SCHEME = None

    def __init__(self, most: int = limits.RATES_REMEMBERED) -> None:
        super().__init__()
        self._most = most
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count, unless it would be more than ``limit`` within the last ``expiry`` seconds."""
        moment = time.monotonic()
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque()
            while len(self._times) > self._most:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(key)
            while times and times[0] <= moment - expiry:
                times.popleft()
        if len(times) + amount > limit:
            return False
        times.extend([moment] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the window began, and how many are in it."""
        del limit
        times, now, moment = self._times.get(key, deque[float]()), time.time(), time.monotonic()
        inside = [one for one in times if one > moment - expiry]
        return (now - (moment - inside[0]), len(inside)) if inside else (now, 0)

    def __len__(self) -> int:
        return len(self._times)


class Gate:
    """The counts of one event loop, shared through Redis where there is one."""

    def __init__(self, redis_url: str | None) -> None:
        self._alone = MovingWindowRateLimiter(Windows())
        self._redis = None if redis_url is None else _redis(redis_url)
        self._shared = None if self._redis is None else MovingWindowRateLimiter(self._redis)
        self._alone_until = 0.0

    async def hit(self, item: RateLimitItem, act: str, subject: str) -> int:
        """Count one; 0, or the seconds after which there is room again."""
        if self._shared is not None and time.monotonic() >= self._alone_until:
            try:
                return await _hit(self._shared, item, act, subject)
            except (RedisError, OSError, TimeoutError) as error:
                # Tried again after a while, so that not every request waits for it.
                self._alone_until = time.monotonic() + limits.RATES_ALONE_SECONDS
                _log.warning("limits are counted by this process alone", extra={"reason": type(error).__name__})
        return await _hit(self._alone, item, act, subject)

    async def close(self) -> None:
        """Give the connections to Redis back."""
        if self._redis is not None and isinstance(self._redis.bridge, RedispyBridge):
            await self._redis.bridge.storage.aclose()


async def _hit(limiter: MovingWindowRateLimiter, item: RateLimitItem, act: str, subject: str) -> int:
    if await limiter.hit(item, act, subject):
        return 0
    until, _ = await limiter.get_window_stats(item, act, subject)
    return max(math.ceil(until - time.time()), 1)


def _redis(url: str) -> RedisStorage:
    wait = limits.RATES_REDIS_SECONDS
    return RedisStorage(
        f"async+{url}",
        implementation="redispy",
        key_prefix="loom",
        socket_timeout=wait,
        socket_connect_timeout=wait,
    )


async def close_gates() -> None:
    """Give back what this event loop counts with."""
    gate = _gates.pop(asyncio.get_running_loop(), None)
    if gate is not None:
        await gate.close()


def forget() -> None:
    """Count anew, by the settings as they are now."""
    _rules.cache_clear()
    _gates.clear()


_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, Gate] = WeakKeyDictionary()


def _gate() -> Gate:
    loop = asyncio.get_running_loop()
    gate = _gates.get(loop)
    if gate is None:
        gate = _gates[loop] = Gate(settings().redis_url)
    return gate
