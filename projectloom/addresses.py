"""From which network address a request comes, where proxies stand in between.

What a client writes into ``X-Forwarded-For`` is believed only as far as proxies that the operator named have added to
it. Limits count by :func:`block_of`, since one subscriber is given a whole block of IPv6 addresses.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_BLOCK_BITS = 64


@dataclass(frozen=True, slots=True)
class Proxies:
    """Whom to believe: proxies at these networks, or so many of them in a row in front of this server."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    count: int = 0

    @property
    def any(self) -> bool:
        """Whether there are any to believe."""
        return bool(self.networks or self.count)

    @classmethod
    def read(cls, text: str) -> "Proxies":
        """``"2"``, or ``"10.0.0.0/8, ::1"``; empty trusts none. Raises ValueError."""
        if text.strip().isdecimal():
            return cls(count=int(text))
        return cls(tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()))

    def client(self, peer: str, forwarded: str) -> str:
        """The address of the client, as far as it is known: ``peer`` connected, ``forwarded`` is the header's text.

        Each proxy appends the address that connected to it, so the list is read from its end.
        """
        told = [part.strip() for part in forwarded.split(",") if part.strip()]
        if self.count:
            # Fewer entries than proxies: somebody reached this server past them.
            return _plain(told[-self.count], peer) if len(told) >= self.count else peer
        client = peer
        while told and self._trusts(client):
            client = _plain(told.pop(), client)
        return client

    def _trusts(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        return any((mapped or found) in network for network in self.networks)


def block_of(address: str) -> str:
    """What stands for one subscriber: an IPv4 address, or an IPv6 address without its lower half."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, _BLOCK_BITS), strict=False))


def _plain(told: str, otherwise: str) -> str:
    """An address as a proxy wrote it, perhaps with a port; ``otherwise`` where it is none."""
    text = told.removeprefix("[").partition("]")[0] if told.startswith("[") else told
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return otherwise
