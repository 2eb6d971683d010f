"""Server-sent events from raw bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html).

The SDKs turn every event into a validated object, which costs more than all else in relaying a stream, hides OpenAI's
``[DONE]``, and lets a malformed event escape as whichever error it happens to raise. So the SDKs make the call, and the
body is read here.
"""

import json
from typing import Any, NamedTuple, cast

import orjson

# No provider's event comes near it; a body that never breaks a line must not fill the memory.
MAX_EVENT_BYTES = 4_000_000


class EventTooLarge(ValueError):
    """An event is over :data:`MAX_EVENT_BYTES`."""


class ServerEvent(NamedTuple):
    """One event: its name, empty if it has none, and its data."""

    name: str
    data: str

    def json(self) -> dict[str, Any]:
        """The data as a JSON object. Raises ``ValueError`` when it is none."""
        try:
            value = _value(self.data)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(value, dict):
            raise ValueError("not an object")
        return cast("dict[str, Any]", value)


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        # Stricter than the clients that we stand before, which take half a character or a NaN.
        return json.loads(text)


class EventDecoder:
    """Collects chunks of a body and hands out the events they complete. An event cut off by the end is dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that this chunk completes. Raises :class:`EventTooLarge`."""
        lines = (self._rest + chunk).splitlines(keepends=True)
        self._rest = b""
        # A last line without its end waits for more; so does one that ends in CR, whose LF may be in the next chunk.
        if lines and not lines[-1].endswith(b"\n"):
            self._rest = lines.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge
        return [event for line in lines if (event := self._line(line.rstrip(b"\r\n"))) is not None]

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            event = ServerEvent(self._name, "\n".join(self._data)) if self._data else None
            self._name, self._data, self._size = "", [], 0
            return event
        name, _, value = line.partition(b":")
        if name not in (b"event", b"data"):
            return None
        self._size += len(value)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLarge
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"event":
            self._name = text
        else:
            self._data.append(text)
        return None


def lone_event(whole: bytes) -> ServerEvent | None:
    """The event that these bytes hold from begin to end; None where they hold none."""
    # Nearly every event of OpenAI's is one line.
    if whole.startswith(b"data: ") and whole.find(b"\n") == len(whole) - 2 and b"\r" not in whole:
        return ServerEvent("", whole[6:-2].decode("utf-8", "replace"))
    found = EventDecoder().feed(whole)
    return found[0] if found else None
