"""The faults of the model stand-ins that a person or a test has armed, and who takes them.

They lie in the sandbox's own store as its other rules do, so that every process sees them and they outlive a restart.
Each chat request takes at most one: the oldest that fits its provider, its model and the text of its prompt.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_ARMED = 500
MAX_TIMES = 100_000
MAX_SECONDS = 600
MAX_TOKENS = 1_000_000
MAX_BYTES = 100_000_000

Provider = Literal["anthropic", "openai"]


class Trouble(StrEnum):
    """What goes wrong with a request to a model."""

    STATUS = "status"
    """An error status with the provider's own error object."""
    HTML_502 = "html_502"
    NOT_JSON = "not_json"
    NO_ANSWER = "no_answer"
    SLOW_FIRST_BYTE = "slow_first_byte"
    STALL = "stall"
    DRIP = "drip"
    CUT = "cut"
    """The answer ends as if it were whole: for a stream without its last events, otherwise in half a JSON object."""
    RESET = "reset"
    ERROR_EVENT = "error_event"
    """In a stream an event with an error; otherwise the status of that error."""
    BAD_JSON = "bad_json"
    UNKNOWN_EVENTS = "unknown_events"
    COMMENTS = "comments"
    CRLF = "crlf"
    SPLIT_CHARACTERS = "split_characters"
    TERMINAL_MISSING = "terminal_missing"
    TERMINAL_TWICE = "terminal_twice"
    AFTER_TERMINAL = "after_terminal"
    USAGE_MISSING = "usage_missing"
    USAGE_ZERO = "usage_zero"
    USAGE_NEGATIVE = "usage_negative"
    USAGE_NAN = "usage_nan"
    USAGE_FRACTION = "usage_fraction"
    USAGE_TEXT = "usage_text"
    USAGE_HUGE = "usage_huge"
    USAGE_ABOVE_HOLD = "usage_above_hold"
    """Ten times the input, and more output than was allowed."""
    USAGE_CACHED_ABOVE_PROMPT = "usage_cached_above_prompt"
    USAGE_FIRST_ONLY = "usage_first_only"
    USAGE_LAST_ONLY = "usage_last_only"
    OTHER_MODEL = "other_model"
    REFUSAL = "refusal"
    REFUSAL_WORDS = "refusal_words"
    LENGTH_EMPTY = "length_empty"
    TEXT_NUL = "text_nul"
    TEXT_SURROGATES = "text_surrogates"
    TEXT_SCRIPTS = "text_scripts"
    TEXT_LONG_TOKEN = "text_long_token"  # noqa: S105 - a model's token, no secret
    ENDLESS_TOOLS = "endless_tools"
    """Every answer is another tool call, as long as tools are offered."""
    TOOL_UNKNOWN = "tool_unknown"
    TOOL_ARGUMENTS_CUT = "tool_arguments_cut"
    """The arguments of tool calls are no JSON; the reason for stopping says nothing of it."""


TROUBLE_WORDS: Mapping[str, Mapping[Trouble, str]] = {
    "Instead of an answer": {
        Trouble.STATUS: "an error status",
        Trouble.HTML_502: "a 502 page in HTML",
        Trouble.NOT_JSON: "a body that is not JSON",
        Trouble.NO_ANSWER: "the connection closes without an answer",
    },
    "Timing": {
        Trouble.SLOW_FIRST_BYTE: "a slow first byte",
        Trouble.STALL: "a stall",
        Trouble.DRIP: "tokens drip slowly",
    },
    "Broken off": {
        Trouble.CUT: "a clean cut",
        Trouble.RESET: "a connection reset",
        Trouble.ERROR_EVENT: "an error event",
        Trouble.TERMINAL_MISSING: "all but the last event",
    },
    "Odd events": {
        Trouble.BAD_JSON: "bad JSON in an event",
        Trouble.UNKNOWN_EVENTS: "unknown kinds of events",
        Trouble.COMMENTS: "comments and pings",
        Trouble.CRLF: "CRLF line ends",
        Trouble.SPLIT_CHARACTERS: "chunks end inside characters",
        Trouble.TERMINAL_TWICE: "the last event twice",
        Trouble.AFTER_TERMINAL: "events after the last one",
    },
    "Usage": {
        Trouble.USAGE_MISSING: "no usage",
        Trouble.USAGE_ZERO: "zero usage",
        Trouble.USAGE_NEGATIVE: "negative usage",
        Trouble.USAGE_NAN: "usage that is NaN",
        Trouble.USAGE_FRACTION: "usage in fractions",
        Trouble.USAGE_TEXT: "usage as text",
        Trouble.USAGE_HUGE: "absurdly large usage",
        Trouble.USAGE_ABOVE_HOLD: "usage above the hold",
        Trouble.USAGE_CACHED_ABOVE_PROMPT: "more cached than there is prompt",
        Trouble.USAGE_FIRST_ONLY: "usage in the first event only",
        Trouble.USAGE_LAST_ONLY: "usage in the last event only",
    },
    "Answers": {
        Trouble.OTHER_MODEL: "another model answers",
        Trouble.REFUSAL: "a refusal without text",
        Trouble.REFUSAL_WORDS: "a refusal in words",
        Trouble.LENGTH_EMPTY: "out of tokens without text",
        Trouble.TEXT_NUL: "text with NUL",
        Trouble.TEXT_SURROGATES: "text with lone surrogates",
        Trouble.TEXT_SCRIPTS: "text in every script",
        Trouble.TEXT_LONG_TOKEN: "one very long word",
    },
    "Tools": {
        Trouble.ENDLESS_TOOLS: "an endless tool loop",
        Trouble.TOOL_UNKNOWN: "a call of a tool that is not there",
        Trouble.TOOL_ARGUMENTS_CUT: "tool arguments that are not JSON",
    },
}
"""Every trouble in words for people, by group."""


