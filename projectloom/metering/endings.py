"""How a turn's call ended, in one place for every kind of call: what it brought, and in which words it failed."""

from projectloom.errors import LoomError, ProviderError
from projectloom.metering.feeds import Feed, WireFeed
from projectloom.metering.models import Completion
from projectloom.metering.settling import Outcome


def outcome_of(feed: Feed, completion: Completion, error: LoomError | None) -> Outcome:
    """What is settled of a feed whose call has ended."""
    if isinstance(feed, WireFeed):
        return _relayed(feed, completion, error)
    called = sum(len(call.name.encode()) + len(call.arguments_json.encode()) for call in feed.calls)
    answered = bool(feed.vectors or feed.calls)
    return Outcome(feed.text, feed.usage, feed.usage_final, completion, error, answered=answered, called_bytes=called)


def _relayed(feed: WireFeed, completion: Completion, error: LoomError | None) -> Outcome:
    """What a program got is not kept: only how long it was, where the provider did not count."""
    reader = feed.reader
    counted = reader.usage is not None and reader.usage_final
    written = 0 if counted else len(reader.written().encode())
    return Outcome("", reader.usage, reader.usage_final, completion, error, answered=reader.spoke, called_bytes=written)


def broke_off() -> ProviderError:
    """It stopped before its end."""
    return ProviderError("The reply broke off. You only pay for what came.", kind="broken_stream")


def too_much() -> ProviderError:
    """A server that ignores the limit it was given would write, and cost, without an end."""
    words = "The model wrote far more than it was asked for, so the reply was cut. You pay for at most what was held."
    return ProviderError(words, kind="too_much")


def too_long() -> ProviderError:
    """It did not end within the longest time that a turn may take."""
    return ProviderError("The reply took too long, so it was cut. You only pay for what came.", kind="too_long")
