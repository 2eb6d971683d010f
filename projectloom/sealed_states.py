"""What Reflex keeps in Redis and sends through it, encrypted: it holds what people typed and read, keys among it.

Reflex writes a page's state, who holds a page's socket, and what one server tells a page at another as pickles, which
whoever can write to Redis could replace by code of theirs. So each is sealed with AES-256-GCM
(https://csrc.nist.gov/pubs/sp/800/38/d/final) under a key derived from the master secret before it leaves the process,
and what does not open is never unpickled. A page whose state does not open begins anew from the database, as it does
after an update; a socket's record that does not open is none, and a message that does not open reaches nobody.

A seal says that one of these servers wrote something, and not for which page: nothing that reads it is told.
"""

import pickle
import secrets
from typing import Any, BinaryIO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from reflex.state import BaseState
from reflex.utils import token_manager
from reflex_base.utils.exceptions import StateSchemaMismatchError

_NONCE_BYTES = 12
_STATES = b"projectloom page states"
_SOCKETS = b"projectloom page sockets"


class _Seal:
    """Encrypts for one purpose, and opens what was encrypted for it with the same secret."""

    def __init__(self, master_secret: str, purpose: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(master_secret.encode())
        self._cipher, self._purpose = AESGCM(key), purpose

    def close(self, clear: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, clear, self._purpose)

    def open(self, data: bytes) -> bytes:
        """Raises InvalidTag or ValueError for anything else."""
        return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], self._purpose)


class _SealedPickle:
    """Stands for the module ``pickle`` where Reflex uses no more of it than this."""

    def __init__(self, seal: _Seal) -> None:
        self._seal = seal

    def dumps(self, value: object) -> bytes:
        return self._seal.close(pickle.dumps(value))

    def loads(self, data: bytes) -> Any:
        """Raises UnpicklingError for what was not sealed here, which Reflex takes for nothing."""
        try:
            clear = self._seal.open(data)
        except (InvalidTag, ValueError) as error:
            raise pickle.UnpicklingError("The record was not sealed here.") from error
        return pickle.loads(clear)  # noqa: S301


def seal_states(master_secret: str) -> None:
    """Let this process seal everything that Reflex pickles for Redis, and open only what the same secret sealed.

    Reflex offers no place for it, so two functions are wrapped and a module's pickle is replaced. An update that
    renames them fails here.
    """
    seal, states = _Seal(master_secret, _STATES), cast("Any", BaseState)
    write, read = states._serialize, states._deserialize  # noqa: SLF001

    def sealed(self: BaseState) -> bytes:
        return seal.close(write(self))

    def opened(_cls: type[BaseState], data: bytes | None = None, fp: BinaryIO | None = None) -> Any:
        if data is None:
            data = b"" if fp is None else fp.read()
        try:
            clear = seal.open(data)
        except (InvalidTag, ValueError) as error:
            raise StateSchemaMismatchError("The stored state was not sealed here.") from error
        return read(data=clear)

    states._serialize = sealed  # noqa: SLF001
    states._deserialize = classmethod(opened)  # noqa: SLF001
    sockets = cast("Any", token_manager)
    if not hasattr(sockets, "pickle"):
        raise RuntimeError("Reflex keeps its records of sockets in another way, which has to be sealed anew.")
    sockets.pickle = _SealedPickle(_Seal(master_secret, _SOCKETS))