class ProviderFaultRequest(BaseModel):
    """A fault for the next chat requests that fit."""

    model_config = ConfigDict(extra="forbid")

    kind: Trouble
    provider: Literal["anthropic", "openai", "both"] = "both"
    model: str = Field(default="", max_length=100)
    """Requests for this model only; any model if empty."""
    marker: str = Field(default="", max_length=1_000)
    """Requests with this text anywhere in their prompt only; any prompt if empty."""
    times: int = Field(default=1, ge=1, le=MAX_TIMES)
    after_tokens: int = Field(default=10, ge=0, le=MAX_TOKENS)
    """How many tokens of the reply come before a stall, a cut, a reset, bad JSON, an unknown or an error event."""
    after_bytes: int | None = Field(default=None, ge=0, le=MAX_BYTES)
    """For a stall, a cut and a reset: so many bytes of the answer's body come first, rather than tokens."""
    seconds: float = Field(default=1, ge=0, le=MAX_SECONDS, allow_inf_nan=False)
    """How long what waits keeps waiting; for tokens that drip, the time between two."""
    status: int = Field(default=500, ge=400, le=599)
    retry_after: int | None = Field(default=None, ge=0, le=86_400)
    """Seconds in a ``Retry-After`` header beside the status; no header if not said."""
    code: str = Field(default="", max_length=80)
    """The error's own code (OpenAI, such as ``insufficient_quota``) or type (Anthropic) in place of the usual one."""
    answers_as: str = Field(default="", max_length=100)
    """The model that answers in place of the one asked for."""

    @field_validator("marker", "model")
    @classmethod
    def _storable(cls, value: str) -> str:
        return value.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Taken:
    """The fault of one request, or of none: then ``asked`` is None and nothing goes wrong."""

    asked: ProviderFaultRequest | None = None

    def has(self, *kinds: Trouble) -> bool:
        """Whether it is one of these."""
        return self.asked is not None and self.asked.kind in kinds

    def sure(self) -> ProviderFaultRequest:
        """The fault, where :meth:`has` has said that there is one."""
        if self.asked is None:
            raise LookupError("no fault was taken")
        return self.asked


def arm(db: sqlite3.Connection, asked: ProviderFaultRequest) -> int:
    """Let the next requests that fit go wrong, after the faults armed before; the fault's number.

    Beyond :data:`MAX_ARMED` the oldest is forgotten.
    """
    added = db.execute(
        "INSERT INTO provider_faults (asked, remaining) VALUES (?, ?)", (asked.model_dump_json(), asked.times)
    )
    db.execute(
        "DELETE FROM provider_faults WHERE id NOT IN (SELECT id FROM provider_faults ORDER BY id DESC LIMIT ?)",
        (MAX_ARMED,),
    )
    return added.lastrowid or 0


def take(db: sqlite3.Connection, *, provider: Provider, model: str, text: str) -> Taken:
    """The fault of this request, used up by it."""
    for row in db.execute("SELECT * FROM provider_faults ORDER BY id").fetchall():
        asked = ProviderFaultRequest.model_validate_json(row["asked"])
        if asked.provider in (provider, "both") and asked.model in ("", model) and asked.marker in text:
            db.execute("UPDATE provider_faults SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
            db.execute("DELETE FROM provider_faults WHERE remaining <= 0")
            return Taken(asked)
    return Taken()


def armed(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """The faults that are still to come, in their order, each with its ``id`` and how often it ``remaining`` comes."""
    rows = db.execute("SELECT * FROM provider_faults ORDER BY id").fetchall()
    return [{"id": row["id"], "remaining": row["remaining"]} | json.loads(row["asked"]) for row in rows]


def disarm(db: sqlite3.Connection, number: int | None = None) -> int:
    """Forget one fault, or all of them; how many were forgotten."""
    return db.execute("DELETE FROM provider_faults WHERE ?1 IS NULL OR id = ?1", (number,)).rowcount
