"""Calls of tools: put together from the pieces in which a stream brings them, and made fit to be sent again."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

from projectloom.ids import new_id
from projectloom.providers.base import ToolCall, storable_text

# No model calls so many tools at once or writes so much for them; a stream without an end must not fill the memory.
MAX_CALLS = 128
MAX_ARGUMENT_CHARS = 1_000_000
MAX_NAME_CHARS = 64
MAX_CALL_ID_CHARS = 128

# What both providers take as a name or an id when a call is told to them again.
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(slots=True)
class _Pieces:
    call_id: str
    name: str
    arguments: list[str] = field(default_factory=list[str])


class CallsInPieces:
    """The calls of one reply while they arrive, each under its index."""

    def __init__(self) -> None:
        self._open: dict[int, _Pieces] = {}
        self._begun = 0
        self._chars = 0

    def begin(self, index: int, call_id: object, name: object) -> None:
        """Begin a call. Raises ``ValueError`` when there are too many."""
        self._begun += 1
        if self._begun > MAX_CALLS:
            raise ValueError("too many calls")
        self._open[index] = _Pieces(_fit(call_id, MAX_CALL_ID_CHARS), _fit(name, MAX_NAME_CHARS))

    def is_open(self, index: int) -> bool:
        """Whether a call of this index has begun and not ended."""
        return index in self._open

    def add(self, index: int, piece: str) -> None:
        """More of a call's arguments. Raises ``ValueError`` when they are beyond all size."""
        self._chars += len(piece)
        if self._chars > MAX_ARGUMENT_CHARS:
            raise ValueError("too long arguments")
        if index in self._open:
            self._open[index].arguments.append(piece)

    def end(self, index: int) -> list[ToolCall]:
        """The whole call of this index; nothing when none is open."""
        pieces = self._open.pop(index, None)
        if pieces is None:
            return []
        arguments = storable_text("".join(pieces.arguments)).strip()
        # A call without an id could not be answered.
        return [ToolCall(pieces.call_id or new_id("call"), pieces.name or "unnamed", arguments or "{}")]

    def end_all(self) -> list[ToolCall]:
        """Every call that is open, in their order."""
        return [call for index in sorted(self._open) for call in self.end(index)]


def arguments_of(call: ToolCall) -> dict[str, Any] | None:
    """A call's arguments as an object that can be sent again; None when they are none, as where a limit cut them."""
    try:
        value = json.loads(call.arguments_json)
        if not isinstance(value, dict):
            return None
        # Written once more without what JSON can spell and no encoder takes: halves of surrogate pairs, infinities.
        plain = storable_text(json.dumps(value, ensure_ascii=False, allow_nan=False))
        return cast("dict[str, Any]", json.loads(plain))
    except (ValueError, RecursionError):
        return None


def _fit(value: object, most: int) -> str:
    return _NOT_A_NAME.sub("_", value)[:most] if isinstance(value, str) else ""
