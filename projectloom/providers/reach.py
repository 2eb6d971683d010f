"""Addresses inside of a request that its provider would fetch: pictures, documents, sounds and films by address.

A provider's own network is its own affair: it gets an address when that is a plain web address, which every reader
reads alike, and everything that its name stands for is public, as far as this server can tell. A server that the
operator named may stand in their network, and what it fetches may redirect, or its name stand for something else by
then: it is passed no address at all.
"""

import asyncio
import re
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from projectloom import limits
from projectloom.errors import InvalidInput
from projectloom.providers.wire_requests import WireRequest

_REFUSAL = "An address in this request cannot be sent: only public http and https addresses can be fetched."
_NO_ADDRESSES = "This server's models fetch no addresses. Send pictures and files in the request itself, as data."
# What one reader takes for the end of a server's name and another does not.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_AMBIGUOUS_IN_SERVER = frozenset("@%")


async def check_links(request: WireRequest, *, inside: bool) -> None:
    """Refuse a request with an address that points inside. ``inside``: its provider is a server of the operator's.

    Raises:
        InvalidInput: one points inside, is no plain web address, there are too many of them, or any at all ``inside``.
    """
    links = request.size.links
    if not links:
        return
    if inside:
        raise InvalidInput(_NO_ADDRESSES)
    if len(links) > limits.MAX_LINKS:
        raise InvalidInput("There are too many addresses in this request.")
    hosts = {_host_of(link) for link in links}
    if len(hosts) > limits.MAX_LINKED_HOSTS:
        raise InvalidInput("There are addresses of too many servers in this request.")
    if not all(await asyncio.gather(*map(_is_public, hosts))):
        raise InvalidInput(_REFUSAL)


def _host_of(link: str) -> str:
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        raise InvalidInput(_REFUSAL) from None
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidInput(_REFUSAL)
    if _AMBIGUOUS.search(link) or not _AMBIGUOUS_IN_SERVER.isdisjoint(parts.netloc):
        raise InvalidInput(_REFUSAL)
    return host


async def _is_public(host: str) -> bool:
    try:
        found = await asyncio.wait_for(
            asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM), limits.LOOK_UP_SECONDS
        )
    except (OSError, UnicodeError, TimeoutError):
        # A name that only others know.
        return True
    return all(_is_public_address(str(address[0])) for *_, address in found)


def _is_public_address(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_global and not mapped.is_multicast
