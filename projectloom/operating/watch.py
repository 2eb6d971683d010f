"""What no event tells: that something waits for too long, is late, slow, exhausted, or has become too much.

What all servers share is looked at by one of them, from the same figures that monitoring reads; what is one process's
own, by itself. Each trouble is told once a day for as long as it lasts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import REGISTRY

from projectloom import limits
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.mails.alerts import alert
from projectloom.money import Nanos, format_usd
from projectloom.operating.figures import Counting, Figures, JobRun, read_figures


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a person should look at."""

    cause: str
    subject: str
    words: str


def watch_all() -> None:
    """Tell what all servers share that is not as it should be.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    _tell(list(_shared(read_figures())))


def _shared(found: Figures) -> Iterator[Trouble]:
    if found.holds.oldest_seconds > limits.HOLD_OLD_SECONDS:
        words = (
            f"The oldest of {found.holds.count} holds is {_minutes(found.holds.oldest_seconds)} old, longer than any "
            "reply lasts. Recovery should have resolved it; the log says why not."
        )
        yield Trouble("hold_old", "Credit is held for too long", words)
    if found.inbox.oldest_seconds > limits.INBOX_OLD_SECONDS:
        words = (
            f"{found.inbox.count} events of Stripe's wait to be handled, the oldest for "
            f"{_minutes(found.inbox.oldest_seconds)}. They are tried again."
        )
        yield Trouble("inbox_late", "Stripe's events wait", words)
    lost = found.found_by(Counting.LOSSES) or 0
    if lost > limits.LOSSES_TOLD_NANOS:
        words = f"They cost {format_usd(Nanos(lost))} today. python -m projectloom usage --losses lists them."
        yield Trouble("losses", "Replies cost the house", words)
    for run in found.jobs:
        if is_late(run):
            words = (
                f"'{run.name}' has not gone well for {_minutes(run.done_seconds or 0)} and failed {run.failures} times "
                f"since: {run.error or 'no server does it'}."
            )
            yield Trouble(f"job_late:{run.name}", "Periodic work is late", words)


def is_late(run: JobRun) -> bool:
    """Whether a job that one server does for all is not done as it should be."""
    if run.done_seconds is None:
        return run.failures >= limits.JOB_FAILURES_TOLD
    return run.done_seconds > limits.JOB_LATE_SECONDS.get(run.name, limits.JOB_LATE_USUALLY_SECONDS)


class SelfWatch:
    """This process's own troubles since it last looked."""

    def __init__(self) -> None:
        self._before = _counts()

    def look(self) -> None:
        """Tell what came since the last look.

        Raises:
            DatabaseUnavailable: the database cannot be reached; it is told the next time.
        """
        counts = _counts()
        since = {name: count - self._before[name] for name, count in counts.items()}
        _tell(list(_own(since)))
        self._before = counts


def _own(since: dict[str, float]) -> Iterator[Trouble]:
    if since["pool"] + since["thread"]:
        words = (
            "No connection to the database, or no thread, was free in time, and people were told to try again. More "
            "servers, or a quicker database, would help."
        )
        yield Trouble("exhausted", "A server was exhausted", words)
    for provider in _PROVIDERS:
        came = since[f"{provider}:words"]
        slow = came - since[f"{provider}:quick"]
        if came >= limits.SLOW_REPLIES_OF and slow > came * limits.SLOW_REPLIES_PART:
            words = (
                f"{slow:.0f} of {came:.0f} replies waited more than {limits.SLOW_WORD_SECONDS:.0f} seconds for their "
                f"first word from {provider}."
            )
            yield Trouble(f"slow:{provider}", "Replies are slow", words)


_PROVIDERS = ("anthropic", "openai")


def _counts() -> dict[str, float]:
    def sample(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    counts = {why: sample("loom_database_trouble_total", why=why) for why in ("pool", "thread")}
    for provider in _PROVIDERS:
        counts[f"{provider}:words"] = sample("loom_turn_first_word_seconds_count", provider=provider)
        within = str(limits.SLOW_WORD_SECONDS)
        counts[f"{provider}:quick"] = sample("loom_turn_first_word_seconds_bucket", provider=provider, le=within)
    return counts


def _tell(troubles: list[Trouble]) -> None:
    if not troubles:
        return
    with transaction() as session:
        for one in troubles:
            words = f"{one.words} This is said once a day for as long as it lasts."
            alert(session, key=f"{one.cause}:{now():%Y-%m-%d}", subject=one.subject, words=words)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes"
