"""What stands in a log, and how: lines for people, or one JSON object each (``LOG_FORMAT=json``).

Each line carries the request it belongs to, and the turn, run or order where one is named. Never what a person typed:
Reflex writes a whole event, its arguments included, when it finds no handler for it (after an update, say), and the
SDKs write whole requests when somebody asks for more to be logged. Those lines keep their cause, or are not written.
"""

import json
import logging
import os
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from projectloom.ids import new_id

_SPEAKERS = ("reflex_base.event.processor.event_processor", "reflex.app", "reflex.state")
# What speaks to others over the network says only that something went wrong: below that it quotes what was sent.
_QUOTING = (
    "anthropic", "openai", "stripe", "httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "urllib3", "requests",
    "asyncio", "socketio", "engineio", "websockets", "multipart", "python_multipart", "sqlalchemy", "psycopg",
    "authlib", "smtplib", "mail", "aiosqlite", "redis", "granian", "reflex", "reflex_base",
)  # fmt: skip
_request: ContextVar[str | None] = ContextVar("request", default=None)
# What every record has; the rest was added by whoever wrote the line.
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def request_began() -> str:
    """Name the request that this task serves; what is logged on its behalf carries the name."""
    name = new_id("req")
    _request.set(name)
    return name


class _WithoutArguments(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if "Event(" in record.getMessage():
            record.msg, record.args = "An event of a page could not be processed.", ()
            # The cause may quote the event as well; its kind is enough to look further.
            if record.exc_info and record.exc_info[0] is not None:
                record.msg += f" ({record.exc_info[0].__name__})"
            record.exc_info = record.exc_text = None
        return True


class _Quiet(logging.Filter):
    """Holds for every handler, whatever level somebody set on a logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.name.partition(".")[0] not in _QUOTING


def keep_typed_text_out() -> None:
    """Take the arguments of events out of Reflex's log lines."""
    for name in _SPEAKERS:
        logging.getLogger(name).addFilter(_WithoutArguments())


def begin_logging(form: str, level: str) -> None:
    """Write the log of this process to its standard error. ``form`` is ``human`` or ``json``."""
    keep_typed_text_out()
    handler = logging.StreamHandler()
    handler.addFilter(_Quiet())
    handler.setFormatter(JsonLines() if form == "json" else _Lines())
    # In place of whatever stands there: a model provider's SDK that is told to log brings a handler of its own, which
    # would write each prompt.
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Stripe's prints past all handlers. It is loaded after this.
    os.environ.pop("STRIPE_LOG", None)
    for name in _QUOTING:
        logging.getLogger(name).setLevel(logging.WARNING)


def _told(record: logging.LogRecord) -> dict[str, Any]:
    told = {name: value for name, value in vars(record).items() if name not in _PLAIN and not name.startswith("_")}
    request = _request.get()
    return {"request_id": request, **told} if request is not None else told


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the request and what was named beside it, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_told(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=False, default=str)


class _Lines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """The line, and after it what was named beside it."""
        told = " ".join(f"{name}={value}" for name, value in _told(record).items())
        return f"{super().formatMessage(record)} [{told}]" if told else super().formatMessage(record)
