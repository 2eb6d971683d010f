"""The agent, from the outside: start a run, watch it, stop it.

A run is a task of the server's own, as a turn is: watching it is optional, and leaving changes nothing for it. While it
works it gives signs of life; a run without them has no process any more and is ended by recovery.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from projectloom import limits
from projectloom.assistants.agent_models import AgentRun, Reason, RunState
from projectloom.assistants.agent_runs import (
    AgentRequest,
    RunView,
    Standing,
    end_run,
    give_sign,
    is_running,
    open_run,
    read_run,
    request_stop,
)
from projectloom.assistants.agent_work import RunFeed, Said, Work, WorkEvent, first_messages, step_request
from projectloom.db import in_meter_thread, in_thread
from projectloom.errors import DatabaseUnavailable
from projectloom.metering.models import Funding

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run that is under way (or was, when the same request came before)."""

    run_id: str
    conversation_id: str
    model: str
    feed: RunFeed | None
    """What it does, where this process runs it."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The end of a run, with all that it did and what it cost."""

    run: RunView


RunEvent = WorkEvent | RunEnded


class AgentRunner:
    """The runs that this process is at work on."""

    def __init__(self) -> None:
        self._feeds: dict[str, RunFeed] = {}
        self._works: dict[str, Work] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, run: AgentRun, request: AgentRequest, funding: Funding) -> RunFeed:
        """Begin the work of a committed run. Returns at once."""
        feed = RunFeed(run.id)
        self._feeds[run.id], self._works[run.id] = feed, Work(run, request, feed, funding)
        self._tasks[run.id] = asyncio.create_task(self._run(run.id, feed), name=f"agent:{run.id}")
        return feed

    def feed(self, run_id: str) -> RunFeed | None:
        """The feed of a run that this process is at work on."""
        return self._feeds.get(run_id)

    def living(self) -> frozenset[str]:
        """The runs that this process still vouches for."""
        return frozenset(self._feeds)

    async def stop(self, run_id: str) -> None:
        """Stop a run where it is. Does nothing for one that is not at work here."""
        work = self._works.get(run_id)
        if work is not None:
            await work.stop()

    async def drain(self, grace: float = 0) -> None:
        """Let no run begin another step and wait until all have ended: the server is closing.

        That takes no longer than the named time after the ``grace`` that the meter gives the calls under way.

        The calls that are under way are ended by the meter.
        """
        for work in self._works.values():
            work.interrupt()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=grace + limits.DRAIN_SECONDS)

    async def _run(self, run_id: str, feed: RunFeed) -> None:
        work = self._works[run_id]
        signs = asyncio.create_task(_give_signs(run_id, work))
        state, reason = RunState.FAILED, Reason.TROUBLE
        try:
            state, reason = await work.run()
        except Exception:  # noqa: BLE001 - logged; a run always comes to its end
            _log.exception("agent failed unexpectedly", extra={"run_id": run_id})
        finally:
            await self._end(run_id, work, state, reason)
            signs.cancel()
            feed.end()
            for table in (self._feeds, self._works, self._tasks):
                table.pop(run_id, None)

    async def _end(self, run_id: str, work: Work, state: RunState, reason: Reason) -> None:
        try:
            await in_meter_thread(end_run, run_id, state, reason, answer=work.answer, turn_id=work.answered_by)
        except Exception:  # noqa: BLE001 - logged
            # Its lease runs out, and recovery ends it. Its turns tell what was said.
            _log.exception("run not ended", extra={"run_id": run_id})


async def _give_signs(run_id: str, work: Work) -> None:
    while True:
        await asyncio.sleep(limits.AGENT_LIFE_SECONDS)
        try:
            standing = await in_meter_thread(give_sign, run_id)
            if standing is not Standing.RUNNING:
                # Stopped from another process, or ended by one that believed this one dead.
                await work.stop()
        except DatabaseUnavailable:
            _log.warning("run gave no sign of life", extra={"run_id": run_id})


agents = AgentRunner()


async def start_agent(request: AgentRequest) -> StartedRun:
    """Record a run and begin its work. Returns as soon as the run is durable.

    Raises what :func:`projectloom.assistants.agent_runs.open_run` raises: what its first step would be refused for too.
    """
    # Once begun, opening runs to its end even if the caller leaves; a committed run must find its runner.
    return await asyncio.shield(asyncio.ensure_future(_open_and_work(request)))


async def _open_and_work(request: AgentRequest) -> StartedRun:
    first = step_request(request, first_messages(request.task), source="agent", left=request.budget_nanos)
    opened = await in_thread(open_run, request, first)
    run, funding = opened.run, opened.funding
    feed = agents.feed(run.id) if funding is None else agents.start(run, request, funding)
    return StartedRun(run.id, run.conversation_id, run.model, feed)


def find_started(user_id: str, run_id: str) -> StartedRun:
    """A person's run, to be watched from its beginning. Raises NotFound."""
    run = read_run(user_id, run_id)
    return StartedRun(run.id, run.conversation_id, run.model, agents.feed(run.id))


async def follow_run(user_id: str, run: StartedRun) -> AsyncIterator[RunEvent]:
    """All that a run does from its beginning, then exactly one :class:`RunEnded`.

    Of a run that another process is at work on, or that has ended, only the answer and the end.
    """
    if run.feed is not None:
        async for event in run.feed.follow():
            yield event
    # A feed also ends when the database was away at the end; recovery then ends the run.
    while await in_thread(is_running, user_id, run.run_id):  # noqa: ASYNC110 - what is awaited is in the database
        await asyncio.sleep(limits.WATCH_POLL_SECONDS)
    view = await in_thread(read_run, user_id, run.run_id)
    if run.feed is None and view.answer:
        yield Said(view.answer)
    yield RunEnded(view)


async def stop_agent(user_id: str, run_id: str) -> None:
    """Stop a run where it is. What it said is kept and charged. Stopping one that has ended changes nothing.

    Raises:
        NotFound: there is no such run, or it is somebody else's.
    """
    await in_thread(request_stop, user_id, run_id)
    # Another process sees the request at its next sign of life.
    await agents.stop(run_id)
