"""Reading along while a provider's bytes pass through: its usage, its end, and nothing else until somebody asks.

Only the few events that tell something are decoded; the text of a reply is decoded when a checkpoint wants it. What the
client did not ask for (usage that we asked for) is taken out, and what it asked for may be added to, before it leaves.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, cast

import orjson

from projectloom.errors import ProviderError
from projectloom.providers.base import storable_text
from projectloom.providers.failures import from_error_event
from projectloom.providers.reports import RunningUsage, anthropic_usage, openai_usage
from projectloom.providers.sse import MAX_EVENT_BYTES, EventDecoder, EventTooLarge, ServerEvent, lone_event
from projectloom.providers.whole_answers import SPOKE, WholeReader, strings_in
from projectloom.providers.wire_requests import WireRequest
from projectloom.providers.wire_sizes import mapping_of
from projectloom.tokens import Usage

# What a client gets beside a provider's own usage: made of the usage so far, as JSON values by name.
Extras = Callable[[Usage], Mapping[str, Any]]

_EVENT_END = re.compile(rb"\r?\n\r?\n")
# A quote inside of a JSON text has a backslash before it, so what a model writes never looks like these.
_OPENAI_TELLS = re.compile(rb'"usage"\s*:\s*\{|"finish_reason"\s*:\s*"|"error"\s*:\s*[{"]|(?:^|\n)data:\s*\[DONE\]')
_ANTHROPIC_TELLS = re.compile(rb'"type"\s*:\s*"(?:message_start|message_delta|message_stop|error)"')
# What stands in nearly every chunk of a stream, spelt as its server spells it: no reason to finish, and no usage.
_OPENAI_PLAIN = re.compile(rb'"finish_reason"\s*:\s*null(?:[^"{\[]*,\s*"usage"\s*:\s*null)?')


class WireReader(Protocol):
    """Reads one answer along."""

    done: bool
    """The provider has ended the answer itself."""
    ended: bool
    """The model has; a last report may follow."""
    spoke: bool
    """Something of the model's has come: words, calls of tools, vectors."""
    usage: Usage | None
    usage_final: bool
    failure: ProviderError | None
    """What the provider said in the stream of having failed; what came before it was handed out. Nothing follows."""

    def feed(self, chunk: bytes) -> bytes:
        """What the client gets of what has come.

        What cannot be read passes as it is: a client may know what to do with it, and it tells us nothing.

        Raises:
            ValueError: an event is beyond all size.
        """
        ...

    def finish(self) -> bytes:
        """What was kept back when the body ended.

        Raises ValueError and ProviderError where an answer in one piece cannot be read, or tells of a failure.
        """
        ...

    def written(self) -> str:
        """All that the model wrote so far, thoughts and arguments of tools included. Costs decoding."""
        ...


def wire_reader(request: WireRequest, extras: Extras) -> WireReader:
    """The reader for the answer to a request."""
    if not request.stream:
        return WholeReader(request.provider)
    if request.provider == "anthropic":
        return _AnthropicWire(extras)
    return _OpenAIWire(extras, hides_usage=not request.wants_usage)


class _Along(ABC):
    """Cuts a body into whole events and keeps them for whoever wants what was written."""

    def __init__(self, tells: re.Pattern[bytes]) -> None:
        self.done = False
        self.ended = False
        self.spoke = False
        self.usage: Usage | None = None
        self.usage_final = False
        self.failure: ProviderError | None = None
        self._reports = RunningUsage()
        self._tells = tells
        self._rest = b""
        self._decoder = EventDecoder()
        self._undecoded: list[bytes] = []
        self._written: list[str] = []

    def feed(self, chunk: bytes) -> bytes:
        """See :class:`WireReader`."""
        data = self._rest + chunk if self._rest else chunk
        cut = max(data.rfind(b"\n\n") + 2, data.rfind(b"\n\r\n") + 3)
        # Not found is -1, which the lengths make 1 or 2.
        if cut < len(b"\n\n") + 1:
            cut = 0
        whole, self._rest = data[:cut], data[cut:]
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge
        if not whole or self.done or self.failure is not None:
            return b""
        return self._until_done(whole)

    def finish(self) -> bytes:
        """See :class:`WireReader`. An event that the end cut off is dropped, as every client would."""
        return b""

    def written(self) -> str:
        """See :class:`WireReader`."""
        waiting, self._undecoded = self._undecoded, []
        for chunk in waiting:
            for event in self._decoder.feed(chunk):
                self._written += _written_in(event)
        self._written = [storable_text("".join(self._written))]
        return self._written[0]

    def _noted(self, part: bytes) -> bytes:
        self._undecoded.append(part)
        self.spoke = self.spoke or SPOKE.search(part) is not None
        return part

    def _until_done(self, whole: bytes) -> bytes:
        """What passes of whole events: those that may tell something one by one, what lies between them as it is."""
        # What tells something is mostly at the end, so all that is before it is tried together.
        early = self._likely_plain(whole)
        begin = early if early and self._is_plain(whole if early == len(whole) else whole[:early]) else 0
        if begin == len(whole):
            return self._noted(whole)
        passed: list[bytes] = []
        passed_to = 0
        for end in _ends_of_events(whole, begin):
            event = whole[begin:end]
            if not self._is_plain(event):
                if passed_to < begin:
                    passed.append(self._noted(whole[passed_to:begin]))
                try:
                    passed.append(self._passing(self._noted(event)))
                except ProviderError as error:
                    self.failure = error
                passed_to = end
                if self.done or self.failure is not None:
                    return b"".join(passed)
            begin = end
        if passed_to < len(whole):
            passed.append(self._noted(whole[passed_to:]))
        return b"".join(passed)

    def _passing(self, event: bytes) -> bytes:
        if not self._tells.search(event):
            return event
        told = lone_event(event)
        try:
            return self._told(event, told) if told is not None else event
        except ValueError:
            return event

    @abstractmethod
    def _likely_plain(self, whole: bytes) -> int:
        """How far whole events, from the first on, most likely tell nothing; the end of one of them, or 0."""

    @abstractmethod
    def _is_plain(self, events: bytes) -> bool:
        """Whether whole events certainly tell nothing. All that passes is asked about, so it must cost little."""

    @abstractmethod
    def _told(self, event: bytes, told: ServerEvent) -> bytes:
        """What passes of an event that tells something."""

    def _take(self, usage: Usage | None, *, final: bool) -> None:
        for seen in self._reports.take(usage, spoke=self.spoke, final=final):
            self.usage, self.usage_final = seen.usage, seen.final


