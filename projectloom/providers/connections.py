"""Connections to the providers, kept for reuse.

One pool for each provider, base address and event loop, shared by every call whatever its key; the SDK's client object
itself is small and made for each call, so that a key lives no longer than its call. Redirects are never followed: they
could carry a key to another host.
"""

import asyncio
import ipaddress
from collections.abc import MutableMapping
from functools import lru_cache
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx2

from projectloom import limits
from projectloom.providers.base import ProviderName

# Far above what one process runs at once; a request that finds none free waits as long as one that connects.
MAX_CONNECTIONS = 1_000
MAX_IDLE_CONNECTIONS = 100

_Pools = dict[tuple[ProviderName, str], httpx2.AsyncClient]

# A connection belongs to the loop that opened it, so a second loop in the process gets pools of its own.
_pools: MutableMapping[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()


def http_client(provider: ProviderName, base_url: str) -> httpx2.AsyncClient:
    """The shared HTTP client for this address, opened on first use."""
    pools = _pools.setdefault(asyncio.get_running_loop(), {})
    client = pools.get((provider, base_url))
    if client is None or client.is_closed:
        client = pools[provider, base_url] = httpx2.AsyncClient(
            follow_redirects=False,
            timeout=timeouts(),
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_IDLE_CONNECTIONS),
            # A proxy from the environment is right for the outside and wrong for this machine.
            trust_env=not is_loopback(base_url),
        )
    return client


def timeouts() -> httpx2.Timeout:
    """The limits of every provider call: so long to connect, and so long without a single byte."""
    connect = limits.PROVIDER_CONNECT_SECONDS
    return httpx2.Timeout(limits.PROVIDER_STALL_SECONDS, connect=connect, pool=connect)


async def close_providers() -> None:
    """Close the connections that this event loop keeps. Calls that still run on them fail."""
    for client in _pools.pop(asyncio.get_running_loop(), {}).values():
        await client.aclose()


@lru_cache(maxsize=64)
def is_loopback(base_url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