class _OpenAIWire(_Along):
    def __init__(self, extras: Extras, *, hides_usage: bool) -> None:
        super().__init__(_OPENAI_TELLS)
        self._extras = extras
        self._hides_usage = hides_usage
        self._plain: bytes | None = None
        self._nulls_usage = False

    def _likely_plain(self, whole: bytes) -> int:
        plain = self._spelling(whole)
        return 0 if plain is None else _end_of_event(whole, whole.rfind(plain))

    def _is_plain(self, events: bytes) -> bool:
        plain = self._spelling(events)
        if plain is None:
            return False
        reasons = events.count(plain)
        # Every reason to finish is none, and so is every usage; nothing failed and nothing ended.
        return (
            reasons > 0
            and events.count(b'"finish_reason"') == reasons
            and events.count(b'"usage"') == (reasons if self._nulls_usage else 0)
            and b'"error"' not in events
            and b"[DONE]" not in events
        )

    def _spelling(self, events: bytes) -> bytes | None:
        if self._plain is None and (found := _OPENAI_PLAIN.search(events)) is not None:
            self._plain, self._nulls_usage = found[0], b'"usage"' in found[0]
        return self._plain

    def _told(self, event: bytes, told: ServerEvent) -> bytes:
        if told.data.startswith("[DONE]"):
            # Without a finish reason the server closed an answer that the model had not ended.
            self.done = self.ended
            return event
        body = told.json()
        if body.get("error"):
            raise from_error_event("openai", body)
        choices = body.get("choices")
        listed = cast("list[object]", choices) if isinstance(choices, list) else []
        self.ended = self.ended or any(mapping_of(one).get("finish_reason") for one in listed)
        if not isinstance(body.get("usage"), dict):
            return event
        self._take(openai_usage(mapping_of(body["usage"])), final=self.ended)
        if self._hides_usage:
            return b"data: " + _json({**body, "usage": None}) + b"\n\n" if listed else b""
        if self.usage is None:
            return event
        body["usage"] = {**mapping_of(body["usage"]), **self._extras(self.usage)}
        return b"data: " + _json(body) + b"\n\n"


class _AnthropicWire(_Along):
    def __init__(self, extras: Extras) -> None:
        super().__init__(_ANTHROPIC_TELLS)
        self._extras = extras
        self._report: dict[str, Any] = {"output_tokens": 0}

    def _likely_plain(self, whole: bytes) -> int:
        # A reply's words come between its first events and its last two.
        if self._is_plain(whole):
            return len(whole)
        return _end_of_event(whole, max(whole.rfind(b"content_block_delta"), whole.rfind(b"content_block_stop")))

    def _is_plain(self, events: bytes) -> bool:
        return b"message_" not in events and b'"error"' not in events

    def _told(self, event: bytes, told: ServerEvent) -> bytes:
        body = told.json()
        match body.get("type"):
            case "message_start":
                self._count(mapping_of(body.get("message")), final=False)
            case "message_delta":
                self.ended = self.ended or bool(mapping_of(body.get("delta")).get("stop_reason"))
                if self._count(body, final=self.ended) and self.ended and self.usage is not None:
                    body["usage"] = {**mapping_of(body["usage"]), **self._extras(self.usage)}
                    return b"event: message_delta\ndata: " + _json(body) + b"\n\n"
            case "message_stop":
                self.done = True
            case "error":
                raise from_error_event("anthropic", body)
            case _:
                pass
        return event

    def _count(self, message: Mapping[str, Any], *, final: bool) -> bool:
        told = {name: value for name, value in mapping_of(message.get("usage")).items() if value is not None}
        if "output_tokens" not in told:
            # Without a count of its own it says nothing of what came since the start.
            return False
        before, report = self.usage, self._report | told
        self._take(anthropic_usage(report), final=final)
        if self.usage is not before:
            self._report = report
        return self.usage is not None


def _end_of_event(whole: bytes, place: int) -> int:
    """Where the event around a place ends; 0 where there is no such place or no end that is looked for here."""
    end = -1 if place < 0 else whole.find(b"\n\n", place)
    return 0 if end < 0 else end + len(b"\n\n")


def _ends_of_events(whole: bytes, begin: int) -> Iterator[int]:
    """Where each event ends, of bytes that end with one, from the begin of an event on."""
    if b"\r" in whole:
        yield from (found.end() for found in _EVENT_END.finditer(whole, begin))
        return
    end = whole.find(b"\n\n", begin) + 2
    while end >= len(b"\n\n"):
        yield end
        end = whole.find(b"\n\n", end) + 2


def _written_in(event: ServerEvent) -> Iterator[str]:
    """What the model wrote in one event; nothing where it cannot be read."""
    try:
        body = event.json()
    except ValueError:
        return
    for name in ("choices", "delta", "content_block"):
        yield from strings_in(body.get(name))


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # Half a character, which a client may take all the same.
        return json.dumps(value, separators=(",", ":")).encode()
